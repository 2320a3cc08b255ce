"""A container from its creation to its end: create or adopt, start, watch, classify.

::

    (none) --create--> created --start--> running --exits, or is stopped--> ended

Where a container of the spec's name exists already, running or ended, the run adopts it. A container whose exit status
says nothing about the task is removed; the `HostError` raised then asks the caller to repeat the run.
"""

import threading
import time
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import docker
from docker.errors import APIError

from node_runtime.errors import FailureCategory, HostError
from node_runtime.ports.engine import ContainerRun, ContainerSpec, Mount

from .client import create_container, explanation, inspect_image, lost_its_namespace, remove_container, status
from .control import LEAST_MEMORY, Controls, control_config
from .exit_status import (
    ExitStatus,
    Stop,
    age,
    classify_exit,
    inspected,
    pause_container_lasted,
    start_failure_message,
    stopped_externally,
)
from .host_config import Sandbox, container_config, user_of
from .image_config import ImageConfigs
from .logs import LogFile, OutputSink, Terminal, end_of_log
from .pause_container import PauseContainers, joined_by
from .quota import Folders
from .settings import NODE_LABEL
from .supervisor import ExitWaiter, StopMarkers, Supervisor
from .usage import PLACE, MemoryGauge, ScratchGauge

_SEARCHED = 16 << 10  # bytes at a log's end, in which hints at the cause of a failure are searched


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """The parts of the engine that its runs share."""

    client: docker.APIClient
    sandbox: Sandbox
    pause_containers: PauseContainers
    folders: Folders
    stopped: StopMarkers
    controls: Controls
    images: ImageConfigs
    grace: float
    end_request: float


def run_container(
    context: RunContext, spec: ContainerSpec, stop: threading.Event, terminal: Terminal | None = None
) -> ContainerRun:
    """Run `spec` to its end, or adopt the container with its name."""
    return _Run(context=context, asked=spec, spec=context.images.fitted(spec), stop=stop, terminal=terminal).run()


@dataclass(frozen=True, kw_only=True)
class _Container:
    """``joined`` is the id of the pause container whose network it joins."""

    id: str
    joined: str | None


@dataclass(frozen=True, kw_only=True)
class _Run:
    """``spec`` is what was ``asked``, fitted to its image."""

    context: RunContext
    asked: ContainerSpec
    spec: ContainerSpec
    stop: threading.Event
    terminal: Terminal | None

    def run(self, *, retry: bool = True) -> ContainerRun:
        """Run to the end. ``retry``: repeat a failed start once, if the node's own image does start."""
        while True:
            try:
                container = self._create()
            except APIError as error:
                return self._not_started(explanation(error), retry=retry)
            if container is not None:
                return self._start(container, retry=retry)
            found = self._found()
            if found is not None:
                return self._adopt(found, retry=retry)

    def _create(self, *, replace_pause: bool = True) -> _Container | None:
        """Create the container; None when its name is taken. ``replace_pause``: replace a missing pause container."""
        context, spec = self.context, self.spec
        pause = context.pause_containers.of(spec.slot)
        config = container_config(
            spec, context.sandbox, pause=pause, volumes=self._volumes(), terminal=self.terminal is not None
        )
        try:
            container = create_container(context.client, config, spec.name)
        except APIError as error:
            said = explanation(error)
            if spec.name in said and (status(error) == 409 or self._is_there()):  # Podman answers 500
                return None
            if replace_pause and pause.id in said:
                context.pause_containers.replace(spec.slot, pause.id)
                return self._create(replace_pause=False)
            raise
        context.stopped.clear(spec.name)
        return _Container(id=container, joined=pause.id)

    def _start(self, container: _Container, *, retry: bool, replace_pause: bool = True) -> ContainerRun:
        """Start the container. ``replace_pause``: replace a missing pause container, once."""
        self.context.folders.give(_written(self.spec), user_of(self.spec, self.context.sandbox))
        output = self.terminal(container.id) if self.terminal is not None else self._log(container.id)
        try:
            output.begin()
            self.context.client.start(container.id)
        except APIError as error:
            said = explanation(error)
            output.drop()
            if replace_pause and lost_its_namespace(said):
                return self._start_anew(container, said, retry=retry)
            return self._not_started(said, retry=retry)
        return self._watch(container, output, started=time.monotonic(), adopted=False)

    def _is_there(self) -> bool:
        """Whether a container of that name exists."""
        listed = self.context.client.containers(all=True, filters={"name": self.spec.name})
        return any(f"/{self.spec.name}" in (one["Names"] or ()) for one in listed)

    def _volumes(self) -> tuple[str, ...]:
        return self.context.images.of(self.spec.image).volumes

    def _log(self, container: str) -> LogFile:
        return LogFile(self.context.client, container, self.spec.log, cap=self.context.sandbox.log)

    def _start_anew(self, container: _Container, said: str, *, retry: bool) -> ContainerRun:
        """Recreate the container and its dead pause container: a container's network is fixed at its creation."""
        if container.id not in said and container.joined:  # else the container itself is missing
            self.context.pause_containers.replace(self.spec.slot, container.joined)
        remove_container(self.context.client, container.id)
        created = self._create()
        if created is None:
            raise HostError(f"container {self.spec.name}: another client took its name", remedy="repeat the run")
        return self._start(created, retry=retry, replace_pause=False)

    def _not_started(self, said: str, *, retry: bool) -> ContainerRun:
        """Return the failure of a start, after one more try.

        The node's own image is started in the same sandbox as a control: if that works, the task's image is unfit; if
        it works with more memory only, the limit is too low; otherwise `HostError` is raised.
        """
        fits = self._own_image_starts(self.spec.memory)
        if inspect_image(self.context.client, self.spec.image) is None:
            raise HostError(
                f"image {self.spec.image} is not there any more",
                remedy="repeat the run: the image is then built or pulled again",
            )
        remove_container(self.context.client, self.spec.name)
        if fits and retry:
            return self.run(retry=False)
        targets = {*self._volumes(), *(mount.target for mount in self.spec.mounts)}
        message = start_failure_message(said, targets=targets)
        if not fits:
            message = f"no container can be started within its {self.spec.memory >> 20} MiB of memory"
        return ContainerRun(
            image=self.spec.image,
            exit_code=None,
            seconds=0.0,
            peak_memory=None,
            failure=FailureCategory.IMAGE_UNFIT if fits else FailureCategory.OUT_OF_MEMORY,
            message=message,
            engine_said=said,
        )

    def _own_image_starts(self, memory: int) -> bool:
        """Whether the node's own image starts in the same sandbox with this ``memory``; False when it needs more.

        Raises `HostError` when it can't start at all.
        """
        context = self.context
        config = control_config(
            replace(self.asked, memory=memory), context.sandbox, pause=context.pause_containers.of(self.spec.slot)
        )
        verdict = context.controls.start(config)
        if verdict.trouble and memory < LEAST_MEMORY:
            self._own_image_starts(LEAST_MEMORY)
            return False
        verdict.require_works(f"container {self.spec.name} could not be started")
        return True

    def _found(self) -> dict[str, Any] | None:
        """Inspect the container with the name; None when it was just removed."""
        try:
            found: dict[str, Any] = self.context.client.inspect_container(self.spec.name)
        except APIError as error:
            if status(error) == 404:
                return None
            raise
        owner = (found["Config"].get("Labels") or {}).get(NODE_LABEL)
        if owner != self.context.sandbox.node:
            message = f"a container {self.spec.name} exists already and "
            raise HostError(
                message + (f"belongs to node {owner}" if owner else "belongs to no node"),
                remedy="give each node of an engine its own id, or remove that container",
            )
        if found["State"]["Status"] in ("removing", "dead"):
            remove_container(self.context.client, str(found["Id"]))
            return None
        return found

    def _adopt(self, found: dict[str, Any], *, retry: bool) -> ContainerRun:
        """Adopt the container with that name in whatever state it is."""
        joined = joined_by(str(found["HostConfig"]["NetworkMode"]), found["Config"].get("Labels") or {})
        container, state = _Container(id=str(found["Id"]), joined=joined), found["State"]
        if self.context.stopped.is_set(self.spec.name):
            raise self._to_be_repeated(container, "was stopped by this node's earlier process, which then ended")
        if state["Status"] == "created":
            if state.get("Error"):  # the start was tried and failed
                return self._not_started(state["Error"], retry=retry)
            # its process's start request may still be in flight: the task could start twice in the same folders
            raise self._to_be_repeated(
                container, "was created by this node's earlier process, which ended before the container started"
            )
        output = self._log(container.id)  # a running container has lost its terminal
        if state["Status"] == "running" and not found["Config"]["Tty"]:
            output.follow()
        started = time.monotonic() - age(container.id, state)
        return self._watch(container, output, started=started, adopted=True)

    def _watch(self, container: _Container, output: OutputSink, *, started: float, adopted: bool) -> ContainerRun:
        try:
            return self._watched(container, output, started=started, adopted=adopted)
        except APIError as error:
            if status(error) != 404 and self._is_there():  # Podman may answer 500
                raise
            raise self._to_be_repeated(container, "was removed by somebody on this machine") from error

    def _watched(self, container: _Container, output: OutputSink, *, started: float, adopted: bool) -> ContainerRun:
        """Watch the container to its end; `started` is on this process's monotonic clock, also after adoption."""
        context, spec = self.context, self.spec
        gauge = MemoryGauge(context.client, container.id)
        waiter = ExitWaiter(context.client, container.id, repeated=context.end_request)
        with closing(ScratchGauge(container.id)) as scratch:
            stopped = self._supervisor(container.id, deadline=started + spec.timeout).wait(waiter, gauge, scratch)
        observed = ExitStatus(
            exit_code=waiter.result(),
            out_of_memory=False,
            seconds=time.monotonic() - started,
            full=context.folders.full(_written(spec)),
            stopped=stopped,
            full_scratch=(*((PLACE,) if scratch.full else ()), *context.folders.full_scratch(_written(spec))),
        )
        if observed.exit_code != 0 or adopted or observed.seconds > spec.timeout:  # the end may have been noticed late
            observed = inspected(context.client, container.id, observed)
        output.finish()
        self._check_task_ended_itself(observed, container)
        if container.joined:
            context.pause_containers.leave(spec.slot, container.joined)
        printed = "" if observed.exit_code == 0 else end_of_log(spec.log, size=_SEARCHED)
        failure, message = classify_exit(replace(observed, printed=printed), timeout=spec.timeout, memory=spec.memory)
        return ContainerRun(
            image=spec.image,
            exit_code=observed.exit_code,
            seconds=round(observed.seconds, 3),
            peak_memory=gauge.peak,
            failure=failure,
            message=message,
            adopted=adopted,
            stopped=stopped is Stop.REQUESTED,
        )

    def _check_task_ended_itself(self, observed: ExitStatus, container: _Container) -> None:
        """Raise `HostError`, so that the run is repeated, when anything but the task may have ended the container."""
        context, spec = self.context, self.spec
        if observed.may_be_external and not pause_container_lasted(context.client, container.id):
            context.pause_containers.replace(spec.slot, container.joined or "")
            raise self._to_be_repeated(
                container, "ended together with its slot's pause container, as when the engine restarts"
            )
        if observed.exited_within(spec.timeout) and stopped_externally(context.client, container.id):
            raise self._to_be_repeated(container, "was ended by somebody on this machine, not by the task")

    def _supervisor(self, container: str, *, deadline: float) -> Supervisor:
        return Supervisor(
            self.context.client,
            container,
            folders=self.context.folders,
            written=_written(self.spec),
            deadline=deadline,
            grace=self.context.grace,
            stop=self.stop,
            before_stop=lambda: self.context.stopped.set(self.spec.name),
        )

    def _to_be_repeated(self, container: _Container, how: str) -> HostError:
        """Remove a container whose exit status says nothing about the task; return the error to raise."""
        remove_container(self.context.client, container.id)
        return HostError(f"container {self.spec.name} {how}", remedy="see the engine's log; the run is repeated")


def _written(spec: ContainerSpec) -> tuple[Mount, ...]:
    return tuple(mount for mount in spec.mounts if mount.quota is not None)
