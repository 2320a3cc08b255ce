"""The port to the chain: what an account reads, and the calls of workers, creators and judges."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from node_runtime.domain.assets import (
    Account,
    Asset,
    AssetRef,
    Digest,
    Direction,
    Model,
    ModelId,
    Objective,
    ObjectiveId,
    SameBytes,
    SubmissionId,
)
from node_runtime.domain.permissions import PUBLIC, Admits, Permissions
from node_runtime.domain.price import Bounds, Draft, Price
from node_runtime.domain.task import (
    Assignment,
    Balance,
    CertifiedScore,
    Kind,
    Plan,
    PlanId,
    Result,
    Spec,
    Submission,
    Task,
    TaskId,
    Terms,
)
from node_runtime.errors import FailureCategory


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """A task as one block shows it, with its spec and the reading account's latest attempt.

    ``rights`` are those that all its inputs give.
    """

    task: Task
    spec: Spec
    assignment: Assignment | None
    rights: Permissions

    @property
    def output_rights(self) -> Permissions:
        """The rights on what it makes: those that its inputs and its creator give."""
        return self.rights.narrowed(self.spec.rights)


@dataclass(frozen=True, kw_only=True)
class Claimable:
    """The tasks with a free slot that one block offers to an account, and those open to all, oldest first each.

    ``now`` is the block's time, ms.
    """

    now: int
    offers: tuple[TaskId, ...]
    open: tuple[TaskId, ...]


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a spec names, as far as one block knows it: ``accepted`` is the first accepted submission of each parent."""

    assets: Mapping[AssetRef, Asset]
    models: Mapping[ModelId, Model]
    objectives: Mapping[ObjectiveId, Objective]
    accepted: Mapping[TaskId, Submission]


@dataclass(frozen=True, kw_only=True)
class KnownBytes:
    """Where the chain meets bytes by their digest alone, whoever registered them.

    ``model``: the model that they were first; ``objectives``: those that measure models by them.
    """

    model: SameBytes | None
    objectives: tuple[Objective, ...]


class ChainReads(Protocol):
    """One account's view of the chain. Safe to share between threads.

    Reads answer from the last finalised block; what is not there reads as ``None`` or an empty tuple. What belongs
    together is asked by one call, which answers from one block.
    """

    @property
    def account(self) -> Account: ...
    @property
    def genesis(self) -> str:
        """The hash of the genesis block, the same for all development chains."""
        ...

    def now(self) -> int:
        """The chain's clock at the finalised head, ms."""
        ...

    def slot_duration(self) -> int:
        """Milliseconds of a slot, in which the chain makes one block at most."""
        ...

    def bounds(self) -> Bounds:
        """The bounds of a task and its result, as the chain's runtime says."""
        ...

    def balance(self, account: Account) -> Balance: ...
    def price(self, draft: Draft) -> Price:
        """What sending all of this costs at most, at the chain's present rate of fees; assets it knows cost nothing."""
        ...

    def asset(self, ref: AssetRef) -> Asset | None: ...
    def named_by(self, spec: Spec) -> Named:
        """Everything that a task's spec names, at one block."""
        ...

    def known_bytes(self, digest: Digest) -> KnownBytes:
        """Where these bytes are known; a sample that another account registered for training isn't found by digest."""
        ...

    def permissions(self, of: AssetRef | ModelId) -> Permissions:
        """Who may do what with an asset or a model; public of one that is unknown."""
        ...

    def task_rights(self, task: TaskId) -> Permissions:
        """Who may do what with the models of a task, and read its logs: what its inputs and its creator give."""
        ...

    def admits(self, objective: ObjectiveId) -> Admits | None:
        """Whose assets may go into a model that is certified for the objective; None for everyone's."""
        ...

    def assets_of(self, owner: Account) -> tuple[Asset, ...]: ...
    def asset_digests(self) -> frozenset[Digest]:
        """The digests of all assets of all accounts."""
        ...

    def objective(self, objective: ObjectiveId) -> Objective | None: ...
    def objectives_of(self, owner: Account) -> tuple[Objective, ...]: ...
    def model(self, model: ModelId) -> Model | None: ...
    def models_of(self, submission: SubmissionId) -> tuple[Model, ...]:
        """The models that an accepted submission brought, by the index of their outputs."""
        ...

    def every_model(self) -> tuple[Model, ...]:
        """The models of all accounts, also of tasks whose records are purged."""
        ...

    def scores(self, objective: ObjectiveId) -> tuple[CertifiedScore, ...]:
        """Every certified score of the objective, oldest first; they outlive their tasks' records."""
        ...

    def task(self, task: TaskId) -> Task | None: ...
    def spec(self, task: TaskId) -> Spec | None: ...
    def record(self, task: TaskId) -> TaskRecord | None:
        """The task with its spec and this account's attempt, at one block."""
        ...

    def records(self, tasks: Sequence[TaskId]) -> tuple[TaskRecord, ...]:
        """The same of many tasks, at one block, in their order; those that are not there are left out."""
        ...

    def plan(self, plan: PlanId) -> Plan | None: ...

    def claimable(self, kinds: Collection[Kind]) -> Claimable:
        """What this account may claim of these kinds, and its offers of any kind, at one block."""
        ...

    def pending_claims(self) -> Counter[TaskId]:
        """How many claims of each task wait for their block, as far as the chain's node shows that: a hint.

        It includes claims that the chain will refuse; anybody can send these.
        """
        ...

    def open_tasks(self, kind: Kind) -> tuple[TaskId, ...]: ...
    def offers(self, worker: Account) -> tuple[TaskId, ...]: ...
    def every_task(self) -> tuple[TaskId, ...]:
        """The tasks of all creators that are not purged, oldest first."""
        ...

    def tasks_of(self, creator: Account) -> tuple[TaskId, ...]: ...
    def assignment(self, worker: Account, task: TaskId) -> Assignment | None: ...
    def assignments(self, worker: Account) -> tuple[Assignment, ...]: ...
    def assignments_of(self, worker: Account, tasks: Sequence[TaskId]) -> tuple[Assignment | None, ...]:
        """The worker's assignments of these tasks, in their order, at one block."""
        ...

    def attempts(self, task: TaskId) -> tuple[Assignment, ...]:
        """The latest attempt of each account that took the task, oldest first."""
        ...

    def submissions(self, task: TaskId) -> tuple[Submission, ...]: ...
    def submissions_named(self, wanted: Sequence[tuple[TaskId, SubmissionId]]) -> tuple[Submission | None, ...]:
        """These submissions of tasks, in their order, at one block."""
        ...

    def reviews(self, judge: Account) -> tuple[tuple[TaskId, SubmissionId], ...]: ...


class WorkerCalls(ChainReads, Protocol):
    """What a worker asks of the chain.

    Calls, here and below, are signed by `account`, return once their block is finalised, and raise `ChainRefused`
    naming the broken rule, or `ChainUnavailable`. After `ChainUnavailable` a call may or may not have happened: look,
    then repeat it.
    """

    def decline_offer(self, task: TaskId) -> None:
        """Leave a task for good that is offered to this account only; it closes, and that costs nothing."""
        ...

    def assign_task(self, task: TaskId) -> Assignment: ...
    def send_task_result(self, task: TaskId, epoch: int, result: Result) -> SubmissionId:
        """The same result again is success and answers the same submission."""
        ...

    def report_failure(self, task: TaskId, epoch: int, category: FailureCategory, log: Digest) -> None:
        """Its fee stays held until the creator confirms it or the task is final."""
        ...

    def hand_back(self, task: TaskId, epoch: int) -> int:
        """Ends the attempt, for a price by the time it held the slot: base units."""
        ...


class JudgeCalls(ChainReads, Protocol):
    """What the judge of a task's results asks of the chain."""

    def accept_task_results(self, task: TaskId, submission: SubmissionId) -> None: ...
    def reject_task_results(self, task: TaskId, submission: SubmissionId, reason: str) -> None: ...


class CreatorCalls(ChainReads, Protocol):
    """What an account asks of the chain that registers assets, creates tasks and pays for them."""

    def pay(self, account: Account, amount: int) -> None:
        """Send base units to an account; the sender's own account is never emptied."""
        ...

    def register_assets(self, assets: Sequence[Asset], permissions: Permissions = PUBLIC) -> None:
        """Register assets of this account (``ref.owner`` must be it). The same again is success, free of charge.

        Raises `ChainRefused` where one is registered with another uri, which `move_asset` changes, or with other
        permissions than these, which never change.
        """
        ...

    def move_asset(self, digest: Digest, uri: str) -> None:
        """Say where else the bytes of an asset of this account are."""
        ...

    def create_objective(
        self,
        *,
        name: str,
        metric: Digest,
        opener: Digest,
        direction: Direction,
        tolerance: Decimal,
        samples: Sequence[Digest],
        admits: Admits | None = None,
    ) -> ObjectiveId: ...

    def create_plan(self) -> PlanId: ...
    def cancel_plan(self, plan: PlanId, *, abort: bool) -> None:
        """No claims of its tasks any more. What is at work goes on, or with ``abort`` ends, paid by the time held."""
        ...

    def create_task(self, terms: Terms, spec: Spec) -> TaskId:
        """Create a task. ``spec.rights`` are given on its models, this account always among those who have them.

        Raises `ChainRefused`, which names the asset, its owner and the right where one is missing.
        """
        ...

    def create_tasks(self, tasks: Sequence[tuple[Terms, Spec]]) -> tuple[TaskId, ...]:
        """Create all of the tasks or none, in one transaction, in their order.

        Raises `ChainRefused` as `create_task` does for the first that breaks a rule, or where a block can't hold them.
        """
        ...

    def cancel_task(self, task: TaskId, *, abort: bool) -> None:
        """The same for one task; see `node_runtime.domain.price` for what an abort pays."""
        ...

    def resume_task(self, task: TaskId) -> None: ...
    def confirm_failure(self, task: TaskId, worker: Account) -> None:
        """The creator says that the worker's reports so far were right: their fees go back to it."""
        ...

    def purge_task(self, task: TaskId) -> None:
        """Remove the records of a final task, after the chain's retention period: the price of its spec comes back.

        After a rejection, and for others than the creator, its evidence period has to be over as well.
        """
        ...

    def settle(self, task: TaskId) -> None:
        """Poke the task: settle what has fallen due on it and its attempts. Harmless when nothing is due."""
        ...

    def catch_up(self) -> None:
        """Wait until what this account has sent is final, also by programs that were ended before they knew."""
        ...


class Chain(WorkerCalls, CreatorCalls, JudgeCalls, Protocol):
    """All that an account can do, for whoever plays several roles: a person's session, or an adapter."""
