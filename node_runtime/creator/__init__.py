"""The creator's use cases: submit a file, follow its tasks, fetch and review results, run a file locally.

Functions take the ports they use as parameters and keep no state. The exported names are DecentralML's API (see
``docs/decentralml.md``); each is imported on first access to keep the start-up of commands short.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from node_runtime.creator.validation.strategies import AutoAccept, CustomAccept, ManualAccept, Undecided, Verdict
    from node_runtime.decentralml.create import (
        create_task_data_annotator,
        create_task_model_contributor,
        create_task_model_engineer,
    )
    from node_runtime.decentralml.results import (
        accept_task_results,
        assign_task,
        federate,
        list_task,
        list_task_results,
        reject_task_results,
        send_task_result,
        validate_task_results,
    )
    from node_runtime.decentralml.session import Substrate, connect
    from node_runtime.domain.task import UNIT

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

_MODULES = (
    "node_runtime.decentralml.create",
    "node_runtime.creator.validation.strategies",
    "node_runtime.decentralml.session",
    "node_runtime.domain.task",
    "node_runtime.decentralml.results",
)


def __getattr__(name: str) -> object:
    if name in __all__:
        for module in map(import_module, _MODULES):
            if hasattr(module, name):
                return getattr(module, name)
    if not name.startswith("_") and find_spec(f"{__name__}.{name}") is not None:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__} - {"TYPE_CHECKING", "find_spec", "import_module"})
