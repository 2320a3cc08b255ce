"""Acceptance and rejection of results under review."""

from collections.abc import Iterator
from contextlib import contextmanager

from node_runtime.domain.assets import SubmissionId
from node_runtime.domain.task import Submission, SubmissionState, TaskId
from node_runtime.domain.units import moment
from node_runtime.errors import ChainRefused, InputError, NoSuchSubmission
from node_runtime.ports.chain import JudgeCalls
from node_runtime.spec.bounds import packaged_bounds

MAX_REASON = packaged_bounds().max_reason  # bytes of UTF-8


def accept(chain: JudgeCalls, task: TaskId, submission: SubmissionId | None = None) -> Submission:
    """Accept the submission, or the only one under review; return its state before. Raises `InputError`."""
    chosen = _under_review(chain, task, submission)
    with _in_time(chain, chosen):
        chain.accept_task_results(task, chosen.id)
    return chosen


def reject(chain: JudgeCalls, task: TaskId, reason: str, submission: SubmissionId | None = None) -> Submission:
    """Reject the submission, or the only one under review, with a reason for its worker. Raises `InputError`."""
    check_reason(reason)
    chosen = _under_review(chain, task, submission)
    with _in_time(chain, chosen):
        chain.reject_task_results(task, chosen.id, reason)
    return chosen


@contextmanager
def _in_time(chain: JudgeCalls, chosen: Submission) -> Iterator[None]:
    """Translate the chain's refusal of a decision that was made, or whose window ended, since the state was read."""
    try:
        yield
    except ChainRefused as refused:
        if refused.rule != "AlreadyDecided":
            raise
        found = next((one.state for one in chain.submissions(chosen.task) if one.id == chosen.id), chosen.state)
        told = f"submission {chosen.id} is {found} already"
        if found is SubmissionState.UNDER_REVIEW:
            told = f"submission {chosen.id} counts as accepted since {moment(chosen.until or 0)}: its window is over"
        raise ChainRefused(refused.rule, told, remedy="that is not changed any more") from refused


def check_reason(reason: str) -> None:
    """Raise `InputError` for a reason that is empty or longer than the chain stores."""
    if not reason.strip() or len(reason.encode()) > MAX_REASON:
        raise InputError(f"a reason has between 1 and {MAX_REASON} bytes", remedy="say in a sentence what is wrong")


def _under_review(chain: JudgeCalls, task: TaskId, submission: SubmissionId | None) -> Submission:
    every = chain.submissions(task)
    if not every:
        raise InputError(f"task {task} has no results", remedy=f"see 'node-runtime show {task}' for what it waits for")
    waiting = [one for one in every if one.state is SubmissionState.UNDER_REVIEW]
    if submission is not None:
        named = next((one for one in every if one.id == submission), None)
        if named is None:
            raise NoSuchSubmission(task, submission, (one.id for one in every))
        if named not in waiting:
            raise InputError(f"submission {submission} is {named.state} already", remedy="that is not changed any more")
        return named
    if not waiting:
        decided = ", ".join(f"{one.id} is {one.state}" for one in every)
        raise InputError(f"task {task} has no result under review: {decided}")
    if len(waiting) > 1:
        raise InputError(f"task {task} has several results under review", remedy=f"name one of {_ids(waiting)}")
    return waiting[0]


def _ids(submissions: tuple[Submission, ...] | list[Submission]) -> str:
    return ", ".join(str(one.id) for one in submissions)
