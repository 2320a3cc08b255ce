"""Which network namespace do the containers of a slot join? That of one idle container without a network.

Making a network namespace is most of what starting a container costs, so every slot keeps one. Its image holds a
single program that waits for ever, written here as machine code: any image of a task may lack even ``sleep``.
"""

import io
import struct
import tarfile
import threading
from typing import Any

import docker
from docker.errors import APIError
from docker.types import ContainerConfig, HostConfig, LogConfig

from node_runtime.containers.arrival import import_image
from node_runtime.containers.connection import create_container, image_id, remove_container, status
from node_runtime.containers.sandbox import HOLDER_LABEL, NODE_LABEL
from node_runtime.errors import HostError

IMAGE = "node-runtime/holder:1"

# an endless loop around the system call that waits for a signal
_WAIT = {
    "x86_64": (62, bytes.fromhex("b822000000 0f05 ebf7")),  # mov eax, 34 (pause); syscall; jmp to the start
    # mov x8, 73 (ppoll); mov x0..x4, 0; svc 0; b to the start
    "aarch64": (183, struct.pack("<8I", 0xD2800928, *(0xD2800000 + n for n in range(5)), 0xD4000001, 0x17FFFFF9)),
}


class Holders:
    """The holders of one node. Safe to share between threads."""

    def __init__(self, client: docker.APIClient, *, node: str, architecture: str) -> None:
        self._client = client
        self._node = node
        self._architecture = architecture
        self._ids: dict[int, str] = {}
        self._guard = threading.Lock()

    def of(self, slot: int) -> str:
        """The id of the slot's holder, made or found when it isn't known yet."""
        with self._guard:
            if slot not in self._ids:
                self._ids[slot] = self._find(slot) or self._make(slot)
            return self._ids[slot]

    def replace(self, slot: int, dead: str) -> None:
        """Forget and remove the holder `dead`; another thread may have done so already."""
        with self._guard:
            if self._ids.get(slot) == dead:
                del self._ids[slot]
                remove_container(self._client, dead)

    def close(self) -> None:
        """Remove them all, also those that an earlier process of this node left.

        Those stay that a running container has joined: whoever takes that up asks whether its holder lasted.
        """
        if not self._guard.acquire(timeout=self._client.timeout):
            raise HostError("the engine doesn't answer", remedy="see its log; the next start removes what stays")
        try:
            ours = self._client.containers(all=True, filters={"label": f"{NODE_LABEL}={self._node}"})
            joined = {one["HostConfig"]["NetworkMode"] for one in ours if one["State"] == "running"}
            for one in ours:
                if self._is_holder(one) and f"container:{one['Id']}" not in joined:
                    remove_container(self._client, one["Id"])
            self._ids.clear()
        finally:
            self._guard.release()

    def _is_holder(self, listed: dict[str, Any]) -> bool:
        """A task's container has the label too, empty, and any image may give it to its containers."""
        slot = listed["Labels"].get(HOLDER_LABEL)
        return slot is not None and f"/{self._name(slot)}" in (listed["Names"] or ())

    def _name(self, slot: int | str) -> str:
        return f"node-runtime-{self._node}-holder-{slot}"

    def _find(self, slot: int) -> str | None:
        """The holder that an earlier process of this node left; one that died is removed."""
        try:
            found = self._client.inspect_container(self._name(slot))
        except APIError as error:
            if status(error) == 404:
                return None
            raise
        if found["State"]["Running"]:
            return str(found["Id"])
        remove_container(self._client, found["Id"])
        return None

    def _make(self, slot: int) -> str:
        _ensure_image(self._client, self._architecture)
        version = self._client.api_version
        config = ContainerConfig(
            version,
            image=IMAGE,
            command=["/wait"],
            user="65534:65534",
            labels={NODE_LABEL: self._node, HOLDER_LABEL: str(slot)},
            host_config=HostConfig(
                version,
                network_mode="none",
                read_only=True,
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                mem_limit="64m",  # not for the program: the engine's own start runs within these, with threads
                pids_limit=64,
                log_config=LogConfig(type="none"),
            ),
        )
        holder = create_container(self._client, config, self._name(slot))
        self._client.start(holder)
        return holder


def _ensure_image(client: docker.APIClient, architecture: str) -> None:
    if image_id(client, IMAGE) is None:
        import_image(client, holder_tar(architecture), IMAGE)


def holder_tar(architecture: str) -> bytes:
    """A root file system with one program, ``/wait``. Raises `HostError` for a processor it isn't written for."""
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
