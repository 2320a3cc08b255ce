"""People who work on tasks without a daemon: take one, work on it in a folder of theirs, send what came of it."""

from node_runtime.contributor.assign import Assigned, assign
from node_runtime.contributor.give_up import hand_back, report_failure
from node_runtime.contributor.send import BY_HAND_ONLY, Sent, Witnessed, check_result, send_result
from node_runtime.contributor.work import Seat, Workbench, Worked, work

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
