"""Task selection: offers first, then open tasks by kind; refusals are remembered and retried with backoff."""

import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from node_runtime.domain.admission import Admitted, admit, admitted_document
from node_runtime.domain.assets import Digest
from node_runtime.domain.clock import ChainTime, time_before, wall_clock
from node_runtime.domain.document import Document, asset_ref
from node_runtime.domain.task import Assignment, Spec, Task, TaskId
from node_runtime.errors import AssetMismatch, ChainError, FailureCategory, NodeRuntimeError, StorageError, TaskFailed
from node_runtime.kinds import can_run
from node_runtime.ports.chain import ChainReads, TaskRecord
from node_runtime.ports.engine import ContainerEngine
from node_runtime.ports.store import AssetStore
from node_runtime.stores.cache import Cache

from .audit import Audit, AuditEvent
from .inputs import absent_input, private_inputs
from .logging import error_fields
from .metrics import Metrics
from .policy import Policy, refuse_document, refuse_history, refuse_offer, refuse_terms
from .reasons import Reason, Refusal, remedy_of
from .rights import refuse_rights
from .status_file import Refused
from .times import DEFAULTS, Times

log = structlog.get_logger()

ENGINE_REMEDY = "see `docker info`, the engine's log and its disk"
CHECKS_PER_POLL = 50  # tasks checked per poll, so that a long list doesn't delay supervision


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A task that this node may claim. ``seen`` is `time.monotonic` when the chain first listed it."""

    task: Task
    document: Document
    admitted: Admitted
    seen: float


@dataclass(frozen=True, kw_only=True)
class _Refused:
    """``since``: the first refusal for this reason, in ms since 1970; ``repeats`` counts the later ones."""

    reason: Reason
    message: str
    since: int
    repeats: int
    again: float  # `time.monotonic` of the next check


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
        self._audit = audit
        self._metrics = metrics
        self._times = times
        self._refused: dict[TaskId, _Refused] = {}
        self._unable: str | None = None
        self.has_more = False  # whether the last call stopped before checking every task

    def candidates(self, *, busy: frozenset[TaskId]) -> Iterator[Candidate]:
        """Yield the tasks the policy allows, offers first, then oldest first, without those in ``busy``."""
        seen = time.monotonic()
        listed = self._listed()
        self._refused = {task: known for task, known in self._refused.items() if task in listed}
        head = self._chain.now()
        checked = 0
        self.has_more = False
        for task in listed:
            known = self._refused.get(task)
            if task in busy or (known is not None and known.again > seen):
                continue
            if checked == CHECKS_PER_POLL or (checked and time.monotonic() > seen + self._times.longest_selection):
                self.has_more = True
                return
            if not checked and not self._engine_works():
                return
            checked += 1
            outcome = self._check_safely(task, seen=seen, head=head)
            if isinstance(outcome, Candidate):
                yield outcome
            elif outcome is not None:
                self.refuse(task, outcome)

    def refuse(self, task: TaskId, refusal: Refusal) -> None:
        """Remember a refusal and when to check again; log the same reason once."""
        known = self._refused.get(task)
        same = known is not None and known.reason is refusal.reason
        repeats = known.repeats + 1 if known is not None and same else 0
        pauses = self._times.refusal
        wait = float("inf") if refusal.lasting else min(pauses.first * 2**repeats, pauses.longest)
        if refusal.reason is Reason.APPROVAL:
            wait = self._times.approval  # a cheap check, and the operator is waiting
        if refusal.reason in (Reason.FUNDS, Reason.TAKEN):
            wait = pauses.first  # the operator may have paid, or an attempt of another node ended, meanwhile
        self._refused[task] = _Refused(
            reason=refusal.reason,
            message=refusal.message,
            since=known.since if known is not None and same else wall_clock(),
            repeats=repeats,
            again=time.monotonic() + wait,
        )
        if same:
            return
        remedy = remedy_of(refusal.reason, task)
        log.info("task_refused", task=task, reason=refusal.reason.value, message=refusal.message, remedy=remedy)
        self._metrics.refused(refusal.reason)
        self._audit.record(AuditEvent.REFUSAL, task=task, detail=f"{refusal.reason}: {refusal.message}")

    @property
    def refused(self) -> tuple[Refused, ...]:
        """The tasks that were refused when they were last checked, and are still there to be claimed."""
        return tuple(
            Refused(
                task=task,
                reason=known.reason,
                message=known.message,
                remedy=remedy_of(known.reason, task),
                since=known.since,
            )
            for task, known in self._refused.items()
        )

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
        self._refused = {
            task: replace(known, again=0.0) if known.reason is Reason.NO_ROOM else known
            for task, known in self._refused.items()
        }

    def _engine_works(self) -> bool:
        """Return whether the engine can run tasks, as a claim costs a fee; log each change."""
        now, before = self._engine.unable(), self._unable
        self._unable = now
        if now is not None and now != before:
            log.warning("nothing_taken", reason=now, remedy=ENGINE_REMEDY)
        if now is None and before is not None:
            log.info("engine_available")
        return now is None

    def _listed(self) -> dict[TaskId, None]:
        offers = sorted(self._chain.offers(self._chain.account))
        opened = [task for kind in sorted(self._policy.kinds) for task in sorted(self._chain.open_tasks(kind))]
        return dict.fromkeys([*offers, *opened])

    def _check_safely(self, number: TaskId, *, seen: float, head: int) -> Candidate | Refusal | None:
        """Check a task; turn an unexpected error into a refusal: one untrusted task must not block the others."""
        try:
            return self._check(number, seen=seen, head=head)
        except ChainError:
            raise
        except NodeRuntimeError as error:
            return Refusal(reason=Reason.UNREADABLE, message=error.message, lasting=False)
        except Exception as error:
            remedy = "report this bug of the daemon; it skips the task"
            log.error("task_check_failed", task=number, **{"remedy": remedy, **error_fields(error)})
            return Refusal(reason=Reason.UNREADABLE, message=f"{type(error).__name__}: {error}"[:300], lasting=False)

    def _check(self, number: TaskId, *, seen: float, head: int) -> Candidate | Refusal | None:
        record = self._chain.record(number)
        if record is None:
            return None
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
