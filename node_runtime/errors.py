"""The tree of errors: each has a message, a remedy and an exit code."""

from collections.abc import Iterable
from enum import StrEnum


class NodeRuntimeError(Exception):
    """The base of all expected errors.

    ``message`` states the place and the reason, ``remedy`` the next step. ``exit_code`` is that of a command that ends
    with the error.
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
    """Invalid input in an argument or a file (exit code 2)."""

    exit_code = 2


class NoSuchTask(InputError):
    """No task has the given number."""

    def __init__(self, number: int, *, remedy: str = "see 'node-runtime list' for yours") -> None:
        super().__init__(f"there is no task {number} on this chain", remedy=remedy)


class NoSuchPlan(InputError):
    """No plan has the given number."""

    def __init__(self, number: int, *, remedy: str = "see 'node-runtime plan list' for yours") -> None:
        super().__init__(f"there is no plan {number} on this chain", remedy=remedy)


class NoSuchSubmission(InputError):
    """The task has no submission with the given number; ``known`` are the numbers it has."""

    def __init__(self, task: int, number: int, known: Iterable[int]) -> None:
        has = ", ".join(f"{task}/{one}" for one in known) or "none"
        super().__init__(f"task {task} has no submission {number}", remedy=f"it has {has}")


class SpecError(InputError):
    """A task YAML is wrong; the message starts with ``file:line:column``."""


class ConfigError(InputError):
    """The operator's configuration is wrong."""


class ChainError(NodeRuntimeError):
    """The chain is unavailable or refused a call (exit code 3)."""

    exit_code = 3


class ChainUnavailable(ChainError):
    """No answer from the chain; the call may succeed later (exit code 4, as for other errors of the machine)."""

    exit_code = 4


BLOCK_FULL = "BlockFull"
"""The rule of a call that is too large for a block."""


class ChainRefused(ChainError):
    """The chain's rules refused a call. ``rule`` is the name of the rule, e.g. ``SlotsFull``."""

    def __init__(self, rule: str, message: str, *, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.rule = rule


class StorageError(NodeRuntimeError):
    """Storage is unavailable or refused (exit code 3)."""

    exit_code = 3


class AssetUnavailable(StorageError):
    """Nothing is stored under this digest, or the store does not answer; a retry may succeed."""


class AssetMismatch(StorageError):
    """The stored bytes don't match their digest."""


class HostError(NodeRuntimeError):
    """An error of this machine: engine, disk, network (exit code 4)."""

    exit_code = 4


class DiskFull(HostError):
    """There is no space for what is to be written."""


class EngineUnavailable(HostError):
    """The container engine doesn't answer; after a restart it may still have its containers."""


class ErrorType(StrEnum):
    """Failures as Substra classifies them: of the image's build, of the program, or of the node."""

    BUILD = "BUILD_ERROR"
    EXECUTION = "EXECUTION_ERROR"
    INTERNAL = "INTERNAL_ERROR"


class FailureCategory(StrEnum):
    """Why an attempt failed: the same codes on chain, in logs, metrics and on the command line."""

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
    BUILD_FAILED = "build_failed"
    IMAGE_UNFIT = "image_unfit"

    @property
    def error_type(self) -> ErrorType:
        match self:
            case FailureCategory.BUILD_FAILED | FailureCategory.IMAGE_UNFIT:
                return ErrorType.BUILD
            case (
                FailureCategory.TASK_ERROR
                | FailureCategory.TIMEOUT
                | FailureCategory.OUT_OF_MEMORY
                | FailureCategory.OUTPUT_INVALID
                | FailureCategory.OUTPUT_TOO_LARGE
            ):
                return ErrorType.EXECUTION
        return ErrorType.INTERNAL
