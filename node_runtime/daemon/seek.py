"""Which task to take next: offers first, then open tasks by kind; what was refused is remembered, never rescanned."""

import time
from collections.abc import Callable, Iterator, Set
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from node_runtime.admission import admitted_document, check_roles, model_digests
from node_runtime.clock import current_time
from node_runtime.daemon.audit import Audit, Deed
from node_runtime.daemon.fetch import private_inputs
from node_runtime.daemon.metrics import Metrics
from node_runtime.daemon.policy import (
    Policy,
    Reason,
    Refusal,
    refuse_document,
    refuse_history,
    refuse_offer,
    refuse_terms,
)
from node_runtime.document import Document, asset_ref
from node_runtime.errors import (
    AssetMismatch,
    ChainError,
    FailureCategory,
    NodeRuntimeError,
    StorageError,
    TaskFailed,
)
from node_runtime.ports import AssetStore, Chain, ContainerEngine
from node_runtime.stages import can_run
from node_runtime.storage.cache import Cache
from node_runtime.task import Digest, Spec, Task, TaskId

log = structlog.get_logger()

FIRST_WAIT, LONGEST_WAIT = 5.0, 300.0  # seconds until a refusal that may pass is looked at again, doubled each time
ONE_LOOK = 50  # tasks judged at a time, so that running attempts are watched however many are open
LONGEST_LOOK = 10.0  # seconds, for the same reason: storage or a registry may answer slowly
APPROVAL_WAIT = 2.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Find:
    """A task that this node may take. ``seen`` is `time.monotonic` when the chain first named it."""

    task: Task
    spec: Spec
    document: Document
    seen: float


@dataclass(frozen=True, kw_only=True)
class _Refused:
    reason: Reason
    times: int
    again: float  # time.monotonic


class Seeker:
    """Looks through the chain's prefixes of this account. For the loop's thread alone.

    ``approvals`` is the folder in which the operator's approvals lie, one file a task holding the approved digest.
    ``room`` answers the bytes that inputs may still take on the disk.
    """

    def __init__(
        self,
        *,
        chain: Chain,
        store: AssetStore,
        private: AssetStore,
        cache: Cache,
        engine: ContainerEngine,
        room: Callable[[], int],
        policy: Policy,
        minimum_time: int,
        approvals: Path,
        audit: Audit,
        metrics: Metrics,
    ) -> None:
        self._chain = chain
        self._store = store
        self._private = private
        self._cache = cache
        self._engine = engine
        self._room = room
        self._policy = policy
        self._minimum_time = minimum_time
        self._approvals = approvals
        self._audit = audit
        self._metrics = metrics
        self._refused: dict[TaskId, _Refused] = {}
        self._engine_answered = True
        self.has_more = False  # whether the last look ended before everything was judged

    def finds(self, *, busy: frozenset[TaskId]) -> Iterator[Find]:
        """Tasks the policy lets in, offers first, oldest first; not those in ``busy``."""
        seen = time.monotonic()
        named = self._named()
        self._refused = {task: known for task, known in self._refused.items() if task in named}
        now = current_time(self._chain)
        judged = 0
        self.has_more = False
        for task in named:
            known = self._refused.get(task)
            if task in busy or (known is not None and known.again > seen):
                continue
            if judged == ONE_LOOK or (judged and time.monotonic() > seen + LONGEST_LOOK):
                self.has_more = True
                return
            if not judged and not self._engine_answers():
                return
            judged += 1
            find = self._judge_safely(task, seen=seen, now=now)
            if isinstance(find, Find):
                yield find
            elif find is not None:
                self.refuse(task, find)

    def refuse(self, task: TaskId, refusal: Refusal) -> None:
        """Remember why a task isn't taken; the same reason is told once."""
        known = self._refused.get(task)
        same = known is not None and known.reason is refusal.reason
        times = known.times + 1 if known is not None and same else 0
        wait = float("inf") if refusal.lasting else min(FIRST_WAIT * 2**times, LONGEST_WAIT)
        if refusal.reason is Reason.APPROVAL:
            wait = APPROVAL_WAIT  # cheap to ask, and somebody sits there and waits
        self._refused[task] = _Refused(reason=refusal.reason, times=times, again=time.monotonic() + wait)
        if same:
            return
        log.info("task_refused", task=task, reason=refusal.reason.value, message=refusal.message)
        self._metrics.refused(refusal.reason)
        self._audit.record(Deed.REFUSAL, task=task, detail=f"{refusal.reason}: {refusal.message}")

    def forbids(self, task: Task) -> Refusal | None:
        """What the operator's rules have against a task that is held already, before its document is read."""
        return refuse_offer(self._policy, task)

    def forbids_document(self, task: Task, spec: Spec, document: Document) -> Refusal | None:
        """What the operator's rules have against the document of a task that is held already."""
        return refuse_document(self._policy, document, spec, self._approved(task.id))

    def room_was_freed(self) -> None:
        """Look again at what had no room before."""
        self._refused = {
            task: replace(known, again=0.0) if known.reason is Reason.NO_ROOM else known
            for task, known in self._refused.items()
        }

    def _engine_answers(self) -> bool:
        """Else tasks would be taken, for a fee, that nothing here can work on. Told when it changes."""
        now, before = self._engine.answers(), self._engine_answered
        self._engine_answered = now
        if before and not now:
            log.warning("nothing_taken", reason="the container engine doesn't answer", remedy="see `docker info`")
        if now and not before:
            log.info("engine_answers")
        return now

    def _named(self) -> dict[TaskId, None]:
        offers = sorted(self._chain.offers(self._chain.account))
        opened = [task for kind in sorted(self._policy.kinds) for task in sorted(self._chain.open_tasks(kind))]
        return dict.fromkeys([*offers, *opened])

    def _judge_safely(self, number: TaskId, *, seen: float, now: int) -> Find | Refusal | None:
        """Tasks come from strangers: whatever one of them breaks, the others are judged and taken."""
        try:
            return self._judge(number, seen=seen, now=now)
        except ChainError:
            raise
        except NodeRuntimeError as error:
            return Refusal(reason=Reason.UNREADABLE, message=error.message, lasting=False)
        except Exception as error:
            log.exception("task_not_judged", task=number, remedy="this is a fault of the daemon; it goes on without it")
            return Refusal(reason=Reason.UNREADABLE, message=f"{type(error).__name__}: {error}"[:300], lasting=False)

    def _judge(self, number: TaskId, *, seen: float, now: int) -> Find | Refusal | None:
        task = self._chain.task(number)
        if task is None:
            return None
        me = self._chain.account
        refusal = refuse_terms(self._policy, task, account=me, now=now, minimum_time=self._minimum_time)
        refusal = refusal or refuse_history(self._chain.assignment(me, number), task, now=now)
        spec = None if refusal else self._chain.spec(number)
        if spec is None:
            return refusal
        try:
            return self._judge_document(task, spec, seen=seen)
        except TaskFailed as error:
            reason = Reason.PRIVATE if error.category is FailureCategory.POLICY else Reason.MISMATCH
            damaged = isinstance(error.__cause__, AssetMismatch)  # in storage, where a good copy may follow
            return Refusal(reason=reason, message=error.message, lasting=not damaged)
        except StorageError as error:
            return Refusal(reason=Reason.UNAVAILABLE, message=error.message, lasting=False)

    def _judge_document(self, task: Task, spec: Spec, *, seen: float) -> Find | Refusal:
        document = admitted_document(task, spec, self._store)
        if not can_run(document):
            message = f"this version doesn't run {document.kind} with layout {document.layout}"
            return Refusal(reason=Reason.UNKNOWN_KIND, message=message)
        refusal = refuse_document(self._policy, document, spec, self._approved(task.id))
        if refusal:
            return refusal
        check_roles(document, self._chain)
        refusal = self._refuse_images(document)
        if refusal:
            return refusal
        models = model_digests(document, self._chain)
        private = private_inputs(document, models, private=self._private, chain=self._chain)
        used = {*models, *(asset_ref(key).digest for key in document.asset_keys())}
        refusal = self._refuse_inputs(used, private)
        return refusal or Find(task=task, spec=spec, document=document, seen=seen)

    def _refuse_images(self, document: Document) -> Refusal | None:
        """Its images are there, or this node can have them: to find out after the claim costs its fee.

        The answer may change: the image may be built or loaded, or the registry come back.
        """
        for image in filter(None, (document.algo, document.metric)):
            digest = asset_ref(image.source).digest
            if self._engine.can_have_image(digest, image.image):
                continue
            message = f"'building: deny' forbids to build {digest}, and the engine has no image of it"
            message += f"; {image.image} is not to be had either" if image.image else ""
            return Refusal(reason=Reason.BUILDING, message=message, lasting=False)
        return None

    def _refuse_inputs(self, used: Set[Digest], private: Set[Digest]) -> Refusal | None:
        """What would have to be fetched is all there and fits on the disk: to find out after the claim costs its fee.

        Raises `StorageError` for what isn't there.
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
