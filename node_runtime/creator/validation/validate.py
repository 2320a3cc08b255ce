"""Validation of a task's results: download and verify each, apply the judge, accept or reject on chain.

An error with one result leaves that one undecided and does not stop the others. Decisions are on chain, so a repeated
validation resumes with the remaining results.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from node_runtime.creator.agreement_report import Agreed, Annotators, open_annotators
from node_runtime.creator.kept import models_may_stay, why_outputs_stay
from node_runtime.creator.results import MOST_READ, fetch_result, read_document, staying
from node_runtime.creator.tasks import TaskView, view_task
from node_runtime.domain.assets import Account, Digest, SubmissionId
from node_runtime.domain.document import Limits
from node_runtime.domain.task import Submission, SubmissionState, TaskId, TaskState
from node_runtime.domain.units import moment, size
from node_runtime.errors import ChainRefused, ChainUnavailable, InputError, NodeRuntimeError, NoSuchSubmission
from node_runtime.kinds.layouts.bundle import OUTPUTS
from node_runtime.platform.files import host_errors, scratch_folder
from node_runtime.platform.locks import try_locked
from node_runtime.ports.chain import JudgeCalls
from node_runtime.ports.store import AssetStore
from node_runtime.runner.result_document import ResultDocument
from node_runtime.stores.tree.folders import remove_tree

from .strategies import AnswersEnded, Judge, Received, Undecided, Verdict

POLL = 0.5  # seconds
_UNKNOWN = Limits()  # assumed for a task whose document is not in this storage


NOTHING: Mapping[SubmissionId, str] = MappingProxyType({})


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    LEFT = "left for later"
    UNDECIDED = "undecided"


@dataclass(frozen=True, kw_only=True)
class Validated:
    """The outcome for one result. ``reason`` of a rejection or an error; ``until`` is the end of the window in ms."""

    task: TaskId
    submission: SubmissionId
    worker: Account
    outcome: Outcome
    reason: str = ""
    until: int | None = None

    def __str__(self) -> str:
        told = f"submission {self.submission} of {self.worker} is {self.outcome}"
        if self.reason:
            told += f": {self.reason}"
        if self.outcome not in (Outcome.UNDECIDED, Outcome.LEFT):
            return told
        return f"{told}. Decide it until {moment(self.until or 0)}, then silence accepts it: {self.commands}"

    @property
    def commands(self) -> str:
        which = f"{self.task}/{self.submission}"
        return f"'node-runtime accept {which}' or 'node-runtime reject {which} --reason ...'"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """The dependencies of a validation. ``folder`` keeps each result as ``submission-<id>``; None keeps none."""

    chain: JudgeCalls
    store: AssetStore
    folder: Path | None = None


def validate(
    desk: Desk,
    task: TaskId,
    judge: Judge,
    *,
    told: Callable[[Validated], None],
    only: frozenset[SubmissionId] = frozenset(),
    rejected: Mapping[SubmissionId, str] = NOTHING,
    wait: bool = False,
    stop: threading.Event | None = None,
) -> tuple[Validated, ...]:
    """Judge each result under review once; restricted to ``only`` unless that is empty.

    Results in ``rejected`` are rejected without a download, so unavailable ones can be rejected too. With ``wait``,
    judge later results as well, until none can follow or ``stop`` is set. Raises `InputError` when there is no such
    task, another account judges it, or another process uses the folder; `ChainUnavailable` when the connection is lost.
    """
    _check_judge(desk, task)
    _check_named(desk, task, only)
    done: list[Validated] = []
    stopping = stop or threading.Event()
    with _folder_of(desk), open_annotators(view_task(desk.chain, desk.store, task), desk.store) as annotators:
        while True:
            view = view_task(desk.chain, desk.store, task)
            try:
                for submission in _to_judge(view, done, only):
                    if not stopping.is_set():
                        done.append(_validate_one(desk, view, submission, judge, rejected, annotators))
                        told(done[-1])
            except AnswersEnded:
                for submission in _to_judge(view, done, only):
                    done.append(_told(submission, Outcome.LEFT))
                    told(done[-1])
                return tuple(done)
            view = view_task(desk.chain, desk.store, task)
            if only or not wait or not _more_may_come(view, done) or stopping.wait(POLL):
                return tuple(done)


def _folder_of(desk: Desk) -> AbstractContextManager[None]:
    """Lock the folder, so that no other process replaces a result while it is judged."""
    return try_locked(desk.folder) if desk.folder is not None else nullcontext()


def _check_judge(desk: Desk, number: TaskId) -> None:
    task = view_task(desk.chain, desk.store, number).task
    review = task.terms.review
    if review.judge != desk.chain.account:
        raise InputError(
            f"the results of task {number} are judged by {review.judge}, not by {desk.chain.account}",
            remedy="sign with that account's key (--key)",
        )


def _check_named(desk: Desk, task: TaskId, only: frozenset[SubmissionId]) -> None:
    """Raise `NoSuchSubmission`, before anything is decided, if a named one doesn't exist."""
    known = {one.id: one.state for one in desk.chain.submissions(task)}
    for number in sorted(only):
        if number not in known:
            raise NoSuchSubmission(task, number, known)


def _to_judge(view: TaskView, done: Sequence[Validated], only: frozenset[SubmissionId]) -> list[Submission]:
    seen = {one.submission for one in done}
    waiting = [one for one in view.submissions if one.state is SubmissionState.UNDER_REVIEW and one.id not in seen]
    return [one for one in waiting if not only or one.id in only]


def _more_may_come(view: TaskView, done: Sequence[Validated]) -> bool:
    """Return whether a result that was not judged exists or can still be submitted."""
    task = view.task
    if task.state.final or task.state is TaskState.PAUSED:
        return False
    to_come = task.counters.live > 0 or (task.state is not TaskState.CLOSING and task.free_slots > 0)
    return to_come or bool(_to_judge(view, done, frozenset()))


def _validate_one(
    desk: Desk,
    view: TaskView,
    submission: Submission,
    judge: Judge,
    rejected: Mapping[SubmissionId, str],
    annotators: Annotators | None,
) -> Validated:
    if submission.id in rejected:
        return _decide(desk, submission, Verdict(accept=False, reason=rejected[submission.id]))
    try:
        with _received(desk, view, submission, annotators) as received:
            verdict = judge(received)
        if verdict is None:
            return _told(submission, Outcome.LEFT)
        return _decide(desk, submission, verdict)
    except ChainUnavailable:
        raise
    except NodeRuntimeError as error:
        return _told(submission, Outcome.UNDECIDED, str(error))


def _decide(desk: Desk, submission: Submission, verdict: Verdict) -> Validated:
    """Send the decision. If the result was decided meanwhile, return that outcome."""
    try:
        if verdict.accept:
            desk.chain.accept_task_results(submission.task, submission.id)
            return _told(submission, Outcome.ACCEPTED)
        desk.chain.reject_task_results(submission.task, submission.id, verdict.reason)
        return _told(submission, Outcome.REJECTED, verdict.reason)
    except ChainRefused as refused:
        now = next(one for one in desk.chain.submissions(submission.task) if one.id == submission.id)
        if refused.rule == "AlreadyDecided" and now.state is SubmissionState.UNDER_REVIEW:
            return _told(submission, Outcome.ACCEPTED, "by silence: its window was over")
        if now.state is SubmissionState.UNDER_REVIEW:
            return _told(submission, Outcome.UNDECIDED, str(refused))
        outcome = Outcome.ACCEPTED if now.state is SubmissionState.ACCEPTED else Outcome.REJECTED
        return _told(submission, outcome, now.reason or "decided meanwhile")


def _told(submission: Submission, outcome: Outcome, reason: str = "") -> Validated:
    return Validated(
        task=submission.task,
        submission=submission.id,
        worker=submission.worker,
        outcome=outcome,
        reason=reason,
        until=submission.until,
    )


@contextmanager
def _received(desk: Desk, view: TaskView, submission: Submission, annotators: Annotators | None) -> Iterator[Received]:
    """Yield the result, downloaded and verified, within the size limits of its task."""
    kept = models_may_stay(desk.chain, submission.task)
    document = read_document(submission, desk.store, models_stay=kept)
    if document.outputs_stay and not why_outputs_stay(desk.chain, submission.task):
        kept_back = ", ".join(document.outputs_stay)
        raise Undecided(f"its worker keeps {kept_back}, although the task uses no private data; reject it")
    _check_size(desk.store, view, submission, document)
    with scratch_folder() as scratch:
        folder = (desk.folder or scratch) / f"submission-{submission.id}"
        with host_errors(folder):
            remove_tree(folder)  # from an earlier validation
        fetch_result(submission, desk.store, folder)
        outputs, mistakes = folder / OUTPUTS, ""
        agreed: tuple[Agreed, ...] = ()
        if annotators is not None and OUTPUTS not in staying(document):  # else only its node has checked them
            mistakes = annotators.mistakes(outputs)
            agreed = () if mistakes else tuple(annotators.agreements(outputs, submission.id, view.submissions))
        yield Received(
            task=view.task,
            submission=submission,
            document=document,
            folder=folder,
            mistakes=mistakes,
            agreed=agreed,
        )


def _check_size(store: AssetStore, view: TaskView, submission: Submission, document: ResultDocument) -> None:
    limits = view.document.limits if view.document is not None else _UNKNOWN
    outputs = [one for one in submission.result.outputs if one.name not in staying(document)]
    log = Digest(document.log)
    found = sum(store.size(output.digest) for output in outputs)
    allowed = limits.outputs * max(len(outputs), 1)
    if found > allowed:
        raise Undecided(f"its outputs have {size(found)}, more than the task's {size(allowed)}; nothing was downloaded")
    if store.has(log) and store.size(log) > MOST_READ:
        raise Undecided(f"its logs have {size(store.size(log))}; nothing was downloaded")
