"""Pause containers: one idle container per slot, whose network namespace the slot's containers join.

Creating a network namespace is most of the cost of starting a container, so every slot keeps one while no container
leaves traces in it. Traces are the namespace's counters and IPv6 flow labels, read through the pause container's
process. Sockets and their names end with a task's processes; addresses, routes and settings need a capability that no
container has. Where traces can't be read, each container gets its own namespace, and the pause container only shows
whether the engine itself has stopped. Its image holds a single program that waits forever, written here as machine
code, because a task's image may lack even ``sleep``.
"""

import io
import secrets
import struct
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError
from docker.types import ContainerConfig, HostConfig, LogConfig

from node_runtime.errors import HostError

from .client import TROUBLE, create_container, explanation, image_id, is_joined, remove_container
from .pull import import_once
from .settings import JOINED_LABEL, NODE_LABEL, PAUSE_LABEL, USER_LABEL

# per namespace; flow labels are leased without a packet, so only this list shows them
_FILES = ("snmp", "snmp6", "netstat", "dev", "ip6_flowlabel")

Traces = tuple[bytes, ...]


def read_traces(pid: int, container: str) -> Traces | None:
    """Read the traces of a namespace, which stay equal while none are left; None where the process isn't visible.

    The cgroup of `pid`, named after the container's id, proves that it is the container's process.
    """
    process = Path("/proc", str(pid))
    try:
        if container not in (process / "cgroup").read_text():
            return None
        return tuple(_content(process / "net" / name) for name in _FILES)
    except OSError:
        return None


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:  # a kernel without IPv6
        return b""


IMAGE = "node-runtime/holder:1"
_ENDED = ("exited", "dead", "removing")

# an endless loop around the system call that waits for a signal
_WAIT = {
    "x86_64": (62, bytes.fromhex("b822000000 0f05 ebf7")),  # mov eax, 34 (pause); syscall; jmp to the start
    # mov x8, 73 (ppoll); mov x0..x4, 0; svc 0; b to the start
    "aarch64": (183, struct.pack("<8I", 0xD2800928, *(0xD2800000 + n for n in range(5)), 0xD4000001, 0x17FFFFF9)),
}


@dataclass(frozen=True, kw_only=True)
class PauseContainer:
    """A slot's pause container. ``traces`` are those of its unused namespace; None where they can't be read.

    ``pid`` is its process id as the engine reports it.
    """

    id: str
    pid: int = 0
    traces: Traces | None = None

    @property
    def network(self) -> str:
        """The engine's network mode for a container of the slot."""
        return "none" if self.traces is None else f"container:{self.id}"

    @property
    def is_clean(self) -> bool:
        return self.traces is None or read_traces(self.pid, self.id) == self.traces


@dataclass(kw_only=True)
class _Slot:
    pause: PauseContainer | None = None
    guard: threading.Lock = field(default_factory=threading.Lock)


class PauseContainers:
    """The pause containers of one node. Thread-safe; a slot is used by one run at a time.

    ``user`` maps a slot to the uid of its containers.
    """

    def __init__(
        self, client: docker.APIClient, *, node: str, architecture: str, user: Callable[[int], tuple[int, int]]
    ) -> None:
        self._client = client
        self._node = node
        self._architecture = architecture
        self._user = user
        self._slots: dict[int, _Slot] = {}
        self._unremoved: set[str] = set()
        self._discarding = threading.Lock()
        self._guard = threading.Lock()

    def of(self, slot: int) -> PauseContainer:
        """Return the slot's pause container, replacing one whose namespace has traces."""
        place = self._slot(slot)
        with place.guard:
            if place.pause is not None and not place.pause.is_clean:
                self._discard(place.pause.id)
                place.pause = None
            if place.pause is None:
                place.pause = self._make(slot)
            return place.pause

    def of_none(self) -> PauseContainer:
        """A placeholder for a container without a slot, which gets its own network namespace."""
        ensure_pause_image(self._client, self._architecture)
        return PauseContainer(id="")

    def leave(self, slot: int, joined: str) -> None:
        """After the end of a container, replace its pause container `joined` in the background if it has traces.

        One of an earlier process is left alone: no other container joins it.
        """
        place = self._slot(slot)
        with place.guard:
            if place.pause is None or place.pause.id != joined or place.pause.is_clean:
                return
            place.pause = None
        threading.Thread(target=self._renew, args=(slot, place, joined), daemon=True, name="pause-container").start()

    def replace(self, slot: int, dead: str) -> None:
        """Forget and remove the pause container `dead`. Idempotent among threads."""
        place = self._slot(slot)
        with place.guard:
            if place.pause is not None and place.pause.id == dead:
                place.pause = None
                self._discard(dead)

    def close(self) -> None:
        """Remove all pause containers of the node, including those of earlier processes.

        Those of running containers stay: adoption checks whether the pause container lasted.
        """
        with self._in_time(self._guard):
            slots = list(self._slots.values())
            self._slots = {}
        for place in slots:  # one may be in creation
            with self._in_time(place.guard):
                pass
        self._remove_those_left(of_ended=True)

    def _slot(self, slot: int) -> _Slot:
        with self._guard:
            if not self._slots:  # remove the leftovers of a killed process
                self._remove_those_left(of_ended=False)
            return self._slots.setdefault(slot, _Slot())

    @contextmanager
    def _in_time(self, guard: threading.Lock) -> Iterator[None]:
        if not guard.acquire(timeout=self._client.timeout):
            raise HostError("the engine doesn't answer", remedy="see its log; the next start removes what stays")
        try:
            yield
        finally:
            guard.release()

    def _renew(self, slot: int, place: _Slot, used: str) -> None:
        """Replace the slot's pause container. Ignores errors: they recur, and are reported, at the slot's next use."""
        with suppress(HostError, *TROUBLE):
            with place.guard:
                if place.pause is None and self._slots.get(slot) is place:
                    place.pause = self._make(slot)
            self._discard(used)

    def _discard(self, pause: str) -> None:
        """Remove a pause container, and those that stayed before, now that they aren't joined any more.

        Where an engine (Podman) keeps one for the ended containers that joined it, its process is ended. One stays
        known until it is removed.
        """
        with self._discarding:
            self._unremoved.add(pause)
            unused = tuple(self._unremoved)
        for one in unused:
            try:
                remove_container(self._client, one)
            except APIError as error:
                if not is_joined(explanation(error)):
                    raise
                with suppress(APIError):  # ended already
                    self._client.kill(one)
            else:
                with self._discarding:
                    self._unremoved.discard(one)

    def _remove_those_left(self, *, of_ended: bool) -> None:
        """Remove the node's unjoined pause containers; with ``of_ended``, also those joined only by ended ones."""
        ours = self._client.containers(all=True, filters={"label": f"{NODE_LABEL}={self._node}"})
        # a starting container is listed as created for a moment after its program began
        joining = [one for one in ours if not (of_ended and one["State"] in _ENDED)]
        spared = {joined_by(_listed_network(one), one["Labels"]) for one in joining}
        for one in ours:
            if self._is_pause_container(one) and one["Id"] not in spared:
                self._discard(one["Id"])

    def _is_pause_container(self, listed: dict[str, Any]) -> bool:
        """A task's container has the label too, empty, and any image may set it for its containers."""
        slot = listed["Labels"].get(PAUSE_LABEL)
        return bool(slot) and any(name.startswith(f"/{self._name(slot)}") for name in listed["Names"] or ())

    def _name(self, slot: int | str) -> str:
        return f"node-runtime-{self._node}-holder-{slot}"

    def _make(self, slot: int) -> PauseContainer:
        ensure_pause_image(self._client, self._architecture)
        version = self._client.api_version
        config = ContainerConfig(
            version,
            image=IMAGE,
            command=["/wait"],
            user="65534:65534",
            labels={NODE_LABEL: self._node, PAUSE_LABEL: str(slot), USER_LABEL: str(self._user(slot)[0])},
            host_config=HostConfig(
                version,
                network_mode="none",
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                mem_limit="64m",  # the engine's start-up threads run within it
                pids_limit=64,
                log_config=LogConfig(type="none"),
            ),
        )
        # a fresh name: the previous container may still exist
        pause = create_container(self._client, config, f"{self._name(slot)}-{secrets.token_hex(4)}")
        self._client.start(pause)
        pid = int(self._client.inspect_container(pause)["State"]["Pid"])
        return PauseContainer(id=pause, pid=pid, traces=read_traces(pid, pause))


def joined_by(network_mode: str, labels: dict[str, str]) -> str | None:
    """The id of the pause container of a task's container; None when it has none."""
    labelled = labels.get(JOINED_LABEL)
    if labelled:
        return labelled
    kind, _, pause = network_mode.partition(":")  # containers from before the label existed
    return pause if kind == "container" else None


def _listed_network(listed: dict[str, Any]) -> str:
    """The network mode in a listing, where the engine lists it: Podman does not."""
    return str((listed.get("HostConfig") or {}).get("NetworkMode", ""))


def ensure_pause_image(client: docker.APIClient, architecture: str) -> None:
    """Import the image of pause containers, the node's own, unless the engine has it."""
    if image_id(client, IMAGE) is None:
        import_once(client, pause_tar(architecture), IMAGE)


def pause_tar(architecture: str) -> bytes:
    """A root file system with the program ``/wait`` only. Raises `HostError` for an unsupported processor."""
    if architecture not in _WAIT:
        raise HostError(
            f"the engine's processor is {architecture}, which is not supported",
            remedy=f"use an engine on one of: {', '.join(sorted(_WAIT))}",
        )
    machine, code = _WAIT[architecture]
    program = elf(machine, code)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        entry = tarfile.TarInfo("wait")
        entry.size, entry.mode = len(program), 0o755
        tar.addfile(entry, io.BytesIO(program))
    return packed.getvalue()


def elf(machine: int, code: bytes) -> bytes:
    """The smallest 64-bit little-endian executable: ELF header, one loaded segment, the code."""
    base, headers = 0x400000, 64 + 56
    size = headers + len(code)
    ident = b"\x7fELF" + bytes((2, 1, 1)) + bytes(9)
    header = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, base + headers, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, base, base, size, size, 0x1000)
    return ident + header + segment + code
