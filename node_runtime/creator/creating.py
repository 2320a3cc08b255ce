"""How do the tasks of a file come on chain, each once? What a submit that ended halfway has created is taken up."""

import hashlib
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from node_runtime.clock import current_time
from node_runtime.creator.documents import document_of
from node_runtime.creator.lookup import Known
from node_runtime.creator.prices import escrow
from node_runtime.creator.terms import chain_spec, terms_of
from node_runtime.creator.upload import Uploaded
from node_runtime.document import FILE_NAME, Document, ModelOf
from node_runtime.errors import ChainRefused
from node_runtime.ports import AssetStore, Chain, Say
from node_runtime.spec_models import ModelTaskSpec, ScoringSpec, TaskSpec
from node_runtime.spec_parts import ModelSpec
from node_runtime.task import Digest, Kind, Objective, PlanId, Spec, Task, TaskId, TaskState, Terms
from node_runtime.units import amount

_IN_VAIN = (TaskState.CANCELLED, TaskState.FAILED, TaskState.EXPIRED)


@dataclass(frozen=True, kw_only=True)
class SubmittedTask:
    id: TaskId
    name: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class Work:
    """The tasks of a file, in its order, with everything that they name stored and on chain."""

    specs: Sequence[TaskSpec]
    uploaded: Uploaded
    objectives: Known

    def document(self, spec: TaskSpec, numbers: dict[str, TaskId]) -> Document:
        """What its worker reads. ``numbers`` are those of the tasks before it, which it may refer to."""
        ref_of, environment_of = self.uploaded.ref, self.uploaded.environment
        models = [_model(model, numbers, self.uploaded) for model in spec.needed_models]
        scored = self._scored(spec)
        return document_of(spec, ref_of=ref_of, environment_of=environment_of, models=models, objective=scored)

    def named(self, spec: TaskSpec) -> tuple[Objective, ...]:
        scored = self._scored(spec)
        if scored is not None:
            return (scored,)
        return tuple(self.objectives[name] for name in spec.objectives) if isinstance(spec, ModelTaskSpec) else ()

    def _scored(self, spec: TaskSpec) -> Objective | None:
        return self.objectives[spec.objective] if isinstance(spec, ScoringSpec) and spec.objective is not None else None

    def mark(self, chain: Chain) -> str:
        """The same for the same work, whatever its file is called: 32 digits."""
        numbers = {spec.name: TaskId(place) for place, spec in enumerate(self.specs)}
        said = hashlib.sha256()
        for spec in self.specs:
            said.update(repr(terms_of(spec, creator=chain.account, now=0, plan=None)).encode())
            said.update(self.document(spec, numbers).encode())
        return said.hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Created:
    """A task of this account that is on chain."""

    task: Task
    spec: Spec

    def fits(self, terms: Terms, spec: Spec) -> bool:
        """Whether it is what would be created, apart from when, and together with what."""
        return spec == self.spec and replace(self.task.terms, deadline=terms.deadline, plan=terms.plan) == terms


def created_since(newest: TaskId | None, chain: Chain) -> tuple[Created, ...]:
    """The account's tasks that came after this one and may still bring something."""
    if newest is None:
        return ()
    numbers = [number for number in chain.tasks_of(chain.account) if number > newest]
    found = [(chain.task(number), chain.spec(number)) for number in sorted(numbers)]
    known = [Created(task=task, spec=spec) for task, spec in found if task is not None and spec is not None]
    return tuple(one for one in known if one.task.state not in _IN_VAIN)


def create_tasks(
    work: Work, there: Sequence[Created], chain: Chain, store: AssetStore, *, say: Say
) -> tuple[PlanId | None, tuple[SubmittedTask, ...]]:
    """Create what isn't ``there`` already. Several tasks are of one plan, which is cancelled when one is refused."""
    plan = _plan(work, there, chain, store) if len(work.specs) > 1 else None
    tasks: dict[str, SubmittedTask] = {}
    try:
        for spec in work.specs:
            numbers = {name: task.id for name, task in tasks.items()}
            tasks[spec.name] = _create(work, spec, numbers, plan, there, chain, store, say)
    except ChainRefused:
        if plan is not None:
            chain.cancel_plan(plan, abort=True)
            say(f"plan {plan} is cancelled, what was held for its tasks is free again")
        raise
    return plan, tuple(tasks.values())


def _plan(work: Work, there: Sequence[Created], chain: Chain, store: AssetStore) -> PlanId:
    """That of the first task, if it is there already."""
    spec = work.specs[0]
    terms, on_chain = _wanted(work, spec, {}, None, chain, store)
    for one in there:
        if one.fits(terms, on_chain) and one.task.terms.plan is not None:
            return one.task.terms.plan
    return chain.create_plan()


def _create(
    work: Work,
    spec: TaskSpec,
    numbers: dict[str, TaskId],
    plan: PlanId | None,
    there: Sequence[Created],
    chain: Chain,
    store: AssetStore,
    say: Say,
) -> SubmittedTask:
    terms, on_chain = _wanted(work, spec, numbers, plan, chain, store)
    known = [one.task.id for one in there if one.fits(terms, on_chain) and one.task.terms.plan == plan]
    number = known[0] if known else chain.create_task(terms, on_chain)
    held = f"created; {amount(escrow(spec))} held for it"
    say(f"task {number} '{spec.name}' " + ("is there, of a submit that ended halfway" if known else held))
    return SubmittedTask(id=number, name=spec.name, kind=spec.work)


def _wanted(
    work: Work, spec: TaskSpec, numbers: dict[str, TaskId], plan: PlanId | None, chain: Chain, store: AssetStore
) -> tuple[Terms, Spec]:
    """The two halves of a task on chain. Its document is in storage then."""
    document = work.document(spec, numbers)
    digest = _store_document(document, store)
    objectives = tuple(one.id for one in work.named(spec))
    terms = terms_of(spec, creator=chain.account, now=current_time(chain), plan=plan)
    return terms, chain_spec(document, digest, store.uri(digest), objectives=objectives)


def _model(model: ModelSpec, numbers: dict[str, TaskId], uploaded: Uploaded) -> ModelOf:
    if model.source is not None:
        return ModelOf(asset=str(uploaded.ref(model.source)))
    if model.submission is not None:
        return ModelOf(submission=model.submission)
    return ModelOf(task=numbers[model.task] if isinstance(model.task, str) else model.task)


def _store_document(document: Document, store: AssetStore) -> Digest:
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as folder:
        file = Path(folder) / FILE_NAME
        file.write_bytes(document.encode())
        return store.put(file)
