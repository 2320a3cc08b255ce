"""What happens from a container's creation to its end? Create or adopt, start, watch, judge.

::

    (none) --create--> created --start--> running --exits, or is stopped--> ended
              a run that finds the name taken goes on from wherever the container is
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import docker
from docker.errors import APIError

from node_runtime.containers.connection import create_container, explanation, status
from node_runtime.containers.ending import Ending, Stop, judge, judge_start, may_be_the_engines
from node_runtime.containers.folders import Folders
from node_runtime.containers.holder import Holders
from node_runtime.containers.logs import LogFile
from node_runtime.containers.memory import MemoryGauge
from node_runtime.containers.sandbox import NODE_LABEL, Sandbox, container_config
from node_runtime.containers.waiter import Waiter
from node_runtime.errors import HostError
from node_runtime.ports import ContainerRun, ContainerSpec, Mount

TICK = 0.1  # seconds between looks at a running container
FIRST_TICK = 0.02  # so that short ones are sampled too


@dataclass(frozen=True, kw_only=True)
class Room:
    """What every run of an engine shares."""

    client: docker.APIClient
    sandbox: Sandbox
    holders: Holders
    folders: Folders
    volumes: Callable[[str], tuple[str, ...]]
    grace: float


class Output(Protocol):
    """Who keeps what a container prints. ``begin`` before its start, ``finish`` after its end."""

    def begin(self) -> None: ...
    def finish(self) -> None: ...


Terminal = Callable[[str], Output]
"""Joins a person's terminal to the container of this id, which is not started yet."""


def run_container(
    room: Room, spec: ContainerSpec, stop: threading.Event, terminal: Terminal | None = None
) -> ContainerRun:
    """Run `spec` to its end, or take up the container that has its name."""
    container = _create(room, spec, terminal)
    if container is None:
        return _take_up(room, spec, stop, terminal)
    return _start(room, spec, container, stop, terminal)


def _create(room: Room, spec: ContainerSpec, terminal: Terminal | None, *, again: bool = True) -> str | None:
    """The id of the new container; None when its name is taken."""
    holder = room.holders.of(spec.slot)
    volumes = room.volumes(spec.image)
    config = container_config(spec, room.sandbox, holder=holder, volumes=volumes, terminal=terminal is not None)
    try:
        return create_container(room.client, config, spec.name)
    except APIError as error:
        said = explanation(error)
        if status(error) == 409 and spec.name in said:
            return None
        if again and holder in said:
            room.holders.replace(spec.slot, holder)
            return _create(room, spec, terminal, again=False)
        raise


def _start(
    room: Room,
    spec: ContainerSpec,
    container: str,
    stop: threading.Event,
    terminal: Terminal | None,
    *,
    adopted: bool = False,
    again: bool = True,
) -> ContainerRun:
    room.folders.give(_writable(spec))
    log = terminal(container) if terminal is not None else _log(room, spec, container)
    log.begin()
    try:
        room.client.start(container)
    except APIError as error:
        said = explanation(error)
        if again and _lost_holder(said):
            log.finish()
            return _start_anew(room, spec, container, stop, terminal)
        log.finish()
        return _not_started(spec, said)
    return _watch(room, spec, container, stop, log, started=time.monotonic(), adopted=adopted)


def _log(room: Room, spec: ContainerSpec, container: str) -> LogFile:
    return LogFile(room.client, container, spec.log, cap=room.sandbox.log)


def _lost_holder(said: str) -> bool:
    return "network of a non running container" in said or "No such container" in said or "/ns/net" in said


def _start_anew(
    room: Room, spec: ContainerSpec, container: str, stop: threading.Event, terminal: Terminal | None
) -> ContainerRun:
    """The slot's holder died: which one the container joins is fixed at its creation, so both are made again."""
    room.holders.replace(spec.slot, room.holders.of(spec.slot))
    room.client.remove_container(container, force=True, v=True)
    created = _create(room, spec, terminal)
    if created is None:
        raise HostError(f"container {spec.name}: its name was taken meanwhile", remedy="repeat")
    return _start(room, spec, created, stop, terminal, again=False)


def _not_started(spec: ContainerSpec, said: str) -> ContainerRun:
    category, exit_code = judge_start(said)
    if category is None:
        raise HostError(f"container {spec.name} could not be started: {said}", remedy="see the engine's log")
    return ContainerRun(
        image=spec.image,
        exit_code=exit_code,
        seconds=0.0,
        peak_memory=None,
        failure=category,
        message=f"could not be started: {said}",
    )


def _take_up(room: Room, spec: ContainerSpec, stop: threading.Event, terminal: Terminal | None) -> ContainerRun:
    """Go on with the container of that name, wherever it is."""
    found = room.client.inspect_container(spec.name)
    container, state = str(found["Id"]), found["State"]
    owner = (found["Config"].get("Labels") or {}).get(NODE_LABEL)
    if owner != room.sandbox.node:
        raise HostError(
            f"container {spec.name} is there already and is {f'of node {owner}' if owner else 'not of a node'}",
            remedy="give each node of an engine its own id, or remove that container",
        )
    if state["Status"] == "created":
        if judge_start(state.get("Error") or "")[0] is not None:  # the start was tried, and failed for good
            return _not_started(spec, state["Error"])
        return _start(room, spec, container, stop, terminal, adopted=True)
    log = _log(room, spec, container)  # one that runs already has lost its terminal
    started = time.monotonic() - max(0.0, time.time() - _moment(state["StartedAt"]))
    return _watch(room, spec, container, stop, log, started=started, adopted=True)


def _watch(
    room: Room,
    spec: ContainerSpec,
    container: str,
    stop: threading.Event,
    log: Output,
    *,
    started: float,
    adopted: bool,
) -> ContainerRun:
    """Until the container has ended; `started` is on this process's monotonic clock, also for one that was adopted."""
    gauge = MemoryGauge(room.client, container)
    waiter = Waiter(room.client, container)
    stopped = _Vigil(room, spec, container, deadline=started + spec.timeout, stop=stop).keep(waiter, gauge)
    exit_code = waiter.result()
    ending = Ending(
        exit_code=exit_code,
        out_of_memory=False,
        seconds=time.monotonic() - started,
        full=room.folders.full(_writable(spec)),
        stopped=stopped,
    )
    if exit_code != 0 or adopted:
        ending = _look_back(room.client, container, ending)
    log.finish()
    if may_be_the_engines(ending) and not _holder_lasted(room.client, container):
        room.client.remove_container(container, force=True, v=True)  # repeated, it runs from its beginning
        raise HostError(
            f"container {spec.name} ended together with the slot's own container, as when the engine restarts",
            remedy="see the engine's log; the run is repeated",
        )
    failure, message = judge(ending, timeout=spec.timeout, memory=spec.memory)
    return ContainerRun(
        image=spec.image,
        exit_code=exit_code,
        seconds=round(ending.seconds, 3),
        peak_memory=gauge.peak,
        failure=failure,
        message=message,
        adopted=adopted,
    )


def _holder_lasted(client: docker.APIClient, container: str) -> bool:
    """Whether the container whose network this one joined has run on since: only an engine that ends takes it along.

    It never ends by itself, and no task can reach it.
    """
    joined = client.inspect_container(container)
    kind, _, holder = str(joined["HostConfig"]["NetworkMode"]).partition(":")
    if kind != "container":
        return True
    try:
        state = client.inspect_container(holder)["State"]
    except APIError as error:
        if status(error) == 404:
            return False
        raise
    return bool(state["Running"]) and _moment(state["StartedAt"]) <= _moment(joined["State"]["StartedAt"])


def _writable(spec: ContainerSpec) -> tuple[Mount, ...]:
    return tuple(mount for mount in spec.mounts if mount.quota is not None)


def _look_back(client: docker.APIClient, container: str, ending: Ending) -> Ending:
    """The engine's own account, which needs another question: its clock, and whether memory ran out."""
    state: dict[str, Any] = client.inspect_container(container)["State"]
    return Ending(
        exit_code=ending.exit_code,
        out_of_memory=bool(state["OOMKilled"]),
        seconds=max(0.0, _moment(state["FinishedAt"]) - _moment(state["StartedAt"])),
        full=ending.full,
        stopped=ending.stopped,
    )


def _moment(text: str) -> float:
    """Seconds since 1970 of the engine's RFC 3339 text, which has up to nine decimals."""
    whole, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(whole).replace(tzinfo=UTC).timestamp() + float(f"0.{fraction or 0}")


class _Vigil:
    """Watches one running container and ends it when it must: TERM first, KILL after the grace."""

    def __init__(
        self, room: Room, spec: ContainerSpec, container: str, *, deadline: float, stop: threading.Event
    ) -> None:
        self._room = room
        self._container = container
        self._deadline = deadline
        self._stop = stop
        self._watched = room.folders.watched(_writable(spec))

    def keep(self, waiter: Waiter, gauge: MemoryGauge) -> Stop | None:
        """Returns when the container has ended: why it was stopped, or None when it ended by itself."""
        stopped: Stop | None = None
        kill_at = float("inf")
        tick = FIRST_TICK
        gauge.sample()
        while not waiter.done.wait(tick):
            tick = TICK
            gauge.sample()
            reason = self._reason()
            if reason is Stop.TOO_LARGE and stopped is not Stop.TOO_LARGE:
                stopped = reason if self._signal("SIGKILL") else stopped
            elif reason is not None and stopped is None:
                stopped = reason if self._signal("SIGTERM") else None
                kill_at = time.monotonic() + self._room.grace
            elif time.monotonic() >= kill_at:
                kill_at = float("inf")
                self._signal("SIGKILL")
        return stopped

    def _reason(self) -> Stop | None:
        if self._room.folders.overflow(self._watched):
            return Stop.TOO_LARGE
        if self._stop.is_set():
            return Stop.REQUESTED
        return Stop.TIMEOUT if time.monotonic() >= self._deadline else None

    def _signal(self, name: str) -> bool:
        """False when the container has ended meanwhile: then it was not we who ended it."""
        try:
            self._room.client.kill(self._container, signal=name)
        except APIError as error:
            if status(error) not in (404, 409):
                raise
            return False
        return True
