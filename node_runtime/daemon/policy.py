"""Which tasks this node takes: the operator's rules, default deny, and why a task is refused."""

import re
from dataclasses import dataclass
from enum import StrEnum

from node_runtime.document import Document
from node_runtime.errors import FailureCategory
from node_runtime.task import Account, Assignment, AssignmentState, Digest, Kind, Spec, Task, TaskState

ANY = "any"
MAY_PASS = (FailureCategory.NODE_ERROR, FailureCategory.INPUT_UNAVAILABLE, FailureCategory.IMAGE_UNAVAILABLE)
BLAMES_TASK = (
    FailureCategory.TASK_ERROR,
    FailureCategory.TIMEOUT,
    FailureCategory.OUT_OF_MEMORY,
    FailureCategory.OUTPUT_INVALID,
    FailureCategory.OUTPUT_TOO_LARGE,
)
REST = 30_000  # ms between two attempts of this node when the first failed for one of these


class Reason(StrEnum):
    """Why a task isn't taken: the same code in logs, metrics and the audit file."""

    JUDGE = "own_judge"
    KIND = "kind_not_allowed"
    UNKNOWN_KIND = "unknown_kind"
    PERSON = "needs_a_person"
    REWARD = "reward_too_low"
    CREATOR = "creator_not_allowed"
    ALGO = "algo_not_allowed"
    DATASET = "dataset_not_allowed"
    OVERRIDE = "image_override"
    BUILDING = "building_not_allowed"
    PRIVATE = "private_data"
    APPROVAL = "awaiting_approval"
    NOT_OPEN = "not_open"
    TIME = "deadline_too_close"
    TOO_LARGE = "too_large"
    NO_ROOM = "no_room"
    MISMATCH = "document_mismatch"
    UNAVAILABLE = "document_unavailable"
    UNREADABLE = "not_judged"
    CLAIM_REFUSED = "claim_refused"
    HELD = "held_elsewhere"
    TRIED = "tried_before"
    RESTING = "waits_to_try_again"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """``lasting`` when the answer can't change while the node runs with this configuration."""

    reason: Reason
    message: str
    lasting: bool = True


@dataclass(frozen=True, kw_only=True)
class AllowList:
    """Who or what is let in: exact values, ``^pattern$`` (matched in full), or ``any``. Empty lets nobody in."""

    entries: tuple[str, ...] = ()

    def allows(self, value: str) -> bool:
        return any(_matches(entry, value) for entry in self.entries)

    @property
    def allows_all(self) -> bool:
        return ANY in self.entries


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The operator's rules. ``minimum_reward`` in base units.

    ``algos`` holds for all code that would run: sources of images, ready images by digest, bundles and openers.
    """

    kinds: frozenset[Kind] = frozenset()
    minimum_reward: int = 0
    creators: AllowList = AllowList()
    algos: AllowList = AllowList()
    datasets: AllowList = AllowList()
    manual: bool = False

    @property
    def empty_lists(self) -> tuple[str, ...]:
        """The lists that let nobody in, by their names in the configuration."""
        lists = (
            ("policy.kinds", self.kinds),
            ("policy.creators", self.creators.entries),
            ("policy.algos", self.algos.entries),
            ("policy.datasets", self.datasets.entries),
        )
        return tuple(name for name, entries in lists if not entries)


def refuse_terms(policy: Policy, task: Task, *, account: Account, now: int, minimum_time: int) -> Refusal | None:
    """What speaks against the task before its document is fetched. ``now`` and ``minimum_time`` in ms."""
    terms = task.terms
    if task.state is not TaskState.OPEN or task.free_slots < 1:
        message = f"the task is {task.state}, {task.free_slots} of {terms.slots} slots free"
        return Refusal(reason=Reason.NOT_OPEN, message=message, lasting=task.state.final)
    if now + minimum_time > terms.deadline:
        left = (terms.deadline - now) // 1000
        return Refusal(reason=Reason.TIME, message=f"{left} s are left until its deadline")
    for_itself = task.creator == account == terms.assignee  # the chain lets creators do what they offer themselves
    if terms.review.judge == account and not for_itself:
        return Refusal(reason=Reason.JUDGE, message="this account is its judge, who may not work on it")
    return refuse_offer(policy, task)


def refuse_offer(policy: Policy, task: Task) -> Refusal | None:
    """What the operator's rules have against its kind, its reward or its creator."""
    terms = task.terms
    if terms.kind not in policy.kinds:
        return Refusal(reason=Reason.KIND, message=f"policy.kinds doesn't name {terms.kind}")
    if terms.reward < policy.minimum_reward:
        message = f"it pays {terms.reward}, policy.minimum_reward is {policy.minimum_reward}"
        return Refusal(reason=Reason.REWARD, message=message)
    if not policy.creators.allows(task.creator):
        return Refusal(reason=Reason.CREATOR, message=f"policy.creators doesn't allow {task.creator}")
    return None


def refuse_history(last: Assignment | None, task: Task, *, now: int) -> Refusal | None:
    """What speaks against trying again after this account's ``last`` attempt at the task."""
    if last is None or last.state is AssignmentState.HANDED_BACK:
        return None
    if last.state is AssignmentState.LIVE:
        message = "this account holds it, but not through this daemon: is the key in use elsewhere?"
        return Refusal(reason=Reason.HELD, message=message, lasting=False)
    if last.state is AssignmentState.FAILED and last.category in BLAMES_TASK and task.counters.failures == 0:
        return None  # failures are counted anew when the creator has looked and resumed the task
    if last.state is not AssignmentState.FAILED or last.category not in MAY_PASS:
        ended = f"{last.state}, {last.category}" if last.category else str(last.state)
        resumable = last.category in BLAMES_TASK  # its creator may resume the task between two looks of ours
        message = f"this account's attempt {last.epoch} is {ended}"
        return Refusal(reason=Reason.TRIED, message=message, lasting=not resumable)
    if now < last.since + REST:
        message = f"attempt {last.epoch} failed with {last.category}; another one follows later"
        return Refusal(reason=Reason.RESTING, message=message, lasting=False)
    return None


def refuse_document(policy: Policy, document: Document, spec: Spec, approved: Digest | None) -> Refusal | None:
    """What speaks against the very document that would run; its digests, not its names, are judged.

    ``approved`` is the digest the operator approved for this task, if any.
    """
    if document.person:
        return Refusal(reason=Reason.PERSON, message="a person is to do it: `node-runtime work TASK`")
    refusal = _refuse_code(policy.algos, document)
    if refusal:
        return refusal
    for key in document.data:
        if not policy.datasets.allows(_digest(key)):
            return Refusal(reason=Reason.DATASET, message=f"policy.datasets doesn't allow {_digest(key)}")
    if policy.manual and approved != spec.digest:
        message = "policy.approve is manual: run `node-runtime approve TASK` to let it in"
        return Refusal(reason=Reason.APPROVAL, message=message, lasting=False)
    return None


def _refuse_code(algos: AllowList, document: Document) -> Refusal | None:
    """An entrypoint stands beside the digests and would make any of them run something else."""
    if algos.allows_all:
        return None
    images = [image for image in (document.algo, document.metric) if image]
    if any(image.entrypoint is not None for image in images):
        message = "it sets an entrypoint of its own, which only policy.algos 'any' lets in"
        return Refusal(reason=Reason.OVERRIDE, message=message)
    ready = [image.image.rpartition(":")[2] for image in images if image.image]
    sources = [_digest(image.source) for image in images]
    beside = [_digest(key) for key in (document.bundle, document.opener) if key]
    for digest in (*sources, *ready, *beside):
        if not algos.allows(digest):
            return Refusal(reason=Reason.ALGO, message=f"policy.algos doesn't allow {digest}")
    return None


def _matches(entry: str, value: str) -> bool:
    if entry == ANY:
        return True
    if entry.startswith("^"):
        return re.fullmatch(entry, value) is not None
    return entry == value


def _digest(key: str) -> str:
    return key.split("/", 1)[1]
