"""Does this account hold the task, and may it still send something? What the chain knows, in a person's words."""

import time

from node_runtime.errors import ChainRefused, InputError, NoSuchTask
from node_runtime.ports import Chain
from node_runtime.task import Assignment, AssignmentState, Spec, Task, TaskId
from node_runtime.units import duration, moment

# attempts that have ended without a result: what became of them, and what to do next
_OVER = {
    AssignmentState.FAILED: ("was reported as failed", "take another task: node-runtime list --role open"),
    AssignmentState.LAPSED: ("brought nothing in time, and its bond is lost", "take another task, and send in time"),
    AssignmentState.ABORTED: ("was stopped by its creator, who paid for it", "there is nothing left to do"),
    AssignmentState.HANDED_BACK: ("was handed back", "take the task again with 'node-runtime assign {task}'"),
}
AGAIN = (AssignmentState.FAILED, AssignmentState.HANDED_BACK)
"""After these the chain may let the same account try again."""


def existing_task(chain: Chain, number: TaskId) -> tuple[Task, Spec]:
    """Raises `InputError` when there is none."""
    task, spec = chain.task(number), chain.spec(number)
    if task is None or spec is None:
        raise NoSuchTask(number, remedy="see 'node-runtime list --role open' for those to take")
    return task, spec


def own_attempt(chain: Chain, number: TaskId) -> Assignment:
    """This account's latest attempt at the task, whatever became of it. Raises `InputError` when it made none."""
    existing_task(chain, number)
    hold = chain.assignment(chain.account, number)
    if hold is None:
        raise InputError(
            f"task {number} isn't yours: {chain.account} never took it",
            remedy=f"take it with 'node-runtime assign {number}', or name the key that did as --key",
        )
    return hold


def check_live(hold: Assignment) -> None:
    """Raise `ChainRefused` unless a result may be sent: the attempt goes on and its time isn't over."""
    if hold.state is AssignmentState.SUBMITTED:
        raise ChainRefused(
            "AlreadySent",
            f"your attempt at task {hold.task} has sent its result already: submission {hold.submission}",
            remedy=f"results are never replaced; see 'node-runtime show {hold.task}' for what becomes of it",
        )
    if hold.state is not AssignmentState.LIVE:
        became, remedy = _OVER[hold.state]
        raise ChainRefused(
            "NotLive", f"your attempt at task {hold.task} {became}", remedy=remedy.format(task=hold.task)
        )
    late = time.time_ns() // 1_000_000 - hold.due
    if late > 0:
        raise ChainRefused(
            "PastDue",
            f"your time for task {hold.task} was over {duration(late)} ago, at {moment(hold.due)}: its bond is lost",
            remedy="take another task, and send in time",
        )
