"""How did a container end? Pure: what was seen of it → the category of its failure, and a line for a person."""

from dataclasses import dataclass
from enum import Enum, auto

from node_runtime.errors import FailureCategory

_SIGKILL = 128 + 9


class Stop(Enum):
    """Why we ended it."""

    REQUESTED = auto()
    TIMEOUT = auto()
    TOO_LARGE = auto()


@dataclass(frozen=True, kw_only=True)
class Ending:
    """What was seen. ``full`` says that a folder it writes into has no room left."""

    exit_code: int
    out_of_memory: bool
    seconds: float
    full: bool
    stopped: Stop | None = None


def judge(ending: Ending, *, timeout: float, memory: int) -> tuple[FailureCategory | None, str]:
    """Category and message, None and an empty message for success.

    Nothing here depends on whether we were there when it ended: a container that ran past its timeout while no daemon
    watched is judged as if one had.
    """
    if ending.stopped is Stop.REQUESTED:
        return FailureCategory.POLICY, "stopped before its end, as was asked"
    if ending.full or ending.stopped is Stop.TOO_LARGE:
        return FailureCategory.OUTPUT_TOO_LARGE, "wrote more than its limit of outputs (bytes or number of files)"
    if ending.stopped is Stop.TIMEOUT or ending.seconds > timeout:
        return FailureCategory.TIMEOUT, f"still ran after {timeout:g} s, its timeout"
    if ending.exit_code == 0:
        return None, ""
    if ending.out_of_memory:
        return FailureCategory.OUT_OF_MEMORY, f"needed more than its {memory >> 20} MiB of memory"
    if ending.exit_code == _SIGKILL:  # not ours: the kernel's, whose word the engine misses when the end overtakes it
        said = f"was killed from outside, as the kernel does when it needs more than its {memory >> 20} MiB of memory"
        return FailureCategory.OUT_OF_MEMORY, said
    return FailureCategory.TASK_ERROR, f"exited with {ending.exit_code}{_meaning(ending.exit_code)}"


def may_be_the_engines(ending: Ending) -> bool:
    """Whether an engine's own end, or its restart, may have taken it along.

    It tells containers to end before it kills them, so theirs may be any exit code but that of success.
    """
    by_nobody = ending.stopped is None and not ending.full and not ending.out_of_memory
    return by_nobody and ending.exit_code != 0


def judge_start(reason: str) -> tuple[FailureCategory | None, int]:
    """Why the engine could not start it: the task's fault and an exit code as a shell gives it, or None: ours."""
    if "executable file not found" in reason or ("no such file or directory" in reason and "exec" in reason):
        return FailureCategory.TASK_ERROR, 127
    if ("permission denied" in reason and "exec" in reason) or "is a directory" in reason:
        return FailureCategory.TASK_ERROR, 126
    if "OOM-killed" in reason or "memory limit too low" in reason:
        return FailureCategory.OUT_OF_MEMORY, 137
    return None, 128


def _meaning(exit_code: int) -> str:
    known = {126: "its program may not be executed", 127: "its program was not found"}
    return f" ({known[exit_code]})" if exit_code in known else ""
