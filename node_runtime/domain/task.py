"""Tasks, assignments, submissions and scores as the chain records them.

Amounts are base units (``int``, 1 UNIT = 10**12), moments are milliseconds of chain time (``int``). Names match the
chain's metadata.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from node_runtime.errors import ErrorType, FailureCategory

from .assets import Account, AssetRef, Digest, ModelId, ObjectiveId, SubmissionId
from .permissions import PUBLIC, Permissions

UNIT = 10**12

TaskId = NewType("TaskId", int)
PlanId = NewType("PlanId", int)


class Kind(StrEnum):
    ANNOTATION = "annotation"
    TRAINING = "training"
    RESTRUCTURING = "restructuring"
    SCORING = "scoring"
    AGGREGATION = "aggregation"
    FUNCTION = "function"


@dataclass(frozen=True, kw_only=True)
class Review:
    """The judge and the review window, at whose end a result is accepted by default. Window 0 accepts at once."""

    judge: Account
    window: int  # ms


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The terms of a task. ``deadline`` is a moment, ``timeout`` a duration, both in ms."""

    kind: Kind
    reward: int
    bond: int
    slots: int
    max_rejects: int
    max_failures: int
    review: Review
    deadline: int
    timeout: int
    plan: PlanId | None = None
    assignee: Account | None = None


class OutputKind(StrEnum):
    MODEL = "model"
    PERFORMANCE = "performance"


@dataclass(frozen=True, kw_only=True)
class OutputRole:
    """A declared output. Only its worker may take a ``private`` one further, whose bytes stay on that node."""

    name: str
    kind: OutputKind
    private: bool = False


@dataclass(frozen=True, kw_only=True)
class Take:
    """A model that a task takes of a parent: ``output`` is its index among the parent's declared outputs, 0 of a parent
    that declares none."""

    parent: TaskId
    output: int = 0


@dataclass(frozen=True, kw_only=True)
class Roles:
    """The declared outputs of a task, and what it takes of its parents; without ``outputs`` those of its kind."""

    outputs: tuple[OutputRole, ...] = ()
    takes: tuple[Take, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The immutable part of a task: the digest of its document in storage, and the inputs it may use.

    Without ``roles`` a task makes its kind's one output and takes the first model of each parent. ``rights`` are
    those that its creator gives on what it makes: they narrow what the inputs give, never who may work on it.
    """

    digest: Digest
    uri: str
    assets: tuple[AssetRef, ...]
    models: tuple[ModelId, ...]
    parents: tuple[TaskId, ...]
    objectives: tuple[ObjectiveId, ...]
    roles: Roles | None = None
    rights: Permissions = PUBLIC

    def output(self, index: int) -> OutputRole | None:
        """Return the declared output at this index."""
        declared = () if self.roles is None else self.roles.outputs
        return declared[index] if index < len(declared) else None


class TaskState(StrEnum):
    WAITING = "waiting"
    OPEN = "open"
    PAUSED = "paused"
    CLOSING = "closing"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    EXPIRED = "expired"

    @property
    def final(self) -> bool:
        return self in (TaskState.DONE, TaskState.CANCELLED, TaskState.FAILED, TaskState.EXPIRED)


@dataclass(frozen=True, kw_only=True)
class Counters:
    live: int
    submitted: int
    accepted: int
    rejected: int
    failures: int
    closed: int = 0  # slots that can't get a result any more


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task as the chain holds it. ``held`` is the escrow still held for it, ``held_for_spec`` until its purge."""

    id: TaskId
    creator: Account
    terms: Terms
    state: TaskState
    counters: Counters
    held: int
    created: int  # ms
    paused_until: int | None = None  # ms; a pause until the deadline ends the task, an earlier one ends by itself
    ended: int | None = None  # ms, once it is final
    held_for_spec: int = 0
    stalled_since: int | None = None  # ms: no attempt is live, and no account that tried may try again

    @property
    def free_slots(self) -> int:
        counters = self.counters
        return self.terms.slots - counters.live - counters.submitted - counters.accepted - counters.closed


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Tasks that are cancelled together. ``cancelled`` is the moment in ms."""

    id: PlanId
    creator: Account
    cancelled: int | None = None


class AssignmentState(StrEnum):
    LIVE = "live"
    SUBMITTED = "submitted"
    FAILED = "failed"
    LAPSED = "lapsed"
    ABORTED = "aborted"
    HANDED_BACK = "handed_back"


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One account's attempt at a task. ``epoch`` is its fencing token, ``due`` the last moment to submit.

    ``fees`` are held in addition to the bond, for the account's failure reports at this task. ``error_type`` follows
    from the category.
    """

    task: TaskId
    worker: Account
    epoch: int
    since: int
    due: int
    bond: int
    state: AssignmentState
    submission: SubmissionId | None = None
    category: FailureCategory | None = None
    log: Digest | None = None  # of a failed attempt
    paid: int = 0  # for an aborted attempt
    price: int = 0  # of an attempt that was handed back
    fees: int = 0
    hand_backs: int = 0  # of this account, at a price
    error_type: ErrorType | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        if self.category is not None:
            object.__setattr__(self, "error_type", self.category.error_type)


class SubmissionState(StrEnum):
    UNDER_REVIEW = "under_review"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class Standing(StrEnum):
    CERTIFIED = "certified"
    CROSS_VALIDATION = "cross_validation"


class Voucher(StrEnum):
    OWN = "own"
    INDEPENDENT = "independent"
    OWNER = "owner"
    COMMITTEE = "committee"


@dataclass(frozen=True, kw_only=True)
class Score:
    """An exact score, its standing and its voucher."""

    value: Decimal
    standing: Standing
    voucher: Voucher


@dataclass(frozen=True, kw_only=True)
class CertifiedScore:
    """A permanent score: computed by the objective's own metric, of a model that is clean for the objective."""

    objective: ObjectiveId
    submission: SubmissionId
    model: ModelId
    value: Decimal
    voucher: Voucher
    scorer: Account
    payer: Account
    at: int  # ms


@dataclass(frozen=True, kw_only=True)
class Perf:
    """A named number of a perf.json, with the chain's exact value."""

    name: str
    value: Decimal


@dataclass(frozen=True, kw_only=True)
class Output:
    """A named output folder, e.g. ``model``, and its tree digest."""

    name: str
    digest: Digest


@dataclass(frozen=True, kw_only=True)
class Result:
    """A worker's result: the digest of result.json, the outputs and their location, and the numbers of a scoring task,
    the score first, or a function's performances."""

    digest: Digest
    outputs: tuple[Output, ...]
    uri: str
    perfs: tuple[Perf, ...] = ()

    def output(self, name: str) -> Digest | None:
        return next((output.digest for output in self.outputs if output.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A submitted result and the state of its review. ``until`` is set while it is under review.

    The ``score`` is decided at acceptance; ``same_as`` is the task's earliest submission with the same outputs.
    """

    id: SubmissionId
    task: TaskId
    worker: Account
    epoch: int
    result: Result
    state: SubmissionState
    score: Score | None = None
    same_as: SubmissionId | None = None
    until: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Balance:
    free: int
    held: int
