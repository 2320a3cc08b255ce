"""Classification of a container's exit status: observations → failure category and message.

`classify_exit` is pure; the functions below it complete an `ExitStatus` from the engine. Each costs an API call, so
they are called only where the result can matter. Hints only explain: no category depends on a program's output.
"""

import os
import re
from collections.abc import Collection, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from node_runtime.domain.clock import steady_clock, wall_clock
from node_runtime.domain.units import size
from node_runtime.errors import FailureCategory

from .client import NOT_EXECUTABLE, NOT_FOUND, meaning_of_start, place_in_rootfs, status
from .pause_container import joined_by

_HINTS = (
    (
        # messages of glibc's resolver, Python, pip, curl, wget, git, R and Java
        r"name resolution|Name or service not known|could not resolve host|unable to resolve host|"
        r"getaddrinfo|Network is unreachable|Failed to establish a new connection|UnknownHostException",
        "there is no network here: fetch and install what it needs in the Dockerfile",
    ),
    (
        r"No space left on device|Errno 28\b|ENOSPC|Disk quota exceeded",
        "a place it wrote to was full: /tmp holds limits.scratch, the output folders limits.outputs",
    ),
    (
        r"File too large|Errno 27\b|EFBIG",
        "no file may be longer than the largest of limits.outputs, limits.scratch and /dev/shm",
    ),
    (
        r"Read-only file system|Errno 30\b|EROFS",
        "the image's own folders are read-only: write to /tmp or to the output folder",
    ),
    (
        r"can't start new thread|Resource temporarily unavailable|pthread_create failed",
        "it may have too many processes and threads at once: use fewer workers",
    ),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE), hint) for pattern, hint in _HINTS)


def hints_of(printed: str) -> Iterator[str]:
    return (hint for pattern, hint in _PATTERNS if pattern.search(printed))


_SIGKILL = 128 + 9
_NOT_RUN, _NOT_FOUND = 126, 127
_MEANINGS = {
    _NOT_RUN: NOT_EXECUTABLE,
    _NOT_FOUND: NOT_FOUND,
    128 + 4: "SIGILL: its program has instructions that this processor lacks",
    128 + 6: "SIGABRT: its program aborted",
    128 + 7: "SIGBUS: e.g. /dev/shm is full",
    128 + 8: "SIGFPE: it divided by zero",
    128 + 11: "SIGSEGV: its program accessed invalid memory",
    128 + 13: "SIGPIPE: it wrote to a closed pipe",
    128 + 15: "SIGTERM: it was terminated, but not by this node",
    128 + 25: "SIGXFSZ: it wrote a file larger than the limit",
    128 + 31: "SIGSYS: it used a forbidden system call",
}


class Stop(Enum):
    """The reason for which this node stopped a container."""

    REQUESTED = auto()
    TIMEOUT = auto()
    TOO_LARGE = auto()
    SCRATCH_FULL = auto()


@dataclass(frozen=True, kw_only=True)
class ExitStatus:
    """Observations of an ended container. ``full``: the outputs are full; ``full_scratch``: other places that are full.

    ``program`` is the first argument, run where the image has no entrypoint. ``printed`` is the end of the log.
    """

    exit_code: int
    out_of_memory: bool
    seconds: float
    full: bool
    stopped: Stop | None = None
    full_scratch: tuple[str, ...] = ()
    program: str | None = None
    printed: str = ""

    @property
    def may_be_external(self) -> bool:
        """Whether something other than this node may have ended it, e.g. an engine that stops or restarts.

        An engine sends TERM before KILL, so the exit code may be any but 0.
        """
        return self.stopped is None and not self.full and not self.out_of_memory and self.exit_code != 0

    def exited_within(self, timeout: float) -> bool:
        """Whether the exit code alone determines the task's result."""
        return self.stopped is None and not self.full and not self.out_of_memory and self.seconds <= timeout


def classify_exit(observed: ExitStatus, *, timeout: float, memory: int) -> tuple[FailureCategory | None, str]:
    """Return the failure category and message; None and an empty message for success.

    The result does not depend on whether a daemon watched the container: one that exceeded its timeout unobserved is
    classified like any other.
    """
    if observed.stopped is Stop.REQUESTED:
        return FailureCategory.NODE_ERROR, "was stopped by this node before its end"
    if observed.full or observed.stopped is Stop.TOO_LARGE:
        return FailureCategory.OUTPUT_TOO_LARGE, "wrote more than its limit of outputs (bytes or number of files)"
    if observed.stopped is Stop.SCRATCH_FULL:
        return FailureCategory.TASK_ERROR, f"wrote more beside its outputs than {_places(observed)} may hold"
    if observed.stopped is Stop.TIMEOUT or observed.seconds > timeout:
        return FailureCategory.TIMEOUT, f"still ran after {timeout:g} s, its timeout"
    if observed.exit_code == 0:
        return None, ""
    if observed.out_of_memory:
        return FailureCategory.OUT_OF_MEMORY, f"needed more than its {size(memory)} of memory"
    if observed.exit_code == _SIGKILL:  # the kernel's OOM kill, whose event the engine may miss at the container's end
        said = f"was killed from outside, as the kernel does when it needs more than its {size(memory)} of memory"
        return FailureCategory.OUT_OF_MEMORY, said
    return FailureCategory.TASK_ERROR, f"exited with {observed.exit_code}{_explained(observed)}"


def start_failure_message(said: str, *, targets: Collection[str]) -> str:
    """The message for the creator about a failed start. It omits the engine's text, which may name paths of this host.

    Controls decide whether the host is at fault (see `control`). ``targets`` are the mount points in the container,
    including its image's volumes.
    """
    known = meaning_of_start(said)
    mounted = place_in_rootfs(said)
    if known is None and mounted in targets:
        known = f"its image has a conflicting entry at {mounted}, where a folder or file is mounted"
    why = known or "its image conflicts with a mount or setting"
    return f"no container of its image can be started, while one of the node's own image can: {why}"


def _explained(observed: ExitStatus) -> str:
    if observed.program is not None and observed.exit_code in (_NOT_RUN, _NOT_FOUND):
        return (
            f": its image has no ENTRYPOINT, so {observed.program!r} was run as the program; "
            "a CMD is replaced by the arguments, write ENTRYPOINT instead"
        )
    meaning = _MEANINGS.get(observed.exit_code)
    full = [f"{_places(observed)} was full"] if observed.full_scratch else []
    return (f" ({meaning})" if meaning else "") + "".join(f"; {hint}" for hint in (*full, *hints_of(observed.printed)))


def _places(observed: ExitStatus) -> str:
    return " and ".join(observed.full_scratch) or "its folder"


_START = 19  # index of the start time in /proc/PID/stat, counted after the command's name
_TIME = re.compile(r"([^.Z+]+?)(\.\d+)?(Z|[+-]\d\d:\d\d)?")
_EVENT_DELAY = 0.3  # seconds after a container's end within which the engine may still record its kill event


def inspected(client: docker.APIClient, container: str, observed: ExitStatus) -> ExitStatus:
    """Complete the exit status from the engine's inspection: duration, out of memory, program."""
    found: dict[str, Any] = client.inspect_container(container)
    state, config = found["State"], found["Config"]
    return replace(
        observed,
        program=None if config.get("Entrypoint") else next(iter(config.get("Cmd") or ()), None),
        out_of_memory=bool(state["OOMKilled"]),
        # the engine's wall clock may have been set; our own measurement may be late, but never early
        seconds=min(observed.seconds, max(0.0, moment(state["FinishedAt"]) - moment(state["StartedAt"]))),
    )


def age(container: str, state: dict[str, Any]) -> float:
    """Seconds since a container's start, given its inspected state.

    By the start time of a running process, which can't be changed; otherwise by the wall clock.
    """
    try:
        pid = int(state["Pid"])
        if pid and container in Path(f"/proc/{pid}/cgroup").read_text():
            ticks = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[_START])
            return steady_clock() / 1000 - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):  # on another machine, or just ended
        pass
    return max(0.0, wall_clock() / 1000 - moment(state["StartedAt"]))


def pause_container_lasted(client: docker.APIClient, container: str) -> bool:
    """Whether the container's pause container has run since its start: only a stopping engine ends it.

    A pause container never exits by itself, and no task can reach it.
    """
    joined = client.inspect_container(container)
    pause = joined_by(str(joined["HostConfig"]["NetworkMode"]), joined["Config"].get("Labels") or {})
    if pause is None:
        return True
    try:
        state = client.inspect_container(pause)["State"]
    except APIError as error:
        if status(error) == 404:
            return False
        raise
    return bool(state["Running"]) and moment(state["StartedAt"]) <= moment(joined["State"]["StartedAt"])


def stopped_externally(client: docker.APIClient, container: str) -> bool:
    """Whether an API client stopped the container: API calls are engine events, a task's own actions are not.

    Call it soon after the end of a container that this node didn't stop: the engine keeps a few hundred events.
    """
    state = client.inspect_container(container)["State"]
    since, until = moment(state["StartedAt"]), moment(state["FinishedAt"]) + _EVENT_DELAY
    clean = state["ExitCode"] == 0
    found = _signalled(client, container, since, until, clean=clean)
    if found is None:  # Podman tells no event of a span that is over
        found = _signalled(client, container, since, moment(client.info()["SystemTime"]) + 1, clean=clean)
    return bool(found)


def _signalled(client: docker.APIClient, container: str, since: float, until: float, *, clean: bool) -> bool | None:
    """Whether the API sent the container a signal; None where no event is found. Reads no event after one that decides.

    A container that ended with 0 handled the signal and ended later, so the signal's event came before its end.
    """
    with closing(_actions(client, container, since, until)) as actions:
        found = None
        for action in actions:
            found = action == "kill"
            if found or clean:
                break
        return found


def _actions(client: docker.APIClient, container: str, since: float, until: float) -> Generator[str, None, None]:
    """The container's signals by the API and its end, in their order; of an engine's few hundred last events."""
    filters = {"container": container, "event": ["kill", "die", "died"]}  # the last is Podman's
    begins, ends = f"{since:.6f}", f"{until:.6f}"  # the engine accepts fractions, unlike the stubs
    with closing(client.events(since=begins, until=ends, filters=filters, decode=True)) as events:  # type: ignore[call-overload]
        yield from (str(event["Action"]) for event in events)


def moment(text: str) -> float:
    """Parse the engine's RFC 3339 time, with up to nine decimals, to seconds since 1970; without a zone it is UTC."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"not a time of an engine: {text!a}")
    whole, fraction, zone = found.groups()
    return datetime.fromisoformat(whole + (zone or "+00:00")).timestamp() + float(f"0{fraction or '.0'}")
