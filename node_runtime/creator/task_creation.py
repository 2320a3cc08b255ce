"""Creation of a file's tasks on chain, exactly once each, also after an interruption."""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property

from node_runtime.creator.terms import chain_spec, escrow, terms_of
from node_runtime.creator.upload import Uploaded
from node_runtime.domain.assets import Digest, Objective
from node_runtime.domain.clock import ChainTime
from node_runtime.domain.document import FILE_NAME, Document, ModelOf
from node_runtime.domain.price import Bounds, Draft
from node_runtime.domain.task import Kind, PlanId, Spec, Task, TaskId, TaskState, Terms
from node_runtime.domain.units import amount
from node_runtime.errors import ChainRefused
from node_runtime.kinds import Resolved, TaskSpec, document_of
from node_runtime.platform.files import scratch_folder
from node_runtime.platform.printable import Say
from node_runtime.ports.chain import ChainReads, CreatorCalls
from node_runtime.ports.store import AssetStore
from node_runtime.spec.common import ModelSpec
from node_runtime.spec.ranks import ranks_of

from .references import Known

_IN_VAIN = (TaskState.CANCELLED, TaskState.FAILED, TaskState.EXPIRED)


@dataclass(frozen=True, kw_only=True)
class SubmittedTask:
    id: TaskId
    name: str
    kind: Kind


@dataclass(frozen=True, kw_only=True)
class PreparedTasks:
    """The tasks of a file, in order, with their stored assets and resolved objectives."""

    specs: Sequence[TaskSpec]
    uploaded: Uploaded
    objectives: Known

    @cached_property
    def _ranks(self) -> Mapping[str, int]:
        return ranks_of(self.specs) if len(self.specs) > 1 else {}

    def document(self, spec: TaskSpec, numbers: dict[str, TaskId]) -> Document:
        """Return the task document. ``numbers`` are the ids of the preceding tasks, which it may refer to."""
        resolved = Resolved(
            ref_of=self.uploaded.ref,
            environment_of=self.uploaded.environment,
            models=[_model(model, numbers, self.uploaded) for model in spec.needed_models],
            objective=None if spec.scored_for is None else self.objectives[spec.scored_for],
            rank=self._ranks.get(spec.name),
        )
        return document_of(spec, resolved)

    def named(self, spec: TaskSpec) -> tuple[Objective, ...]:
        return tuple(self.objectives[name] for _, name in spec.objective_names)

    def draft(self, objectives: Sequence[Objective], chain: ChainReads, store: AssetStore) -> Draft:
        """Return the transactions to price. ``objectives`` are those to create; nothing is stored."""
        numbers = {spec.name: TaskId(0) for spec in self.specs}
        plan = PlanId(0) if len(self.specs) > 1 else None
        tasks = []
        for spec in self.specs:
            document = self.document(spec, numbers)
            digest = Digest(hashlib.sha256(document.encode()).hexdigest())
            named = tuple(one.id for one in self.named(spec))
            terms = terms_of(spec, creator=chain.account, now=0, plan=plan)
            tasks.append((terms, chain_spec(document, digest, store.uri(digest), objectives=named)))
        assets = self.uploaded.assets(lambda ref: store.uri(ref.digest))
        return Draft(assets=tuple(assets), objectives=tuple(objectives), plan=plan is not None, tasks=tuple(tasks))

    def mark(self, chain: ChainReads) -> str:
        """Return a 32-digit hash of the tasks, independent of the file's name."""
        numbers = {spec.name: TaskId(place) for place, spec in enumerate(self.specs)}
        hashed = hashlib.sha256()
        for spec in self.specs:
            hashed.update(repr(terms_of(spec, creator=chain.account, now=0, plan=None)).encode())
            hashed.update(self.document(spec, numbers).encode())
        return hashed.hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Created:
    """A task of this account that is on chain."""

    task: Task
    spec: Spec

    def fits(self, terms: Terms, spec: Spec) -> bool:
        """Return whether the task equals these terms and spec, deadline and plan aside."""
        return spec == self.spec and replace(self.task.terms, deadline=terms.deadline, plan=terms.plan) == terms


def created_since(newest: TaskId | None, chain: ChainReads) -> tuple[Created, ...]:
    """Return the account's tasks created after ``newest`` that are not cancelled, failed or expired."""
    if newest is None:
        return ()
    numbers = [number for number in chain.tasks_of(chain.account) if number > newest]
    found = [(chain.task(number), chain.spec(number)) for number in sorted(numbers)]
    known = [Created(task=task, spec=spec) for task, spec in found if task is not None and spec is not None]
    return tuple(one for one in known if one.task.state not in _IN_VAIN)


@dataclass(frozen=True, kw_only=True)
class Creation:
    """Creates the ``prepared`` tasks except those ``there`` from an interrupted submission.

    Deadlines are computed with ``time``, which each call synchronises with the chain's clock.
    """

    prepared: PreparedTasks
    there: Sequence[Created]
    chain: CreatorCalls
    store: AssetStore
    time: ChainTime
    bounds: Bounds
    say: Say

    def create_all(self) -> tuple[PlanId | None, tuple[SubmittedTask, ...]]:
        """Create all tasks; several share a plan, which is cancelled when the chain refuses one of them."""
        plan = self._plan() if len(self.prepared.specs) > 1 else None
        tasks: dict[str, SubmittedTask] = {}
        try:
            for spec in self.prepared.specs:
                numbers = {name: task.id for name, task in tasks.items()}
                tasks[spec.name] = self._create(spec, numbers, plan)
        except ChainRefused:
            if plan is not None:
                # not aborted: an abort would pay workers that have just claimed a task
                self.chain.cancel_plan(plan, abort=False)
                self.say(
                    f"plan {plan} is cancelled: what is held for tasks nobody has taken is free again; "
                    "a task that was taken goes on"
                )
            raise
        return plan, tuple(tasks.values())

    def _plan(self) -> PlanId:
        """Return the plan of the first task if that exists, else create one."""
        terms, on_chain = self._wanted(self.prepared.specs[0], {}, None)
        for one in self.there:
            if one.fits(terms, on_chain) and one.task.terms.plan is not None:
                return one.task.terms.plan
        with self.time.sending(self.chain):
            return self.chain.create_plan()

    def _create(self, spec: TaskSpec, numbers: dict[str, TaskId], plan: PlanId | None) -> SubmittedTask:
        terms, on_chain = self._wanted(spec, numbers, plan)
        known = [one.task.id for one in self.there if one.fits(terms, on_chain) and one.task.terms.plan == plan]
        if known:
            number, told = known[0], "exists already, from an interrupted submit"
        else:
            # creating a plan has synchronised the clock already
            with self.time.sending(self.chain) if plan is None else nullcontext():
                number = self.chain.create_task(terms, on_chain)
            told = f"created; {amount(escrow([spec], self.bounds))} held for it"
        self.say(f"task {number} {spec.name} {told}")
        return SubmittedTask(id=number, name=spec.name, kind=Kind(spec.kind_name))

    def _wanted(self, spec: TaskSpec, numbers: dict[str, TaskId], plan: PlanId | None) -> tuple[Terms, Spec]:
        """Store the task's document; return its terms and spec for the chain."""
        document = self.prepared.document(spec, numbers)
        digest = _store_document(document, self.store)
        objectives = tuple(one.id for one in self.prepared.named(spec))
        terms = terms_of(spec, creator=self.chain.account, now=self.time.now(), plan=plan)
        return terms, chain_spec(document, digest, self.store.uri(digest), objectives=objectives)


def _model(model: ModelSpec, numbers: dict[str, TaskId], uploaded: Uploaded) -> ModelOf:
    if model.source is not None:
        return ModelOf(asset=str(uploaded.ref(model.source)))
    if model.submission is not None:
        return ModelOf(submission=model.submission)
    return ModelOf(task=numbers[model.task] if isinstance(model.task, str) else model.task)


def _store_document(document: Document, store: AssetStore) -> Digest:
    with scratch_folder() as folder:
        file = folder / FILE_NAME
        file.write_bytes(document.encode())
        return store.put(file)
