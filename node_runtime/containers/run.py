"""What happens from a container's creation to its end? Create or adopt, start, watch, judge.

::

    (none) --create--> created --start--> running --exits, or is stopped--> ended

A run that finds the name taken goes on with a container that runs or has ended. One whose end would say nothing of the
task is removed, and the run is to be repeated from its beginning.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import docker
from docker.errors import APIError

from node_runtime.containers.afterwards import holder_lasted, look_back, moment
from node_runtime.containers.connection import create_container, explanation, remove_container, status
from node_runtime.containers.ending import Ending, judge, judge_start, may_be_the_engines, told_of_start
from node_runtime.containers.folders import Folders
from node_runtime.containers.holder import Holders
from node_runtime.containers.logs import LogFile
from node_runtime.containers.memory import MemoryGauge
from node_runtime.containers.sandbox import NODE_LABEL, Sandbox, container_config
from node_runtime.containers.stopped import StoppedMarks
from node_runtime.containers.vigil import Vigil
from node_runtime.containers.waiter import Waiter
from node_runtime.errors import HostError
from node_runtime.ports import ContainerRun, ContainerSpec, Mount


@dataclass(frozen=True, kw_only=True)
class Room:
    """What every run of an engine shares."""

    client: docker.APIClient
    sandbox: Sandbox
    holders: Holders
    folders: Folders
    stopped: StoppedMarks
    volumes: Callable[[str], tuple[str, ...]]
    grace: float


class Output(Protocol):
    """Who keeps what a container prints. ``begin`` before its start, ``finish`` after its end.

    ``drop`` when it could not be started: it has printed nothing.
    """

    def begin(self) -> None: ...
    def drop(self) -> None: ...
    def finish(self) -> None: ...


Terminal = Callable[[str], Output]
"""Joins a person's terminal to the container of this id, which is not started yet."""


def run_container(
    room: Room, spec: ContainerSpec, stop: threading.Event, terminal: Terminal | None = None
) -> ContainerRun:
    """Run `spec` to its end, or take up the container that has its name."""
    return _Run(room=room, spec=spec, stop=stop, terminal=terminal).to_its_end()


@dataclass(frozen=True, kw_only=True)
class _Run:
    room: Room
    spec: ContainerSpec
    stop: threading.Event
    terminal: Terminal | None

    def to_its_end(self) -> ContainerRun:
        while True:
            try:
                container = self._create()
            except APIError as error:
                if judge_start(said := explanation(error))[0] is None:
                    raise
                return self._not_started(said)
            if container is not None:
                return self._start(container)
            found = self._found()
            if found is not None:
                return self._take_up(found)

    def _create(self, *, again: bool = True) -> str | None:
        """The id of the new container; None when its name is taken."""
        room, spec = self.room, self.spec
        holder = room.holders.of(spec.slot)
        config = container_config(
            spec, room.sandbox, holder=holder, volumes=room.volumes(spec.image), terminal=self.terminal is not None
        )
        try:
            container = create_container(room.client, config, spec.name)
        except APIError as error:
            said = explanation(error)
            if status(error) == 409 and spec.name in said:
                return None
            if again and holder in said:
                room.holders.replace(spec.slot, holder)
                return self._create(again=False)
            raise
        room.stopped.clear(spec.name)
        return container

    def _start(self, container: str, *, again: bool = True) -> ContainerRun:
        self.room.folders.give(_written(self.spec))
        log = self.terminal(container) if self.terminal is not None else self._log(container)
        try:
            log.begin()
            self.room.client.start(container)
        except APIError as error:
            said = explanation(error)
            log.drop()
            if again and _lost_company(said):
                return self._start_anew(container, said)
            return self._not_started(said)
        return self._watch(container, log, started=time.monotonic(), adopted=False)

    def _log(self, container: str) -> LogFile:
        return LogFile(self.room.client, container, self.spec.log, cap=self.room.sandbox.log)

    def _start_anew(self, container: str, said: str) -> ContainerRun:
        """The slot's holder died: which one the container joins is fixed at its creation, so both are made again."""
        slot = self.spec.slot
        if container not in said:  # then it is the container itself that somebody removed
            self.room.holders.replace(slot, self.room.holders.of(slot))
        remove_container(self.room.client, container)
        created = self._create()
        if created is None:
            raise HostError(f"container {self.spec.name}: its name was taken meanwhile", remedy="repeat")
        return self._start(created, again=False)

    def _not_started(self, said: str) -> ContainerRun:
        category, exit_code = judge_start(said)
        if category is None:
            raise HostError(f"container {self.spec.name} could not be started: {said}", remedy="see the engine's log")
        return ContainerRun(
            image=self.spec.image,
            exit_code=exit_code,
            seconds=0.0,
            peak_memory=None,
            failure=category,
            message=f"could not be started: {told_of_start(said)}",
        )

    def _found(self) -> dict[str, Any] | None:
        """The engine's account of the container that has the name; None when it has just gone."""
        try:
            found: dict[str, Any] = self.room.client.inspect_container(self.spec.name)
        except APIError as error:
            if status(error) == 404:
                return None
            raise
        owner = (found["Config"].get("Labels") or {}).get(NODE_LABEL)
        if owner != self.room.sandbox.node:
            told = f"container {self.spec.name} is there already and is "
            raise HostError(
                told + (f"of node {owner}" if owner else "not of a node"),
                remedy="give each node of an engine its own id, or remove that container",
            )
        if found["State"]["Status"] in ("removing", "dead"):
            remove_container(self.room.client, str(found["Id"]))
            return None
        return found

    def _take_up(self, found: dict[str, Any]) -> ContainerRun:
        """Go on with the container of that name, wherever it is."""
        container, state = str(found["Id"]), found["State"]
        if self.room.stopped.is_set(self.spec.name):
            raise self._to_be_repeated(container, "was stopped by this node, which then ended itself")
        if state["Status"] == "created":
            if judge_start(state.get("Error") or "")[0] is not None:  # the start was tried, and failed for good
                return self._not_started(state["Error"])
            # what its process was doing about it may still be under way: it would begin twice in the same folders
            raise self._to_be_repeated(container, "was made by a process that then ended, and had not begun")
        log = self._log(container)  # one that runs already has lost its terminal
        started = time.monotonic() - max(0.0, time.time() - moment(state["StartedAt"]))
        return self._watch(container, log, started=started, adopted=True)

    def _watch(self, container: str, log: Output, *, started: float, adopted: bool) -> ContainerRun:
        """Until its end; `started` is on this process's monotonic clock, also for one that was adopted."""
        room, spec = self.room, self.spec
        gauge, waiter = MemoryGauge(room.client, container), Waiter(room.client, container)
        stopped = self._vigil(container, deadline=started + spec.timeout).keep(waiter, gauge)
        exit_code = waiter.result()
        ending = Ending(
            exit_code=exit_code,
            out_of_memory=False,
            seconds=time.monotonic() - started,
            full=room.folders.full(_written(spec)),
            stopped=stopped,
        )
        if exit_code != 0 or adopted or ending.seconds > spec.timeout:  # we may have learned of its end late
            ending = look_back(room.client, container, ending)
        log.finish()
        if may_be_the_engines(ending) and not holder_lasted(room.client, container):
            raise self._to_be_repeated(container, "ended together with the slot's own, as when the engine restarts")
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

    def _vigil(self, container: str, *, deadline: float) -> Vigil:
        return Vigil(
            self.room.client,
            container,
            folders=self.room.folders,
            written=_written(self.spec),
            deadline=deadline,
            grace=self.room.grace,
            stop=self.stop,
            before_stop=lambda: self.room.stopped.set(self.spec.name),
        )

    def _to_be_repeated(self, container: str, how: str) -> HostError:
        """How it ended says nothing of the task: it is removed, and runs from its beginning when it is asked for."""
        remove_container(self.room.client, container)
        return HostError(f"container {self.spec.name} {how}", remedy="see the engine's log; the run is repeated")


def _lost_company(said: str) -> bool:
    """Whether the engine misses the container, or the one whose network it joins."""
    return "network of a non running container" in said or "No such container" in said or "/ns/net" in said


def _written(spec: ContainerSpec) -> tuple[Mount, ...]:
    return tuple(mount for mount in spec.mounts if mount.quota is not None)
