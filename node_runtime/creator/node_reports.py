"""What the nodes of this machine say of a task, and the one reason why none of them takes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from node_runtime.domain.assets import Account
from node_runtime.domain.task import AssignmentState, Kind, SubmissionState, Task, TaskId
from node_runtime.errors import FailureCategory

from .tasks import TaskView

ANOTHER = "'node-runtime down', then 'node-runtime up --nodes {count}' brings another"
ANEW = "'node-runtime cancel {task}', mend what its logs show, and submit it again"
_OF_THE_TASK = {
    FailureCategory.TASK_ERROR,
    FailureCategory.TIMEOUT,
    FailureCategory.OUT_OF_MEMORY,
    FailureCategory.OUTPUT_INVALID,
    FailureCategory.OUTPUT_TOO_LARGE,
    FailureCategory.INPUT_MISMATCH,
    FailureCategory.BUILD_FAILED,
    FailureCategory.IMAGE_UNFIT,
}
"""Failures that another node would have too."""


@dataclass(frozen=True, kw_only=True)
class NodeReport:
    """A node: whether its daemon runs, what keeps it from claiming anything, and its reason for each refused task.

    It looks for tasks of its policy's ``kinds`` alone. ``late`` are those whose slots others took first.
    """

    name: str
    account: Account
    running: bool
    obstacles: tuple[str, ...]
    refusals: Mapping[TaskId, str]
    free_slots: int
    works_on: tuple[str, ...]  # as a text mentions them
    late: frozenset[TaskId] = frozenset()
    kinds: frozenset[Kind] = frozenset(Kind)

    def why_not(self, task: Task) -> str:
        """Return why this node doesn't take the task."""
        return f"node {self.name} {self.reason(task)}"

    def reason(self, task: Task) -> str:
        """Return the same as `why_not` without the node's name."""
        if not self.running:
            return "isn't running"
        if self.obstacles:
            return f"claims nothing: {self.obstacles[0]}"
        if self.free_slots < 1:
            return f"has no free slot: it works on {' and '.join(self.works_on)}"
        if task.terms.kind not in self.kinds:
            return f"refuses it: policy.kinds doesn't name {task.terms.kind}"
        if task.id in self.late:
            return "lost it to a faster node a moment ago"
        if task.id in self.refusals:
            return f"refuses it: {self.refusals[task.id]}"
        return "has not looked at it yet"


def why_no_node_takes_it(view: TaskView, nodes: Sequence[NodeReport]) -> str:
    """Return the one reason why none of the nodes takes the task's free slot."""
    if not nodes:
        return f"no node is known here: {ANOTHER.format(count=1).replace('another', 'one')}"
    tried = {one.worker for one in view.attempts}
    if view.task.stalled_since is not None and all(one.account in tried for one in nodes):
        more = ANOTHER.format(count=len(nodes) + 1)
        if any(one.state is SubmissionState.REJECTED for one in view.submissions):
            return f"rejected, and no other node is here: {more}"
        if all(one.state is AssignmentState.FAILED and one.category in _OF_THE_TASK for one in view.attempts):
            more = ANEW.format(task=view.task.id)
        return f"every node is out of attempts ({', '.join(one.name for one in nodes)}): {more}"
    return _grouped([(one.name, one.reason(view.task)) for one in nodes])


def _grouped(reasons: Sequence[tuple[str, str]]) -> str:
    """Return the nodes' reasons, each once with the names of its nodes."""
    names: dict[str, list[str]] = {}
    for name, reason in reasons:
        names.setdefault(reason, []).append(name)
    return "; ".join(
        f"{'node' if len(every) == 1 else 'nodes'} {' and '.join(every)} {_plural(reason, len(every))}"
        for reason, every in names.items()
    )


def _plural(reason: str, count: int) -> str:
    verb, _, rest = reason.partition(" ")
    plural = {"isn't": "aren't", "claims": "claim", "has": "have", "refuses": "refuse"}
    return reason if count == 1 else f"{plural.get(verb, verb)} {rest}"
