"""Task selection: offers first, then open tasks by age; refusals are remembered and retried with backoff."""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from node_runtime.domain.admission import Admitted, admit, admitted_document
from node_runtime.domain.assets import Digest
from node_runtime.domain.clock import ChainTime, time_before
from node_runtime.domain.document import Document, asset_ref
from node_runtime.domain.task import Assignment, Spec, Task, TaskId, TaskState
from node_runtime.errors import AssetMismatch, ChainError, FailureCategory, NodeRuntimeError, StorageError, TaskFailed
from node_runtime.kinds import can_run
from node_runtime.ports.chain import ChainReads, Claimable, TaskRecord
from node_runtime.ports.engine import ContainerEngine
from node_runtime.ports.store import AssetStore
from node_runtime.stores.cache import Cache

from .audit import Audit
from .contention import Contention, claim_order
from .inputs import absent_input, private_inputs
from .logging import error_fields
from .metrics import Metrics
from .policy import Policy, refuse_document, refuse_history, refuse_offer, refuse_terms
from .reasons import Reason, Refusal
from .refusals import Refusals
from .rights import refuse_rights
from .status_file import Refused
from .times import DEFAULTS, Times

log = structlog.get_logger()

ENGINE_REMEDY = "see `docker info`, the engine's log and its disk"
CHECKS_PER_POLL = 50  # tasks checked per poll, so that a long list doesn't delay supervision
_READ_AT_ONCE = 8  # records: the next block may change them before the last is checked


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A task that this node may claim. ``seen`` is `time.monotonic` when the chain first listed it."""

    task: Task
    document: Document
    admitted: Admitted
    seen: float


@dataclass(kw_only=True)
class _Pass:
    """One call of `TaskSelector.candidates`: the tasks it has passed, and how many records it read and checked."""

    passed: set[TaskId]
    read: int = 0
    checked: int = 0
    began: float = field(default_factory=time.monotonic)


class TaskSelector:
    """Selects claimable tasks among the account's offers and the open tasks. Not thread-safe.

    ``approvals`` is the folder of the operator's approvals, one file per task with the approved digest. ``room``
    returns the bytes of disk that inputs may still take, ``gpu_obstacle`` why no container gets a GPU, if so.
    """

    def __init__(
        self,
        *,
        chain: ChainReads,
        time: ChainTime,
        store: AssetStore,
        private: AssetStore,
        cache: Cache,
        engine: ContainerEngine,
        room: Callable[[], int],
        gpu_obstacle: Callable[[], str] = lambda: "",
        policy: Policy,
        minimum_time: int,
        approvals: Path,
        audit: Audit,
        metrics: Metrics,
        times: Times = DEFAULTS,
    ) -> None:
        self._chain = chain
        self._time = time
        self._store = store
        self._private = private
        self._cache = cache
        self._engine = engine
        self._room = room
        self._gpu_obstacle = gpu_obstacle
        self._policy = policy
        self._minimum_time = minimum_time
        self._approvals = approvals
        self._times = times
        self._refusals = Refusals(audit=audit, metrics=metrics, times=times)
        self._unable: str | None = None
        self._contention = Contention(trust=times.refusal.first)
        self._yielded: set[TaskId] = set()  # since the open tasks were last listed
        self.has_more = False  # whether the last call stopped before checking every task

    def candidates(self, *, busy: frozenset[TaskId]) -> Iterator[Candidate]:
        """Yield the tasks the policy allows, offers first, then by age, without those in ``busy``.

        With other nodes about, open tasks of similar age come in an order of this account's own. The caller claims a
        task before it asks for the next one, for which the chain is read anew. A claim that another node's preceded
        ends the pass: the next poll finds what is left.
        """
        run = _Pass(passed=set(busy))
        self.has_more = False
        while (candidate := self._next(run)) is not None:
            self._yielded.add(candidate.task.id)
            yield candidate
            if self._refusals.reason(candidate.task.id) in (Reason.TAKEN, Reason.NOT_OPEN):
                self._contention.lost()
                self.has_more = True
                return

    def refuse(self, task: TaskId, refusal: Refusal) -> None:
        """Remember a refusal and when to check again; log the same reason once."""
        self._refusals.add(task, refusal)

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The tasks that were refused when they were last checked, and are still there to be claimed."""
        return self._refusals.every

    @property
    def unable(self) -> str | None:
        """Why the engine could run nothing when it was last asked."""
        return self._unable

    def forbids(self, task: Task) -> Refusal | None:
        """Check a task that is already assigned against the operator's rules, before its document is read."""
        return refuse_offer(self._policy, task)

    def forbids_document(self, task: Task, spec: Spec, document: Document) -> Refusal | None:
        """Check the document of a task that is already assigned against the operator's rules."""
        return refuse_document(self._policy, document, spec, self._approved(task.id))

    def retry_no_room(self) -> None:
        """Retry at once the tasks that were refused for lack of resources."""
        self._refusals.retry_no_room()

    def _engine_works(self) -> bool:
        """Return whether the engine can run tasks, as a claim costs a fee; log each change."""
        now, before = self._engine.unable(), self._unable
        self._unable = now
        if now is not None and now != before:
            log.warning("nothing_taken", reason=now, remedy=ENGINE_REMEDY)
        if now is None and before is not None:
            log.info("engine_available")
        return now is None

    def _next(self, run: "_Pass") -> Candidate | None:
        """Return the first task in order that may be claimed; read records some at a time, until `CHECKS_PER_POLL`."""
        claimable = self._chain.claimable(self._policy.kinds)
        self._contention.saw_open(claimable.open, self._yielded)
        self._yielded.clear()
        self._refusals.keep({*claimable.offers, *claimable.open})
        opened = self._to_check(claimable.open, run)
        pending = self._pending(opened)
        order = self._in_order(claimable, opened, run)
        if order and not run.checked and not self._engine_works():
            return None
        while order:
            if run.checked >= CHECKS_PER_POLL or (
                run.read and time.monotonic() > run.began + self._times.longest_selection
            ):
                self.has_more = True
                return None
            some, order = order[:_READ_AT_ONCE], order[_READ_AT_ONCE:]
            records = {record.task.id: record for record in self._chain.records(some)}
            run.read += len(some)
            for number in some:
                run.passed.add(number)
                record = records.get(number)
                if record is None or self._is_taken(record.task, pending[number]):
                    continue
                run.checked += 1
                candidate = self._checked(record, seen=run.began, head=claimable.now)
                if candidate is not None and self._is_still_free(number, claimable):
                    return candidate
        return None

    def _pending(self, opened: Sequence[TaskId]) -> Counter[TaskId]:
        """Return how many claims of each of the open tasks wait for their block."""
        found = self._chain.pending_claims() if opened else Counter[TaskId]()
        pending = Counter({task: found[task] for task in opened if found[task]})
        self._contention.saw_pending(pending)
        return pending

    def _in_order(self, claimable: Claimable, opened: Sequence[TaskId], run: "_Pass") -> list[TaskId]:
        """Return the tasks to check: the offers, then the open ones in this node's order of claims."""
        offers = self._to_check(claimable.offers, run)
        width = self._contention.width(len(opened))
        return [*offers, *claim_order(opened, account=self._chain.account, moment=claimable.now, width=width)]

    def _to_check(self, tasks: Sequence[TaskId], run: "_Pass") -> list[TaskId]:
        return [task for task in tasks if task not in run.passed and self._refusals.may_check(task)]

    def _is_still_free(self, task: TaskId, claimable: Claimable) -> bool:
        """Return whether no rival claimed the open task while it was checked; without rivals nothing is asked."""
        if task in claimable.offers or self._contention.width(0) == 1:
            return True
        claims = self._chain.pending_claims()[task]
        now = self._chain.task(task)
        return now is not None and self._contention.leaves_free(task, slots=now.free_slots, claims=claims)

    def _is_taken(self, task: Task, claims: int) -> bool:
        """Return whether other nodes have all slots of a listed task, or will by their pending claims.

        It is passed over until the next poll.
        """
        if task.state is not TaskState.OPEN or self._contention.leaves_free(
            task.id, slots=task.free_slots, claims=claims
        ):
            return False
        self._contention.saw_pending((task.id,))
        return True

    def _checked(self, record: TaskRecord, *, seen: float, head: int) -> Candidate | None:
        """Check a task and remember its refusal."""
        outcome = self._check_safely(record, seen=seen, head=head)
        if isinstance(outcome, Candidate):
            return outcome
        self.refuse(record.task.id, outcome)
        return None

    def _check_safely(self, record: TaskRecord, *, seen: float, head: int) -> Candidate | Refusal:
        """Check a task; turn an unexpected error into a refusal: one untrusted task must not block the others."""
        try:
            return self._check(record, seen=seen, head=head)
        except ChainError:
            raise
        except NodeRuntimeError as error:
            return Refusal(reason=Reason.UNREADABLE, message=error.message, lasting=False)
        except Exception as error:
            remedy = "report this bug of the daemon; it skips the task"
            log.error("task_check_failed", task=record.task.id, **{"remedy": remedy, **error_fields(error)})
            return Refusal(reason=Reason.UNREADABLE, message=f"{type(error).__name__}: {error}"[:300], lasting=False)

    def _check(self, record: TaskRecord, *, seen: float, head: int) -> Candidate | Refusal:
        task = record.task
        me, now = self._chain.account, time_before(task.terms.deadline, estimate=self._time.now(), head=head)
        refusal = refuse_terms(self._policy, task, account=me, now=now, minimum_time=self._minimum_time)
        refusal = refusal or self._refuse_history(record.assignment, task, now=now)
        if refusal:
            return refusal
        try:
            return self._check_document(record, seen=seen)
        except TaskFailed as error:
            reason = Reason.PRIVATE if error.category is FailureCategory.POLICY else Reason.MISMATCH
            damaged = isinstance(error.__cause__, AssetMismatch)  # in storage, where it may be repaired
            return Refusal(reason=reason, message=error.message, lasting=not damaged)
        except StorageError as error:
            return Refusal(reason=Reason.UNAVAILABLE, message=error.message, lasting=False)

    def _refuse_history(self, last: Assignment | None, task: Task, *, now: int) -> Refusal | None:
        if last is None:
            return None
        return refuse_history(last, task, now=now, max_hand_backs=self._chain.bounds().max_hand_backs)

    def _check_document(self, record: TaskRecord, *, seen: float) -> Candidate | Refusal:
        task, spec = record.task, record.spec
        document = admitted_document(task, spec, self._store)
        if not can_run(document):
            message = f"this version doesn't run {document.kind} with layout {document.layout}"
            return Refusal(reason=Reason.UNKNOWN_KIND, message=message)
        refusal = refuse_document(self._policy, document, spec, self._approved(task.id))
        if refusal:
            return refusal
        admitted = admit(document, record, self._chain)
        refusal = refuse_rights(record, document, admitted, self._chain) or self._refuse_images(document)
        refusal = refusal or self._refuse_gpus(document)
        if refusal:
            return refusal
        private = private_inputs(document, admitted, private=self._private, chain=self._chain)
        absent = sorted(digest for digest in private if not self._private.has(digest))
        if absent:
            return Refusal(reason=Reason.ABSENT, message=absent_input(absent[0], admitted).message, lasting=False)
        used = {*admitted.models, *(asset_ref(key).digest for key in document.asset_keys())}
        refusal = self._refuse_inputs(used, private)
        return refusal or Candidate(task=task, document=document, admitted=admitted, seen=seen)

    def _refuse_images(self, document: Document) -> Refusal | None:
        """Check before the claim, which costs a fee, that the images are present, pullable or buildable here.

        The refusal isn't lasting: an image may be built or loaded later, or the registry come back.
        """
        for _, image in document.images():
            digest = asset_ref(image.source).digest
            if self._engine.can_have_image(digest, image.image):
                continue
            message = f"'building: deny' forbids a build of {digest}, and the engine has no image of it"
            message += " that was built with this node's build_arguments"
            message += f"; {image.image} can't be pulled either" if image.image else ""
            return Refusal(reason=Reason.BUILDING, message=message, lasting=False)
        return None

    def _refuse_gpus(self, document: Document) -> Refusal | None:
        """Check before the claim, which costs a fee, that containers get GPUs at all."""
        obstacle = self._gpu_obstacle() if document.limits.gpus else ""
        return Refusal(reason=Reason.NO_GPU, message=obstacle, lasting=False) if obstacle else None

    def _refuse_inputs(self, used: Set[Digest], private: Set[Digest]) -> Refusal | None:
        """Check before the claim, which costs a fee, that inputs not in the cache are stored and fit on the disk.

        Raises `StorageError` for a missing input.
        """
        missing = [digest for digest in used if not self._cache.holds(digest)]
        size = sum((self._private if digest in private else self._store).size(digest) for digest in missing)
        room = self._room()
        if size <= room:
            return None
        message = f"its inputs have {size >> 20} MiB to fetch, {max(room, 0) >> 20} MiB are left above the disk floor"
        return Refusal(reason=Reason.NO_ROOM, message=message, lasting=False)

    def _approved(self, task: TaskId) -> Digest | None:
        try:
            return Digest((self._approvals / str(task)).read_text(encoding="ascii").strip())
        except (FileNotFoundError, UnicodeDecodeError):
            return None
