"""How does a file become tasks on chain? Check, store, register, create: each step may be repeated."""

from contextlib import ExitStack
from dataclasses import dataclass

from node_runtime.creator.begun import Notes
from node_runtime.creator.creating import SubmittedTask, Work, create_tasks, created_since
from node_runtime.creator.lookup import look_up, own_objectives
from node_runtime.creator.prices import check_balance
from node_runtime.creator.upload import Uploaded, register, upload
from node_runtime.errors import ChainUnavailable, InputError
from node_runtime.ports import AssetStore, Chain, Say
from node_runtime.spec import SpecFile
from node_runtime.spec_models import ObjectiveSpec
from node_runtime.task import Objective, ObjectiveId, PlanId, TaskId

AGAIN = "submit the same again: it goes on where this one ended, and creates nothing twice"


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """What a file became. ``plan`` binds several tasks together."""

    objectives: tuple[Objective, ...]
    plan: PlanId | None
    tasks: tuple[SubmittedTask, ...]


def submit(file: SpecFile, chain: Chain, store: AssetStore, *, say: Say, notes: Notes | None = None) -> Submitted:
    """Submit a whole file; tasks come in its order. The same file again makes new tasks of the same assets.

    With ``notes`` it goes on instead with what an earlier one left that was killed or cut off, and pays nothing twice.
    Raises `SpecError` for what it names in vain and `ChainRefused` for what the rules don't allow; then none of its
    tasks can be taken.
    """
    specs = [spec for _, spec in file.tasks]
    objectives = look_up(file, chain)
    if notes is None or notes.empty:  # else a part of it may be held already, which is seen below
        check_balance(specs, chain)
    uploaded = upload(file, chain.account, store, say=say)
    register(uploaded, chain, store)
    say("registered on chain")
    with ExitStack() as stack:
        if notes is not None:
            stack.enter_context(notes.alone(say))
            chain.catch_up()
        created = tuple(_objective(spec, uploaded, chain, say) for spec in file.objectives)
        objectives |= {objective.name: objective for objective in created}
        if not specs:
            return Submitted(objectives=created, plan=None, tasks=())
        plan, tasks = _tasks(Work(specs=specs, uploaded=uploaded, objectives=objectives), chain, store, say, notes)
        return Submitted(objectives=created, plan=plan, tasks=tasks)


def create_objective(
    spec: ObjectiveSpec, file: SpecFile, chain: Chain, store: AssetStore, *, say: Say, notes: Notes | None = None
) -> Objective:
    """One objective of a file; what else is in it is left alone."""
    entries = tuple(entry for entry in file.entries if entry.spec is spec)
    alone = SpecFile(path=file.path, entries=entries)
    return submit(alone, chain, store, say=say, notes=notes).objectives[0]


def _tasks(
    work: Work, chain: Chain, store: AssetStore, say: Say, notes: Notes | None
) -> tuple[PlanId | None, tuple[SubmittedTask, ...]]:
    with ExitStack() as stack:
        before: TaskId | None = None
        if notes is not None:
            newest = max(chain.tasks_of(chain.account), default=TaskId(0))
            before = stack.enter_context(notes.begun(work.mark(chain), newest))
            if before is None:
                check_balance(work.specs, chain)
        try:
            return create_tasks(work, created_since(before, chain), chain, store, say=say)
        except ChainUnavailable as error:
            error.remedy = AGAIN if notes is not None else "look at 'node-runtime list' before you submit again"
            raise
        except KeyboardInterrupt:
            say(f"stopped: what is created stays; {AGAIN}" if notes is not None else "stopped: what is created stays")
            raise


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
