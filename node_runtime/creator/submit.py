"""How does a file become tasks on chain? Check, store, register, create: each step may be repeated."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from node_runtime.clock import current_time
from node_runtime.creator.documents import document_of
from node_runtime.creator.lookup import Known, look_up, own_objectives
from node_runtime.creator.prices import check_balance, escrow
from node_runtime.creator.terms import chain_spec, terms_of
from node_runtime.creator.upload import Uploaded, register, upload
from node_runtime.document import FILE_NAME, Document, ModelOf
from node_runtime.errors import ChainRefused, ChainUnavailable, InputError
from node_runtime.ports import AssetStore, Chain
from node_runtime.spec import SpecFile
from node_runtime.spec_models import ModelTaskSpec, ObjectiveSpec, ScoringSpec, TaskSpec
from node_runtime.spec_parts import ModelSpec
from node_runtime.task import Digest, Kind, Objective, ObjectiveId, PlanId, TaskId
from node_runtime.units import amount

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class SubmittedTask:
    id: TaskId
    name: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What a file became. ``plan`` binds several tasks together."""

    objectives: tuple[Objective, ...]
    plan: PlanId | None
    tasks: tuple[SubmittedTask, ...]


def submit(file: SpecFile, chain: Chain, store: AssetStore, *, say: Say) -> Submitted:
    """Submit a whole file; tasks come in its order. The same file again makes new tasks of the same assets.

    Raises `SpecError` for what it names in vain and `ChainRefused` for what the rules don't allow; then none of its
    tasks can be taken.
    """
    specs = [spec for _, spec in file.tasks]
    objectives = look_up(file, chain)
    check_balance(specs, chain)
    uploaded = upload(file, chain.account, store, say=say)
    register(uploaded, chain, store)
    say("registered on chain")
    created = tuple(_objective(spec, uploaded, chain, say) for spec in file.objectives)
    objectives |= {objective.name: objective for objective in created}
    if not specs:
        return Submitted(objectives=created, plan=None, tasks=())
    plan = chain.create_plan() if len(specs) > 1 else None
    tasks: list[SubmittedTask] = []
    try:
        for spec in specs:
            tasks.append(_create(spec, tasks, uploaded, objectives, plan, chain, store))
            say(f"task {tasks[-1].id} '{spec.name}' created; {amount(escrow(spec))} held for it")
    except ChainRefused:
        if plan is not None:
            chain.cancel_plan(plan, abort=True)
            say(f"plan {plan} is cancelled, what was held for its tasks is free again")
        raise
    except ChainUnavailable:
        say("the chain went away meanwhile: look at 'node-runtime list' before you submit the file again")
        raise
    return Submitted(objectives=created, plan=plan, tasks=tuple(tasks))


def create_objective(spec: ObjectiveSpec, file: SpecFile, chain: Chain, store: AssetStore, *, say: Say) -> Objective:
    """One objective of a file; what else is in it is left alone."""
    entries = tuple(entry for entry in file.entries if entry.spec is spec)
    alone = SpecFile(path=file.path, entries=entries)
    return submit(alone, chain, store, say=say).objectives[0]


def _objective(spec: ObjectiveSpec, uploaded: Uploaded, chain: Chain, say: Say) -> Objective:
    """Create it, unless the very same is there; names of an account's objectives stay unique."""
    samples = tuple(dict.fromkeys(uploaded.ref(sample).digest for sample in spec.samples))
    wanted = Objective(
        id=ObjectiveId(0),
        owner=chain.account,
        name=spec.name,
        metric=uploaded.ref(spec.metric).digest,
        opener=uploaded.ref(spec.opener).digest,
        direction=spec.direction,
        tolerance=spec.tolerance,
        samples=samples,
    )
    known = own_objectives(chain).get(spec.name)
    if known is not None:
        if _content(known) != _content(wanted):
            raise InputError(
                f"you have an objective '{spec.name}' on chain, number {known.id}, which is another one",
                remedy="give this one its own name; an objective can't be changed",
            )
        say(f"objective {known.id} '{known.name}' is on chain already")
        return known
    number = chain.create_objective(
        name=wanted.name,
        metric=wanted.metric,
        opener=wanted.opener,
        direction=wanted.direction,
        tolerance=wanted.tolerance,
        samples=samples,
    )
    say(f"objective {number} '{spec.name}' created")
    created = chain.objective(number)
    assert created is not None  # the block that made it is finalised
    return created


def _content(objective: Objective) -> tuple[object, ...]:
    samples = frozenset(objective.samples)
    return (objective.metric, objective.opener, objective.direction, objective.tolerance, samples)


def _create(
    spec: TaskSpec,
    before: Sequence[SubmittedTask],
    uploaded: Uploaded,
    objectives: Known,
    plan: PlanId | None,
    chain: Chain,
    store: AssetStore,
) -> SubmittedTask:
    """Store the task's document and create the task. ``before`` are the tasks of the file it may refer to."""
    numbers = {task.name: task.id for task in before}
    models = [_model(model, numbers, uploaded) for model in spec.needed_models]
    scored = objectives[spec.objective] if isinstance(spec, ScoringSpec) and spec.objective is not None else None
    document = document_of(
        spec, ref_of=uploaded.ref, environment_of=uploaded.environment, models=models, objective=scored
    )
    named = (scored,) if scored is not None else tuple(objectives[name] for name in _trained_for(spec))
    digest = _store_document(document, store)
    terms = terms_of(spec, creator=chain.account, now=current_time(chain), plan=plan)
    on_chain = chain_spec(document, digest, store.uri(digest), objectives=tuple(one.id for one in named))
    return SubmittedTask(id=chain.create_task(terms, on_chain), name=spec.name, kind=spec.work)


def _model(model: ModelSpec, numbers: dict[str, TaskId], uploaded: Uploaded) -> ModelOf:
    if model.source is not None:
        return ModelOf(asset=str(uploaded.ref(model.source)))
    if model.submission is not None:
        return ModelOf(submission=model.submission)
    return ModelOf(task=numbers[model.task] if isinstance(model.task, str) else model.task)


def _trained_for(spec: TaskSpec) -> tuple[str | int, ...]:
    return spec.objectives if isinstance(spec, ModelTaskSpec) else ()


def _store_document(document: Document, store: AssetStore) -> Digest:
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as folder:
        file = Path(folder) / FILE_NAME
        file.write_bytes(document.encode())
        return store.put(file)
