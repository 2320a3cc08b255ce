"""How did a container end? Pure: what was seen of it → the category of its failure, and a line for a person."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from node_runtime.errors import FailureCategory

_SIGKILL = 128 + 9
_PLACE = re.compile(r'error mounting "[^"]*" to rootfs at "(?P<place>[^"]*)"')
# what is in the way of a mount when an image brings it, and what the engine says of an image that fits nowhere
_IN_THE_WAY = ("not a directory", "too many levels of symbolic links", "because it is inside /proc")
_UNFIT = {
    ("No command specified",): "its image names no program, and neither does the task",
    ("destination can't be '/'",): "its image declares / as a volume",
    ("mount path must be absolute",): "its image declares a volume without a leading slash",
    ("during container init: mkdir ", "no such file or directory"): "its image's working directory can't be made",
    ("error reopening /dev/null",): "its image declares /dev as a volume",
}


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
    if _unfit(reason) is not None:
        return FailureCategory.TASK_ERROR, 125
    if "executable file not found" in reason or ("no such file or directory" in reason and "exec" in reason):
        return FailureCategory.TASK_ERROR, 127
    if ("permission denied" in reason and "exec" in reason) or "is a directory" in reason:
        return FailureCategory.TASK_ERROR, 126
    if "OOM-killed" in reason or "memory limit too low" in reason:
        return FailureCategory.OUT_OF_MEMORY, 137
    return None, 128


def told_of_start(reason: str) -> str:
    """The engine's reason for a person who may be a stranger: this machine's own folders are left out."""
    return _unfit(reason) or reason


def _unfit(reason: str) -> str | None:
    """What is wrong with the image itself: no node could start a container of it."""
    mounted = _PLACE.search(reason)
    if mounted is not None and any(sign in reason for sign in _IN_THE_WAY):
        return f"its image has something in the way at {mounted['place']}, where a folder or file is mounted"
    return next((told for signs, told in _UNFIT.items() if all(sign in reason for sign in signs)), None)


def _meaning(exit_code: int) -> str:
    known = {126: "its program may not be executed", 127: "its program was not found"}
    return f" ({known[exit_code]})" if exit_code in known else ""
