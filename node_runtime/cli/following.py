"""What does a creator see while tasks are waited for? Each change, each attempt that went wrong, at the end a table."""

import threading

from node_runtime.cli.task_tables import task_table
from node_runtime.cli.text import console, line, paragraph, short, warn
from node_runtime.clock import current_time
from node_runtime.creator.follow import follow
from node_runtime.creator.logs import message_of
from node_runtime.creator.submit import Submitted
from node_runtime.creator.tasks import TaskView, view_task, why_it_waits
from node_runtime.ports import AssetStore, Chain
from node_runtime.task import Assignment, AssignmentState, SubmissionId, SubmissionState, Task, TaskId, TaskState

_ENDED = {
    AssignmentState.FAILED: "failed",
    AssignmentState.LAPSED: "brought nothing in time",
    AssignmentState.HANDED_BACK: "was handed back by its node",
    AssignmentState.ABORTED: "was stopped by you",
}


def follow_tasks(chain: Chain, store: AssetStore, submitted: Submitted, *, quiet: bool) -> tuple[TaskView, ...]:
    """A moving line on a terminal, a line for each change elsewhere; `quiet` prints nothing."""
    names = {task.id: task.name for task in submitted.tasks}
    last: dict[TaskId, str] = {}
    reviewed: set[SubmissionId] = set()
    failed: set[TaskId] = set()
    with console.status("waiting") as status:

        def seen(tasks: tuple[Task, ...]) -> None:
            told = {task.id: _progress(task, failed=task.id in failed) for task in tasks}
            if not quiet and not console.is_terminal:
                for number in told:
                    if told[number] != last.get(number):
                        line(f"task {number} {names[number]}: {told[number]}")
            last.update(told)
            status.update("   ".join(f"{names[number]}: [bold]{text}[/]" for number, text in told.items()))
            for task in tasks:
                if task.counters.submitted and not quiet:
                    view = view_task(chain, store, task.id)
                    waiting = {one.id for one in view.submissions if one.state is SubmissionState.UNDER_REVIEW}
                    if waiting - reviewed:
                        _say_reasons(view, chain)
                    reviewed.update(waiting)

        def went_wrong(attempt: Assignment) -> None:
            failed.add(attempt.task)
            if not quiet:
                line(_wrong(attempt, store), style="yellow")

        try:
            follow(chain, tuple(names), seen=seen, went_wrong=went_wrong, stop=threading.Event())
        except KeyboardInterrupt:
            warn("not waited for any more; the tasks go on, see 'node-runtime list'")
            raise
    views = tuple(view_task(chain, store, number) for number in names)
    if not quiet:
        console.print(task_table(views, now=current_time(chain)))
        for view in views:
            _say_reasons(view, chain)
    return views


def _say_reasons(view: TaskView, chain: Chain) -> None:
    for reason in why_it_waits(view, chain, now=current_time(chain)):
        paragraph(f"task {view.task.id}: {reason}", style="yellow")


def _wrong(attempt: Assignment, store: AssetStore) -> str:
    """E.g. ``task 3: attempt 1 of 5FHn…94ty failed, task_error: stage train: exited with 3``."""
    category = f", {attempt.category}" if attempt.category is not None else ""
    message = message_of(attempt, store)
    told = f"attempt {attempt.epoch} of {short(attempt.worker)} {_ENDED[attempt.state]}{category}"
    return f"task {attempt.task}: {told}" + (f": {message}" if message else "")


def _progress(task: Task, *, failed: bool) -> str:
    if task.state is not TaskState.OPEN:
        return task.state
    if task.counters.live:
        return "a node is at work"
    if task.counters.submitted:
        return SubmissionState.UNDER_REVIEW.replace("_", " ")
    if not failed:
        return task.state
    return f"open for another try; see 'node-runtime logs {task.id}', or give up with 'node-runtime cancel {task.id}'"
