"""The contributor's use cases without a daemon: claim a task, work on it in a folder, send the result."""

from node_runtime.contributor.assign import Assigned, assign
from node_runtime.contributor.send import BY_HAND_ONLY, Sent, Witnessed, check_result, send_result
from node_runtime.contributor.work import Seat, Workbench, Worked, work

from .attempts import hand_back, report_failure

__all__ = [
    "BY_HAND_ONLY",
    "Assigned",
    "Seat",
    "Sent",
    "Witnessed",
    "Workbench",
    "Worked",
    "assign",
    "check_result",
    "hand_back",
    "report_failure",
    "send_result",
    "work",
]
