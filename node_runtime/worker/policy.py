"""The operator's policy for tasks: default deny, a stable reason code per refusal."""

import re
from dataclasses import dataclass

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.document import Document
from node_runtime.domain.task import Assignment, AssignmentState, Kind, Spec, Task, TaskState, Terms
from node_runtime.domain.units import amount, duration, gpus, size
from node_runtime.errors import FailureCategory

from .reasons import Reason, Refusal

ANY = "any"
MAY_PASS = (FailureCategory.NODE_ERROR, FailureCategory.INPUT_UNAVAILABLE, FailureCategory.IMAGE_UNAVAILABLE)
BLAMES_TASK = (
    FailureCategory.TASK_ERROR,
    FailureCategory.TIMEOUT,
    FailureCategory.OUT_OF_MEMORY,
    FailureCategory.OUTPUT_INVALID,
    FailureCategory.OUTPUT_TOO_LARGE,
    FailureCategory.BUILD_FAILED,
    FailureCategory.IMAGE_UNFIT,
)
HOUR = 3_600_000  # ms
REST = 30_000  # ms until this node retries a task after a failure in MAY_PASS


@dataclass(frozen=True, kw_only=True)
class AllowList:
    """An allow list: exact values, ``^pattern$`` (matched in full), or ``any``. An empty list allows nothing."""

    entries: tuple[str, ...] = ()

    def allows(self, value: str) -> bool:
        return any(_matches(entry, value) for entry in self.entries)

    @property
    def allows_all(self) -> bool:
        return ANY in self.entries


@dataclass(frozen=True, kw_only=True)
class Policy:
    """The operator's rules. Amounts in base units, ``longest`` in ms, ``largest_scratch`` in bytes; None: no limit.

    ``minimum_rate`` is the reward per hour of an attempt's allowed time, ``longest`` the largest allowed time.

    ``algos`` applies to all code that would run: sources of images, ready images by digest, bundles and openers.
    """

    kinds: frozenset[Kind] = frozenset()
    minimum_reward: int = 0
    minimum_rate: int = 0
    largest_bond: int | None = None
    longest: int | None = None
    creators: AllowList = AllowList()
    algos: AllowList = AllowList()
    datasets: AllowList = AllowList()
    manual: bool = False
    largest_scratch: int | None = None
    gives_gpus: bool = False

    @property
    def empty_lists(self) -> tuple[str, ...]:
        """The empty allow lists, by their names in the configuration."""
        lists = (
            ("policy.kinds", self.kinds),
            ("policy.creators", self.creators.entries),
            ("policy.algos", self.algos.entries),
            ("policy.datasets", self.datasets.entries),
        )
        return tuple(name for name, entries in lists if not entries)


def refuse_terms(policy: Policy, task: Task, *, account: Account, now: int, minimum_time: int) -> Refusal | None:
    """Check the task's terms, before its document is fetched. ``now`` and ``minimum_time`` in ms."""
    terms = task.terms
    if task.state is TaskState.OPEN and task.free_slots < 1:
        return taken_by_others()
    if task.state is not TaskState.OPEN:
        message = f"the task is {task.state}, {task.free_slots} of {terms.slots} slots free"
        return Refusal(reason=Reason.NOT_OPEN, message=message, lasting=task.state.final)
    if now + minimum_time > terms.deadline:
        left = (terms.deadline - now) // 1000
        return Refusal(reason=Reason.TIME, message=f"{left} s are left until its deadline", lasting=False)
    for_itself = task.creator == account == terms.assignee  # the chain admits creators as their own assignees
    if terms.review.judge == account and not for_itself:
        return Refusal(reason=Reason.JUDGE, message="this account is its judge, who may not work on it")
    return refuse_offer(policy, task) or refuse_price(policy, terms, now=now)


def taken_by_others() -> Refusal:
    """Return the refusal of a task that other accounts claimed first, until one of them frees a slot."""
    return Refusal(reason=Reason.TAKEN, message="another node was faster: every slot of it is taken", lasting=False)


def refuse_price(policy: Policy, terms: Terms, *, now: int) -> Refusal | None:
    """Check bond, rate and allowed time before a claim; not on resume, where handing back would cost more."""
    held = min(terms.timeout, terms.deadline - now)
    if policy.longest is not None and held > policy.longest:
        message = f"an attempt may take {duration(held)}, policy.longest is {duration(policy.longest)}"
        return Refusal(reason=Reason.LONGEST, message=message, lasting=False)  # shrinks as the deadline approaches
    rate = terms.reward * HOUR // terms.timeout
    if rate < policy.minimum_rate:
        message = f"it pays {amount(rate)} an hour, policy.minimum_rate is {amount(policy.minimum_rate)}"
        return Refusal(reason=Reason.RATE, message=message)
    if policy.largest_bond is not None and terms.bond > policy.largest_bond:
        message = f"its bond is {amount(terms.bond)}, policy.largest_bond is {amount(policy.largest_bond)}"
        return Refusal(reason=Reason.BOND, message=message)
    return None


def refuse_offer(policy: Policy, task: Task) -> Refusal | None:
    """Check kind, reward and creator against the operator's rules."""
    terms = task.terms
    if terms.kind not in policy.kinds:
        return Refusal(reason=Reason.KIND, message=f"policy.kinds doesn't name {terms.kind}")
    if terms.reward < policy.minimum_reward:
        message = f"it pays {amount(terms.reward)}, policy.minimum_reward is {amount(policy.minimum_reward)}"
        return Refusal(reason=Reason.REWARD, message=message)
    if not policy.creators.allows(task.creator):
        return Refusal(reason=Reason.CREATOR, message=f"policy.creators doesn't allow {task.creator}")
    return None


def refuse_history(last: Assignment, task: Task, *, now: int, max_hand_backs: int) -> Refusal | None:
    """Check whether this account may try again after its ``last`` attempt at the task.

    After ``max_hand_backs`` at a price the chain refuses its claims.
    """
    if last.state is AssignmentState.HANDED_BACK:
        message = f"this account handed it back {last.hand_backs} times at a price"
        return Refusal(reason=Reason.TRIED, message=message) if last.hand_backs >= max_hand_backs else None
    if last.state is AssignmentState.LIVE:
        message = "the task is assigned to this account, but not through this daemon; the key may be in use elsewhere"
        return Refusal(reason=Reason.HELD, message=message, lasting=False)
    # a pause of a task assigned to this account alone resets its failures and permits another attempt
    resumable = last.category in BLAMES_TASK and task.terms.assignee == last.worker
    if resumable and task.counters.failures == 0:
        return None
    if last.state is AssignmentState.SUBMITTED:
        return Refusal(reason=Reason.TRIED, message="this account has sent a result of it, and gets one slot only")
    if last.state is not AssignmentState.FAILED or last.category not in MAY_PASS:
        ended = f"{last.state}, {last.category}" if last.category else str(last.state)
        message = f"this account's attempt {last.epoch} has ended: {ended}"
        return Refusal(reason=Reason.TRIED, message=message, lasting=not resumable)
    if now < last.since + REST:
        message = f"attempt {last.epoch} failed with {last.category}; another one follows later"
        return Refusal(reason=Reason.RESTING, message=message, lasting=False)
    return None


def refuse_document(policy: Policy, document: Document, spec: Spec, approved: Digest | None) -> Refusal | None:
    """Check the document that would run, by its digests, not its names.

    ``approved`` is the digest the operator approved for this task, if any.
    """
    if document.person:
        return Refusal(reason=Reason.PERSON, message="a person has to do it")
    refusal = _refuse_code(policy.algos, document)
    if refusal:
        return refusal
    for key in document.data:
        if not policy.datasets.allows(_digest(key)):
            return Refusal(reason=Reason.DATASET, message=f"policy.datasets doesn't allow {_digest(key)}")
    scratch = min(document.limits.scratch, document.limits.memory)
    if policy.largest_scratch is not None and scratch > policy.largest_scratch:
        message = f"it asks for {size(scratch)} of scratch, sandbox.tmp allows {size(policy.largest_scratch)}"
        return Refusal(reason=Reason.TOO_LARGE, message=message)
    asked = document.limits.gpus
    if asked and not policy.gives_gpus:
        message = f"it asks for {gpus(asked, document.limits.gpu_memory)}, pool.gpus is none"
        return Refusal(reason=Reason.NO_GPU, message=message)
    if policy.manual and approved != spec.digest:
        message = "policy.approve is manual: it waits for its operator's approval"
        return Refusal(reason=Reason.APPROVAL, message=message, lasting=False)
    return None


def _refuse_code(algos: AllowList, document: Document) -> Refusal | None:
    """Check digests of code; refuse an entrypoint override, which would run something other than the allowed code."""
    if algos.allows_all:
        return None
    images = [image for _, image in document.images()]
    if any(image.entrypoint is not None for image in images):
        message = "it overrides the entrypoint, which only policy.algos 'any' allows"
        return Refusal(reason=Reason.OVERRIDE, message=message)
    ready = [image.ready for image in images if image.image]
    programs = [_digest(key) for key in document.programs()]
    for digest in (*programs, *ready):
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
