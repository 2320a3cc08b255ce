"""What can go wrong: one tree, where every error has an exit code and says the remedy."""

from collections.abc import Iterable
from enum import StrEnum


class NodeRuntimeError(Exception):
    """Something a person has to know about: what happened, where, and what to do next.

    ``message`` names the place and the reason, ``remedy`` the next thing to try. Subclasses differ only in the exit
    code of the command that ends with them.
    """

    exit_code = 1

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class TaskFailed(NodeRuntimeError):
    """The task itself failed (exit code 1), in one of the categories of `FailureCategory`."""

    exit_code = 1

    def __init__(self, category: "FailureCategory", message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.category = category


class InputError(NodeRuntimeError):
    """What a person or a file supplied is wrong (exit code 2)."""

    exit_code = 2


class NoSuchTask(InputError):
    """A number that somebody named is no task's."""

    def __init__(self, number: int, *, remedy: str = "see 'node-runtime list' for yours") -> None:
        super().__init__(f"there is no task {number} on this chain", remedy=remedy)


class NoSuchSubmission(InputError):
    """A task has no submission of the number that somebody named; ``known`` are those it has."""

    def __init__(self, task: int, number: int, known: Iterable[int]) -> None:
        has = ", ".join(f"{task}/{one}" for one in known) or "none"
        super().__init__(f"task {task} has no submission {number}", remedy=f"it has {has}")


class SpecError(InputError):
    """A task YAML is wrong; the message starts with ``file:line:column``."""


class ConfigError(InputError):
    """The operator's configuration is wrong."""


class ChainError(NodeRuntimeError):
    """The chain could not be reached, or refused (exit code 3)."""

    exit_code = 3


class ChainUnavailable(ChainError):
    """No answer from the chain (exit code 4: it is the network that isn't able); the same call may succeed later."""

    exit_code = 4


class ChainRefused(ChainError):
    """The chain's rules refused a call. ``rule`` is the name of the rule, e.g. ``SlotsFull``."""

    def __init__(self, rule: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.rule = rule


class StorageError(NodeRuntimeError):
    """Storage could not be reached, or refused (exit code 3)."""

    exit_code = 3


class AssetUnavailable(StorageError):
    """Nothing is stored under this digest, or the store does not answer; it may later."""


class AssetMismatch(StorageError):
    """The stored bytes are not what their digest says."""


class HostError(NodeRuntimeError):
    """The machine is not able: Docker, disk, network (exit code 4)."""

    exit_code = 4


class EngineUnavailable(HostError):
    """The container engine doesn't answer; it may be back soon, with the containers it had."""


class FailureCategory(StrEnum):
    """Why a task's attempt failed: the same words on chain, in logs, metrics and on the command line."""

    TASK_ERROR = "task_error"
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out_of_memory"
    OUTPUT_INVALID = "output_invalid"
    OUTPUT_TOO_LARGE = "output_too_large"
    INPUT_UNAVAILABLE = "input_unavailable"
    INPUT_MISMATCH = "input_mismatch"
    IMAGE_UNAVAILABLE = "image_unavailable"
    IMAGE_REFUSED = "image_refused"
    POLICY = "policy"
    NODE_ERROR = "node_error"
