"""Why a task that is followed doesn't go on: each result that waits for a judge, and why nobody takes the task."""

import re
import time
from collections.abc import Callable
from functools import partial

from node_runtime.creator.mentions import Mentions
from node_runtime.creator.tasks import TaskView, view_task
from node_runtime.creator.waiting import why_it_waits
from node_runtime.domain.assets import SubmissionId
from node_runtime.domain.clock import current_time
from node_runtime.domain.task import SubmissionState, Task, TaskId, TaskState

from .node_status import local_reports
from .output import paragraph
from .session import Session

PATIENCE = 5.0  # seconds without anybody at work, and between two looks for the reason
_TIMES = re.compile(r"[0-9.]+(?:ms|[smhd])\b")  # in a reason that is the same at each look


class WaitNews:
    """Says each reason once, as a sentence that names the task."""

    def __init__(self, session: Session, mentions: Mentions, *, say: Callable[[str], None]) -> None:
        self._session = session
        self._mentions = mentions
        self._say = say
        self._reviewed: set[SubmissionId] = set()
        self._untaken: dict[TaskId, float] = {}  # time.monotonic of the next look
        self._reasons: dict[TaskId, set[str]] = {}

    def tell(self, task: Task) -> None:
        """Say what is new since the last call."""
        self._tell_review(task)
        self._tell_why_untaken(task)

    def _tell_review(self, task: Task) -> None:
        if not task.counters.submitted:
            return
        view = view_task(self._session.chain, self._session.store, task.id)
        waiting = {one.id for one in view.submissions if one.state is SubmissionState.UNDER_REVIEW}
        if waiting - self._reviewed:
            for reason in reasons_of(view, self._session, self._mentions):
                self._say(reason)
        self._reviewed.update(waiting)

    def _tell_why_untaken(self, task: Task) -> None:
        """Say each reason once, from `PATIENCE` after the task was first seen without anybody at work."""
        if task.state is not TaskState.OPEN or task.counters.live or task.counters.submitted or task.free_slots < 1:
            self._untaken.pop(task.id, None)
            return
        now = time.monotonic()
        if now < self._untaken.setdefault(task.id, now + PATIENCE):
            return
        self._untaken[task.id] = now + PATIENCE
        view = view_task(self._session.chain, self._session.store, task.id)
        known = self._reasons.setdefault(task.id, set())
        for reason in reasons_of(view, self._session, self._mentions):
            if (without_times := _TIMES.sub("", reason)) not in known:
                known.add(without_times)
                self._say(reason)


def reasons_of(view: TaskView, session: Session, mentions: Mentions) -> tuple[str, ...]:
    """Return why the task doesn't go on, with its name; the words of its failures are printed when they happen."""
    nodes = partial(local_reports, session.url, mentions.task)
    now = current_time(session.chain)
    found = why_it_waits(view, session.chain, now=now, nodes=nodes, mention=mentions.task)
    return tuple(f"{mentions.task(view.task.id)}: {reason}" for reason in found)


def say_reason(reason: str) -> None:
    paragraph(reason, style="yellow")
