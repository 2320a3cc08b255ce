"""The log of a container: its head, read while attached, and its tail, kept by the engine.

Memory, the log file and the engine's disk stay within a few times the cap, however much a container prints.
"""

import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

import docker
import requests
from docker.errors import APIError
from urllib3.exceptions import HTTPError

from node_runtime.platform.files import write_atomically

from .client import checked, without_limit

_FRAME = struct.Struct(">BxxxL")  # stream, length
_AROUND_A_LINE = 64  # bytes of the engine's framing per line: length twice, source, time
_CHUNK = 1 << 16  # bytes
_RING = 4  # the engine's log files hold at most this many caps


class OutputSink(Protocol):
    """A consumer of a container's output: ``begin`` before its start, ``finish`` after its end.

    ``drop`` replaces ``finish`` when the container could not be started and has printed nothing.
    """

    def begin(self) -> None: ...
    def drop(self) -> None: ...
    def finish(self) -> None: ...


Terminal = Callable[[str], OutputSink]
"""Attaches the user's terminal to the created container of this id."""


def merge(head: bytes, ring: bytes, *, cap: int, head_lost: bool) -> bytes:
    """Merge the head of the output with the engine's `ring`, its tail.

    When the ring reaches back to the beginning, only output above the cap is missing. ``head_lost`` is true when no
    client was attached from the beginning: the ring may then begin later than the output.
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
    """Whether output may be missing between head and ring.

    Repetitive output looks the same at any offset, so only a ring that never wrapped is surely complete.
    The ring wraps when its lines, with their framing, exceed the cap.
    """
    repeats = head.find(head[: (len(head) + 1) // 2], 1) >= 0
    return repeats and len(ring) + _AROUND_A_LINE * ring.count(b"\n") >= cap


def _note(text: str) -> bytes:
    return f"\n[... {text} ...]\n".encode()


class LogFile:
    """The log file of one run: ``begin`` before the start, ``finish`` after the end, possibly in another process."""

    def __init__(self, client: docker.APIClient, container: str, path: Path, *, cap: int) -> None:
        self._client = client
        self._container = container
        self._path = path
        self._cap = cap
        self._line: socket.socket | None = None
        self._reader: threading.Thread | None = None
        self._complete = False
        self._kept: int | None = None  # bytes of the head that an earlier process wrote, before `follow` wrote on

    def begin(self) -> None:
        """Attach and write the head from now on. Call it before the container starts, so that no output is missed."""
        # the client's own `attach` can't be closed, and an unread stream blocks the container
        response = self._asked("post", "attach", stream="1")
        without_limit(self._client, response)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        head = self._path.open("wb", buffering=0)
        self._line = socket.socket(fileno=os.dup(response.raw.fileno()))
        self._reader = threading.Thread(target=self._read, args=(response, self._line, head), daemon=True, name="log")
        self._reader.start()

    def follow(self) -> None:
        """Write what an adopted container prints behind the head, for whoever reads along while it runs.

        ``finish`` completes the log as without: output that was lost meanwhile may have gone unnoticed here.
        """
        self._kept = len(_read_head(self._path, self._cap // 2))
        threading.Thread(target=self._write_on, daemon=True, name="log").start()

    def _write_on(self) -> None:
        half, offset = self._cap // 2, 0
        head = _read_head(self._path, half)
        with suppress(OSError, HTTPError, requests.RequestException, APIError):
            response = self._asked("get", "logs", follow="1")
            without_limit(self._client, response)
            with response, self._path.open("ab", buffering=0) as file:
                for chunk in _unframed(response):
                    part = chunk[: half - offset]
                    known = head[offset : offset + len(part)]
                    if not part or not part.startswith(known):
                        return
                    file.write(part[len(known) :])
                    offset += len(part)

    def drop(self) -> None:
        """Detach from a container that could not be started; its stream would stay open."""
        if self._line is not None:
            with suppress(OSError):  # closed already
                self._line.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        """Complete the log with the engine's part after the container's end."""
        attached = self._reader is not None
        if self._reader is not None:
            self._reader.join(timeout=10)
        if self._complete:
            return
        self.drop()  # a dropped connection never reports its end
        head = _read_head(self._path, self._cap // 2)[: self._kept]
        lost = not attached and len(head) < self._cap // 2
        written = merge(head, self._ring(), cap=self._cap, head_lost=lost)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path, written)

    def _read(self, response: requests.Response, line: socket.socket, head: IO[bytes]) -> None:
        """Read until the output ends or half the cap is written, then detach, so further output costs nothing."""
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
        """Read the engine's log. The client's own `logs` has no timeout for a silent engine."""
        kept = bytearray()
        terminal = self._client.inspect_container(self._container)["Config"]["Tty"]
        with self._asked("get", "logs") as response:
            for chunk in _unframed(response) if not terminal else response.iter_content(_CHUNK):
                kept += chunk
                if len(kept) > _RING * self._cap:
                    del kept[: -_RING * self._cap]
        return bytes(kept)

    def _asked(self, method: str, what: str, **more: str) -> requests.Response:
        """Request a stream about the container; the client's timeout applies to the first byte. Raises `APIError`."""
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
    """The length of the frame; 0 at the end. Format: Docker Engine API, ContainerAttach, "Stream format"."""
    return int(_FRAME.unpack(header)[1]) if len(header) == _FRAME.size else 0


def _read_head(path: Path, size: int) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        return file.read(size)


def end_of_log(log: Path, *, size: int) -> str:
    """Return the last ``size`` bytes as text; nothing of a missing file."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - size))
            return file.read(size).decode(errors="replace")
    except FileNotFoundError:
        return ""
