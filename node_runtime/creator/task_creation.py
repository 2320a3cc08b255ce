"""Creation of a file's tasks on chain, exactly once each, also after an interruption."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import cached_property

from node_runtime.creator.terms import chain_spec, escrow, terms_of
from node_runtime.creator.upload import Uploaded
from node_runtime.domain.assets import Account, Digest, Objective
from node_runtime.domain.clock import ChainTime
from node_runtime.domain.document import FILE_NAME, Document, ModelOf
from node_runtime.domain.permissions import PUBLIC
from node_runtime.domain.price import Bounds, Draft
from node_runtime.domain.task import Kind, PlanId, Spec, TaskId, Terms
from node_runtime.domain.units import amount
from node_runtime.errors import BLOCK_FULL, ChainRefused
from node_runtime.kinds import Resolved, TaskSpec, document_of, models_made
from node_runtime.platform.files import scratch_folder
from node_runtime.platform.printable import Say
from node_runtime.ports.chain import ChainReads, CreatorCalls
from node_runtime.ports.store import AssetStore
from node_runtime.spec.common import ModelSpec, TakenSpec
from node_runtime.spec.permission_checks import stated_of_outputs
from node_runtime.spec.plan import ExtendedPlan, ranks_of

from .existing import Existing, is_over
from .references import Known, Places, output_of

BATCH = 50  # tasks that one transaction creates: about what a block has room for


@dataclass(frozen=True, kw_only=True)
class SubmittedTask:
    id: TaskId
    name: str
    kind: Kind


@dataclass(frozen=True)
class Wanted:
    """A task of the file with its terms and its spec for the chain."""

    spec: TaskSpec
    terms: Terms
    on_chain: Spec


@dataclass(frozen=True, kw_only=True)
class PreparedTasks:
    """The tasks of a file, in order, with their stored assets, resolved objectives and places of earlier outputs."""

    specs: Sequence[TaskSpec]
    uploaded: Uploaded
    objectives: Known
    in_plan: bool
    plan_name: str | None = None
    extends: ExtendedPlan | None = None
    places: Places = field(default_factory=dict)

    @property
    def earlier(self) -> dict[str, TaskId]:
        """The tasks on chain that the file's tasks may name."""
        own = {spec.name for spec in self.specs}
        known = self.extends.tasks.items() if self.extends is not None else ()
        return {name: number for name, number in known if name not in own}

    @cached_property
    def _ranks(self) -> Mapping[str, int]:
        return ranks_of(self.specs, extends=self.extends) if self.in_plan else {}

    def document(self, spec: TaskSpec, numbers: Mapping[str, TaskId]) -> Document:
        """Return the task document. ``numbers`` are the ids of the preceding tasks, which it may refer to."""
        resolved = Resolved(
            ref_of=self.uploaded.ref,
            environment_of=self.uploaded.environment,
            models=[self._model(model, numbers) for model in spec.needed_models],
            objective=None if spec.measured_by is None else self.objectives[spec.measured_by],
            rank=self._ranks.get(spec.name),
        )
        keep = None if getattr(spec, "keep", True) else False
        return document_of(spec, resolved).model_copy(update={"plan": self.plan_name, "keep": keep})

    def _model(self, model: ModelSpec, numbers: Mapping[str, TaskId]) -> ModelOf:
        if model.source is not None:
            return ModelOf(asset=str(self.uploaded.ref(model.source)))
        if model.submission is not None:
            place = model.output if isinstance(model, TakenSpec) and isinstance(model.output, int) else None
            return ModelOf(submission=model.submission, output=place)
        output = output_of(model)
        parent = next((spec for spec in self.specs if spec.name == model.task), None)
        number = numbers[model.task] if isinstance(model.task, str) else model.task
        assert number is not None  # the YAML's checks require one of the three
        if parent is None:
            return ModelOf(task=number, output=self.places.get((number, output)))
        made = models_made(parent)
        return ModelOf(task=number, output=next(iter(made.values())) if output is None else made[output])

    def ranks(self) -> Iterator[tuple[TaskSpec, ...]]:
        """Yield the tasks rank by rank: each comes after all whose models it takes."""
        ranks = ranks_of(self.specs)
        for rank in sorted(set(ranks.values())):
            yield tuple(spec for spec in self.specs if ranks[spec.name] == rank)

    def named(self, spec: TaskSpec) -> tuple[Objective, ...]:
        return tuple(self.objectives[name] for name in spec.recorded_objectives)

    def on_chain(self, spec: TaskSpec, document: Document, digest: Digest, uri: str, creator: Account) -> Spec:
        named, rights = tuple(one.id for one in self.named(spec)), stated_of_outputs(spec).of(creator)
        return chain_spec(document, digest, uri, objectives=named, rights=rights)

    def draft(self, objectives: Sequence[Objective], chain: ChainReads, store: AssetStore) -> Draft:
        """Return the transactions to price. ``objectives`` are those to create; nothing is stored."""
        numbers = self.earlier | {spec.name: TaskId(0) for spec in self.specs}
        plan = PlanId(0) if self.in_plan else None
        tasks = []
        for spec in self.specs:
            document = self.document(spec, numbers)
            digest = Digest(hashlib.sha256(document.encode()).hexdigest())
            terms = terms_of(spec, creator=chain.account, now=0, plan=plan)
            tasks.append((terms, self.on_chain(spec, document, digest, store.uri(digest), chain.account)))
        assets = self.uploaded.assets(lambda ref: store.uri(ref.digest))
        new_plan = self.in_plan and self.extends is None
        return Draft(
            assets=tuple(assets),
            objectives=tuple(objectives),
            plan=new_plan,
            tasks=tuple(tasks),
            permissions=self.uploaded.permissions,
            admits=self.uploaded.admits,
        )

    def mark(self, chain: ChainReads) -> str:
        """Return a 32-digit hash of the tasks, independent of the file's name."""
        numbers = self.earlier | {spec.name: TaskId(place) for place, spec in enumerate(self.specs)}
        plan = self.extends.number if self.extends is not None else None
        hashed = hashlib.sha256()
        for spec in self.specs:
            hashed.update(repr(terms_of(spec, creator=chain.account, now=0, plan=plan)).encode())
            hashed.update(self.document(spec, numbers).encode())
            if (rights := stated_of_outputs(spec)) != PUBLIC:
                hashed.update(repr(rights).encode())
        return hashed.hexdigest()[:32]


@dataclass(frozen=True, kw_only=True)
class Creation:
    """Creates the ``prepared`` tasks except those ``there`` from an interrupted submission.

    All tasks of one rank are created by few transactions, each whole or not at all. Deadlines are computed with
    ``time``, which the first transaction synchronises with the chain's clock.
    """

    prepared: PreparedTasks
    there: Existing
    chain: CreatorCalls
    store: AssetStore
    time: ChainTime
    bounds: Bounds
    say: Say

    def create_all(self) -> tuple[PlanId | None, tuple[SubmittedTask, ...]]:
        """Create all tasks; several share a plan.

        When the chain refuses one of them, the plan is cancelled, of a plan that they extend only what was created.
        """
        specs, numbers = self.prepared.specs, self.prepared.earlier
        plan = self._plan() if self.prepared.in_plan else None
        try:
            for rank in self.prepared.ranks():
                wanted = [Wanted(spec, *self._wanted(spec, numbers, plan)) for spec in rank]
                numbers |= self._existing(wanted)
                missing = [one for one in wanted if one.spec.name not in numbers]
                for start in range(0, len(missing), BATCH):
                    numbers |= self._create(missing[start : start + BATCH])
        except ChainRefused:
            if self.prepared.extends is not None:
                self._undo([numbers[one.name] for one in specs if one.name in numbers])
            elif plan is not None:
                self._give_up(plan)
            raise
        tasks = (SubmittedTask(id=numbers[one.name], name=one.name, kind=Kind(one.kind_name)) for one in specs)
        return plan, tuple(tasks)

    def _plan(self) -> PlanId:
        """Return the plan that is extended, or that of the first task if that exists; else create one."""
        if self.prepared.extends is not None:
            return self.prepared.extends.number
        known = self.there.plan_of(*self._wanted(self.prepared.specs[0], {}, None))
        if known is not None:
            return known
        with self.time.sending(self.chain):
            return self.chain.create_plan()

    def _give_up(self, plan: PlanId) -> None:
        """Cancel a plan that can't be completed; an abort would also pay workers that have just taken a task."""
        try:
            self.chain.cancel_plan(plan, abort=False)
        except ChainRefused as refused:
            if not is_over(self.chain.plan(plan)):
                self.say(
                    f"plan {plan} could not be cancelled: {refused.message}; 'node-runtime plan cancel {plan}' does"
                )
            return
        self.say(
            f"plan {plan} is cancelled: what is held for tasks nobody has taken is free again; "
            "a task that was taken goes on"
        )

    def _undo(self, numbers: Sequence[TaskId]) -> None:
        """Cancel tasks that were created; those that take models of others end with these."""
        for number in reversed(numbers):
            with suppress(ChainRefused):  # it is final
                self.chain.cancel_task(number, abort=False)
        if numbers:
            self.say(f"{len(numbers)} tasks of it that were there are cancelled; the plan goes on without them")

    def _existing(self, wanted: Sequence[Wanted]) -> dict[str, TaskId]:
        found = {one.spec.name: self.there.find(one.terms, one.on_chain) for one in wanted}
        known = {name: number for name, number in found.items() if number is not None}
        for name, number in known.items():
            self.say(f"task {number} {name} exists already, from an interrupted submit")
        return known

    def _create(self, wanted: Sequence[Wanted]) -> dict[str, TaskId]:
        """Create the tasks in one transaction, or in smaller ones where they are too much for a block."""
        try:
            numbers = self._send(wanted)
        except ChainRefused as refused:
            if refused.rule != BLOCK_FULL or len(wanted) == 1:
                raise
            half = len(wanted) // 2
            return self._create(wanted[:half]) | self._create(wanted[half:])
        for one, number in zip(wanted, numbers, strict=True):
            self.say(f"task {number} {one.spec.name} created; {amount(escrow([one.spec], self.bounds))} held for it")
        return {one.spec.name: number for one, number in zip(wanted, numbers, strict=True)}

    def _send(self, wanted: Sequence[Wanted]) -> tuple[TaskId, ...]:
        # creating a plan has synchronised the clock already
        created_plan = self.prepared.in_plan and self.prepared.extends is None
        with nullcontext() if created_plan else self.time.sending(self.chain):
            if len(wanted) == 1:
                return (self.chain.create_task(wanted[0].terms, wanted[0].on_chain),)
            return self.chain.create_tasks([(one.terms, one.on_chain) for one in wanted])

    def _wanted(self, spec: TaskSpec, numbers: Mapping[str, TaskId], plan: PlanId | None) -> tuple[Terms, Spec]:
        """Store the task's document; return its terms and spec for the chain."""
        document = self.prepared.document(spec, numbers)
        digest = _store_document(document, self.store)
        terms = terms_of(spec, creator=self.chain.account, now=self.time.now(), plan=plan)
        return terms, self.prepared.on_chain(spec, document, digest, self.store.uri(digest), self.chain.account)


def _store_document(document: Document, store: AssetStore) -> Digest:
    with scratch_folder() as folder:
        file = folder / FILE_NAME
        file.write_bytes(document.encode())
        return store.put(file)
