"""A person's assignments: lookup, checks, hand-back and failure reports."""

from pathlib import Path

from node_runtime.contributor.folder import TaskFolder
from node_runtime.domain.clock import time_left, wall_clock
from node_runtime.domain.task import Assignment, AssignmentState, TaskId
from node_runtime.domain.units import duration, moment
from node_runtime.errors import ChainRefused, FailureCategory, InputError, NoSuchTask
from node_runtime.platform.files import scratch_folder
from node_runtime.ports.chain import ChainReads, TaskRecord, WorkerCalls
from node_runtime.ports.store import AssetStore
from node_runtime.runner.result_document import FAILURE_FILE
from node_runtime.stores.tree.folders import remove_tree
from node_runtime.stores.tree.walk import FOUND_AFTER_RUN, tree_files

# attempts that ended without a result: outcome and remedy
_OVER = {
    AssignmentState.FAILED: ("was reported as failed", "take another task: node-runtime list --role open"),
    AssignmentState.LAPSED: ("brought nothing in time, and its bond is lost", "take another task, and send in time"),
    AssignmentState.ABORTED: (
        "was stopped by its creator, who paid for the time you held it",
        "there is nothing left to do",
    ),
    AssignmentState.HANDED_BACK: ("was handed back", "take the task again with 'node-runtime assign {task}'"),
}
AGAIN = (AssignmentState.FAILED, AssignmentState.HANDED_BACK)
"""After these states the chain may accept another claim of the same account."""


def existing_task(chain: ChainReads, number: TaskId) -> TaskRecord:
    """Return the task's record. Raises `NoSuchTask`."""
    record = chain.record(number)
    if record is None:
        raise NoSuchTask(number, remedy="see 'node-runtime list --role open' for those to take")
    return record


def own_attempt(chain: ChainReads, number: TaskId) -> Assignment:
    """Return this account's latest attempt at the task in any state. Raises `InputError` if there is none."""
    existing_task(chain, number)
    assignment = chain.assignment(chain.account, number)
    if assignment is None:
        raise InputError(
            f"task {number} isn't yours: {chain.account} never took it",
            remedy=f"take it with 'node-runtime assign {number}', or name the key that did as --key",
        )
    return assignment


def check_live(assignment: Assignment, chain: ChainReads) -> int:
    """Return the ms left to send a result. Raises `ChainRefused` when the attempt has ended or is past due.

    Past due is decided by the chain's clock, since this machine's may be wrong.
    """
    if assignment.state is AssignmentState.SUBMITTED:
        raise ChainRefused(
            "AlreadySent",
            f"your attempt at task {assignment.task} has sent its result already: submission {assignment.submission}",
            remedy=f"results are never replaced; see 'node-runtime show {assignment.task}' for what becomes of it",
        )
    if assignment.state is not AssignmentState.LIVE:
        became, remedy = _OVER[assignment.state]
        raise ChainRefused(
            "NotLive", f"your attempt at task {assignment.task} {became}", remedy=remedy.format(task=assignment.task)
        )
    head = chain.now()
    if head > assignment.due:
        over = duration(head - assignment.due)
        raise ChainRefused(
            "PastDue",
            f"your time for task {assignment.task} was over {over} ago, at {moment(assignment.due)}: its bond is lost",
            remedy="take another task, and send in time",
        )
    return max(time_left(assignment, estimate=wall_clock(), head=head), 0)


MAX_LOGS = 4 << 20  # bytes
MAX_REASON = 2000  # characters


def hand_back(chain: WorkerCalls, number: TaskId) -> Assignment:
    """Hand the task back, which frees the slot; return the attempt with its price. Idempotent.

    Raises `ChainRefused` when the attempt is not live.
    """
    assignment = own_attempt(chain, number)
    if assignment.state is not AssignmentState.HANDED_BACK:
        check_live(assignment, chain)
        chain.hand_back(number, assignment.epoch)
    return own_attempt(chain, number)


def report_failure(
    chain: WorkerCalls, store: AssetStore, number: TaskId, category: FailureCategory, reason: str, *, folder: Path
) -> Assignment:
    """Report the attempt as failed, with the reason and the logs of the last run in ``folder``.

    Return the attempt with the fees that stay held. Idempotent.
    """
    assignment = own_attempt(chain, number)
    if assignment.state is AssignmentState.FAILED:
        return assignment
    check_live(assignment, chain)
    if not reason.strip() or len(reason) > MAX_REASON:
        raise InputError(
            f"a failure needs a reason of up to {MAX_REASON} characters", remedy="--reason 'what is wrong'"
        )
    TaskFolder(folder).check_is_of(assignment)
    with scratch_folder() as scratch:
        told = scratch / "logs"
        told.mkdir()
        _copy_logs(TaskFolder(folder).logs, told)
        sentence = f"{category}: {' '.join(reason.split())}\n"
        (told / FAILURE_FILE).write_text(sentence, encoding="utf-8", errors="replace")
        log = store.put(told)
    chain.report_failure(number, assignment.epoch, category, log)
    return own_attempt(chain, number)


def _copy_logs(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    for file in tree_files(source, caps=FOUND_AFTER_RUN.with_bytes(MAX_LOGS)):
        if "/" not in file.path:
            remove_tree(target / file.path)
            with (target / file.path).open("wb") as copied:
                for chunk in file.chunks():
                    copied.write(chunk)
