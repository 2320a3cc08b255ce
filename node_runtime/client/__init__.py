"""The task file in Python, for notebooks: make documents, submit them, wait, read results.

``Training``, ``Scoring``, ``Objective`` and the classes of the other kinds take the keys of the YAML as arguments; see
``docs/python.md``. It stands beside the command line on the creator's use cases, and keeps no state of its own.
"""

from typing import TYPE_CHECKING

from . import kinds
from .documents import YamlDocument, check
from .following import NotDone, TimedOut
from .handles import PlanHandle, Row, TaskHandle
from .local_run import run
from .session import Client, connect
from .yaml_file import read_yaml, write_yaml

if TYPE_CHECKING:
    from .kinds import *  # noqa: F403

__all__ = [
    "Client",
    "NotDone",
    "PlanHandle",
    "Row",
    "TaskHandle",
    "TimedOut",
    "YamlDocument",
    "check",
    "connect",
    "read_yaml",
    "run",
    "write_yaml",
]


if not TYPE_CHECKING:  # a type checker reads kinds.pyi

    def __getattr__(name: str) -> object:
        """Return the class of a kind's documents."""
        return getattr(kinds, name)


def __dir__() -> list[str]:
    return sorted({*__all__, *dir(kinds)})
