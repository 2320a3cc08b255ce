"""What is kept of a container's output? Its head, read while we are attached, and its tail, kept by the engine.

However much a container prints, memory, the log's file and the engine's disk stay within a few times the cap.
"""

import os
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO

import docker
import requests
from urllib3.exceptions import HTTPError

from node_runtime.containers.connection import checked, without_limit

_FRAME = struct.Struct(">BxxxL")  # which stream, how many bytes
_AROUND_A_LINE = 64  # bytes at most: length twice, source, time
_CHUNK = 1 << 16  # bytes
_RING = 4  # the engine's ring holds at most this many caps, whatever it says


def merge(head: bytes, ring: bytes, *, cap: int, head_lost: bool) -> bytes:
    """The log: `head` is how the output began, `ring` how it went on to its end, as far back as the engine has it.

    When the ring goes back to the beginning nothing is missing but what is over the cap. ``head_lost`` is true when
    nobody was attached from the beginning: the ring may then have begun later than the output.
    """
    half = cap // 2
    if ring.startswith(head) and not (head_lost and len(ring) > half) and not _may_hide_a_loss(head, ring, cap):
        if len(ring) <= cap:
            return ring
        left_out = f"{len(ring) - 2 * half} bytes left out: the first {half} and the last {half} are kept"
        return ring[:half] + _note(left_out) + ring[-half:]
    lost = ", its beginning was lost when the node restarted" if head_lost else ""
    first, last = len(head[:half]), len(ring[-half:])
    return (
        head[:half]
        + _note(f"output left out{lost}: the first {first} bytes and the last {last} are kept")
        + ring[-half:]
    )


def _may_hide_a_loss(head: bytes, ring: bytes, cap: int) -> bool:
    """Output that repeats itself looks the same wherever the ring begins; only one that never turned is surely whole.

    The ring turns when its lines, each with what the engine writes around it, are more than the cap.
    """
    repeats = head.find(head[: (len(head) + 1) // 2], 1) >= 0
    return repeats and len(ring) + _AROUND_A_LINE * ring.count(b"\n") >= cap


def _note(text: str) -> bytes:
    return f"\n[... {text} ...]\n".encode()


class LogFile:
    """The log of one run on the host. ``begin`` before the start, ``finish`` after the end, in one process or two."""

    def __init__(self, client: docker.APIClient, container: str, path: Path, *, cap: int) -> None:
        self._client = client
        self._container = container
        self._path = path
        self._cap = cap
        self._line: socket.socket | None = None
        self._reader: threading.Thread | None = None
        self._complete = False

    def begin(self) -> None:
        """Attach, and write the head from now on. Called before the container starts, so that nothing is missed."""
        # the client's own `attach` cannot be ended, and a stream that nobody reads stops the container
        response = self._asked("post", "attach", stream="1")
        without_limit(self._client, response)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        head = self._path.open("wb", buffering=0)
        self._line = socket.socket(fileno=os.dup(response.raw.fileno()))
        self._reader = threading.Thread(target=self._read, args=(response, self._line, head), daemon=True, name="log")
        self._reader.start()

    def drop(self) -> None:
        """The container could not be started; while it is there, its stream would stay open."""
        if self._line is not None:
            with suppress(OSError):  # it has ended by itself
                self._line.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """The container has ended: complete the log with what the engine kept of it."""
        attached = self._reader is not None
        if self._reader is not None:
            self._reader.join(timeout=10)
        if self._complete:
            return
        self.drop()  # where the connection was forgotten, its end is never heard of
        head = _read_head(self._path, self._cap // 2)
        lost = not attached and len(head) < self._cap // 2
        written = merge(head, self._ring(), cap=self._cap, head_lost=lost)
        unfinished = self._path.with_name(self._path.name + ".part")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(written)
        unfinished.replace(self._path)

    def _read(self, response: requests.Response, line: socket.socket, head: IO[bytes]) -> None:
        """Until the output ends, or half the cap is there: from then on output costs us nothing, nobody is attached."""
        room = self._cap // 2
        with suppress(OSError, HTTPError), response, line, head:
            while size := _frame_size(response.raw.read(_FRAME.size)):
                chunk = response.raw.read(size)
                head.write(chunk[:room])
                room -= len(chunk)
                if room < 0:
                    return
            self._complete = True

    def _ring(self) -> bytes:
        """Not by the client's own `logs`, which waits for ever for an engine that says nothing any more."""
        kept = bytearray()
        terminal = self._client.inspect_container(self._container)["Config"]["Tty"]
        with self._asked("get", "logs") as response:
            for chunk in _unframed(response) if not terminal else response.iter_content(_CHUNK):
                kept += chunk
                if len(kept) > _RING * self._cap:
                    del kept[: -_RING * self._cap]
        return bytes(kept)

    def _asked(self, method: str, what: str, **more: str) -> requests.Response:
        """What the engine begins to say about the container within the client's time. Raises `APIError`."""
        response = self._client.request(
            method,
            f"{self._client.base_url}/v{self._client.api_version}/containers/{self._container}/{what}",
            params={"stdout": "1", "stderr": "1", **more},
            stream=True,
            timeout=self._client.timeout,
        )
        return checked(response)


def _unframed(response: requests.Response) -> Iterator[bytes]:
    while size := _frame_size(response.raw.read(_FRAME.size)):
        yield response.raw.read(size)


def _frame_size(header: bytes) -> int:
    """How many bytes follow; 0 at the end. Format: Docker Engine API, ContainerAttach, "Stream format"."""
    return int(_FRAME.unpack(header)[1]) if len(header) == _FRAME.size else 0


def _read_head(path: Path, size: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(size)
