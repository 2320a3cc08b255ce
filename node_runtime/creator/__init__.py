"""What can a creator do? Submit a file, follow its tasks, look at results, judge and fetch them, try it all locally.

Functions take the ports they use; nothing here keeps state of its own. The names below are DecentralML's, see
``docs/decentralml.md``; each is loaded when it is first used, so that commands start fast.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from node_runtime.creator.decentralml import (
        create_task_data_annotator,
        create_task_model_contributor,
        create_task_model_engineer,
    )
    from node_runtime.creator.decentralml_results import (
        accept_task_results,
        assign_task,
        federate,
        list_task,
        list_task_results,
        reject_task_results,
        send_task_result,
        validate_task_results,
    )
    from node_runtime.creator.strategies import AutoAccept, CustomAccept, ManualAccept, Undecided, Verdict
    from node_runtime.creator.substrate import Substrate, connect
    from node_runtime.task import UNIT

__all__ = [
    "UNIT",
    "AutoAccept",
    "CustomAccept",
    "ManualAccept",
    "Substrate",
    "Undecided",
    "Verdict",
    "accept_task_results",
    "assign_task",
    "connect",
    "create_task_data_annotator",
    "create_task_model_contributor",
    "create_task_model_engineer",
    "federate",
    "list_task",
    "list_task_results",
    "reject_task_results",
    "send_task_result",
    "validate_task_results",
]

_ROOMS = (
    "node_runtime.creator.decentralml",
    "node_runtime.creator.strategies",
    "node_runtime.creator.substrate",
    "node_runtime.task",
    "node_runtime.creator.decentralml_results",
)


def __getattr__(name: str) -> object:
    if name in __all__:
        for room in map(import_module, _ROOMS):
            if hasattr(room, name):
                return getattr(room, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
