"""The nouns: what a task, an assignment, a submission, an asset and an objective are. No I/O.

Amounts are base units (``int``, 1 UNIT = 10**12), moments are milliseconds of chain time (``int``), digests are 64
lower-case hexadecimal digits (sha256), accounts are SS58 addresses. The same words stand in the chain's metadata.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from node_runtime.errors import FailureCategory

UNIT = 10**12
MICRO = 1_000_000  # scores travel as millionths

Account = NewType("Account", str)
Digest = NewType("Digest", str)
TaskId = NewType("TaskId", int)
SubmissionId = NewType("SubmissionId", int)
ObjectiveId = NewType("ObjectiveId", int)
PlanId = NewType("PlanId", int)


class Kind(StrEnum):
    ANNOTATION = "annotation"
    TRAINING = "training"
    RESTRUCTURING = "restructuring"
    SCORING = "scoring"
    AGGREGATION = "aggregation"


class Label(StrEnum):
    TRAIN = "train"
    TEST = "test"


class AssetKind(StrEnum):
    DATA_SAMPLE = "data_sample"
    OPENER = "opener"
    ALGO = "algo"
    METRIC = "metric"
    BUNDLE = "bundle"
    MODEL = "model"


class Visibility(StrEnum):
    SHARED = "shared"
    PRIVATE = "private"


class Direction(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, kw_only=True)
class AssetRef:
    """Which asset: its owner's account and its tree digest. Written ``owner/digest`` in text."""

    owner: Account
    digest: Digest

    def __str__(self) -> str:
        return f"{self.owner}/{self.digest}"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A registered asset. ``label`` is set for data samples only and never changes."""

    ref: AssetRef
    kind: AssetKind
    label: Label | None
    visibility: Visibility
    uri: str


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What models are scored for: the metric, the opener and the Test samples of one owner."""

    id: ObjectiveId
    owner: Account
    name: str
    metric: Digest
    opener: Digest
    direction: Direction
    tolerance: int  # micro-units of the score
    samples: tuple[Digest, ...]


@dataclass(frozen=True, kw_only=True)
class Model:
    """The model of an accepted submission; ``clean_for`` names the objectives it may be certified for."""

    id: SubmissionId
    owner: Account
    digest: Digest
    uri: str
    parents: tuple[SubmissionId, ...]
    clean_for: tuple[ObjectiveId, ...]


@dataclass(frozen=True, kw_only=True)
class Review:
    """Who judges and how long: at the end of the window silence accepts. Window 0 accepts at once."""

    judge: Account
    window: int  # ms


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a creator offers. ``deadline`` is a moment, ``timeout`` a duration, both in ms."""

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


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The immutable half of a task: the digest of its document in storage, and what it may touch."""

    digest: Digest
    uri: str
    assets: tuple[AssetRef, ...]
    models: tuple[SubmissionId, ...]
    parents: tuple[TaskId, ...]
    objectives: tuple[ObjectiveId, ...]


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
    closed: int = 0  # slots that no result can fill any more


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task as the chain holds it. ``held`` is the escrow still held for it."""

    id: TaskId
    creator: Account
    terms: Terms
    state: TaskState
    counters: Counters
    held: int
    created: int  # ms

    @property
    def free_slots(self) -> int:
        counters = self.counters
        return self.terms.slots - counters.live - counters.submitted - counters.accepted - counters.closed


class AssignmentState(StrEnum):
    LIVE = "live"
    SUBMITTED = "submitted"
    FAILED = "failed"
    LAPSED = "lapsed"
    ABORTED = "aborted"
    HANDED_BACK = "handed_back"


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One account's attempt at a task. ``epoch`` is its fencing token, ``due`` the last moment to submit."""

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
    """``value`` in micro-units; what it counts for and who vouches for it."""

    value: int
    standing: Standing
    voucher: Voucher

    @property
    def number(self) -> float:
        return self.value / MICRO


@dataclass(frozen=True, kw_only=True)
class Output:
    """A named output folder, e.g. ``model``, and its tree digest."""

    name: str
    digest: Digest


@dataclass(frozen=True, kw_only=True)
class Result:
    """What a worker sends: the digest of result.json, the outputs, where they are, and the score if any."""

    digest: Digest
    outputs: tuple[Output, ...]
    uri: str
    perf: int | None = None  # micro-units

    def output(self, name: str) -> Digest | None:
        return next((output.digest for output in self.outputs if output.name == name), None)


@dataclass(frozen=True, kw_only=True)
class Submission:
    """A result on chain, and what became of it. ``until`` is set while it is under review."""

    id: SubmissionId
    task: TaskId
    worker: Account
    epoch: int
    result: Result
    state: SubmissionState
    score: Score | None = None
    until: int | None = None
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class Balance:
    free: int
    held: int
