"""A real chain for tests: the devnet as a process of its own, on a free port, in the test's folder."""

import json
import re
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

from node_runtime.devnet.blocks import Header
from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.scale import compact
from tests.background import LIMIT, in_time

OpenChain = Callable[..., EmbeddedChain]
"""Opens a chain without a server, in this process; see the fixture ``open_chain``."""


class Clock:
    """Milliseconds since 1970, advanced by hand."""

    def __init__(self) -> None:
        self.now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True, kw_only=True)
class RunningDevnet:
    """A devnet process that accepts clients at ``url``. ``port`` keeps its port from others while it is not running."""

    url: str
    process: subprocess.Popen[str]
    port: socket.socket
    errors: Path

    def kill(self) -> None:
        """End it as a power cut would: nothing is told to it. May be repeated."""
        _kill(self.process)

    def stop(self) -> int:
        """Ask it to end; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(LIMIT)

    def end(self) -> None:
        """Whatever became of it, neither it nor its port is held any longer. May be repeated."""
        self.kill()
        self.port.close()

    def said(self) -> str:
        """What it told the person who runs it, so far."""
        return self.errors.read_text()


def launch_devnet(
    base_path: Path,
    *options: str,
    before_start: Callable[[], None] | None = None,
    port: socket.socket | None = None,
) -> RunningDevnet:
    """Start a devnet and wait until it is ready; the caller ends it. None is left where it doesn't start.

    ``options`` are command line options; ``before_start`` runs in the new process before anything else; ``port`` is
    that of another one, which has ended.
    """
    port = port or _free_port()
    where = ("--base-path", str(base_path), "--port", str(port.getsockname()[1]))
    errors = base_path.with_name(f"{base_path.name}-{secrets.token_hex(4)}.errors")
    with errors.open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "node_runtime.devnet", *where, *options],
            stdout=subprocess.PIPE,
            stderr=output,
            text=True,
            preexec_fn=before_start,
        )
    try:
        return RunningDevnet(url=_ready(process, errors), process=process, port=port, errors=errors)
    except BaseException:
        _kill(process)
        raise


def _ready(process: subprocess.Popen[str], errors: Path) -> str:
    """Wait for the line with its address, which it prints once it accepts connections."""
    assert process.stdout is not None
    with in_time(process):
        line = process.stdout.readline()
        while line.startswith("note "):  # what became of a stored chain
            line = process.stdout.readline()
        found = re.fullmatch(r"ready (ws://\S+)\n", line)
        assert found, f"the devnet did not start (exit code {process.wait()}): {errors.read_text()}"
    return found.group(1)


def _kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    with process:  # closes the pipe from it
        pass


def _free_port() -> socket.socket:
    """Bind a free port, so that the system assigns it to no other; a process that names it may still listen there."""
    port = socket.socket()
    port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    port.bind(("127.0.0.1", 0))
    return port


@contextmanager
def running_devnet(
    base_path: Path,
    *options: str,
    before_start: Callable[[], None] | None = None,
    port: socket.socket | None = None,
) -> Iterator[RunningDevnet]:
    """As `launch_devnet`, and end it after the ``with`` in any case."""
    running = launch_devnet(base_path, *options, before_start=before_start, port=port)
    try:
        yield running
    finally:
        running.end()


@contextmanager
def start_devnet(base_path: Path, *options: str) -> Iterator[str]:
    """A devnet for the duration of a ``with``; gives its WebSocket address."""
    with running_devnet(base_path, *options) as running:
        yield running.url
        assert running.stop() == 0


class RpcConnection:
    """A bare JSON-RPC connection, for what substrate-interface would hide."""

    def __init__(self, url: str) -> None:
        self._closing = ExitStack()
        self.socket: ClientConnection = self._closing.enter_context(
            # a devnet that is at work answers no ping meanwhile: each answer has its limit instead
            connect(url, open_timeout=LIMIT, ping_interval=None, compression=None, max_size=None)
        )
        self._requests = 0
        self._notifications: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def reply(self, method: str, *params: object) -> Any:
        """The whole reply to a request, with ``result`` or ``error``."""
        self._requests += 1
        request = {"jsonrpc": "2.0", "id": self._requests, "method": method, "params": params}
        self.socket.send(json.dumps(request))
        while True:
            message = self.receive()
            if isinstance(message, dict) and message.get("id") == self._requests:
                return message
            self._notifications.append(message)

    def result(self, method: str, *params: object) -> Any:
        reply = self.reply(method, *params)
        assert "error" not in reply, reply
        return reply["result"]

    def error(self, method: str, *params: object) -> Any:
        return self.reply(method, *params)["error"]

    def notification(self) -> Any:
        """The next notification's ``params``."""
        message = self._notifications.pop(0) if self._notifications else self.receive()
        return message["params"]

    def receive(self) -> Any:
        return json.loads(self.socket.recv(timeout=LIMIT))


def execute_again(rpc: RpcConnection, block_hash: str) -> None:
    """Have the runtime execute a stored block over its parent's state; fails when it comes out differently."""
    block = rpc.result("chain_getBlock", block_hash)["block"]
    header = block["header"]
    encoded = Header(
        parent=unhexed(header["parentHash"]),
        number=int(header["number"], 16),
        state_root=unhexed(header["stateRoot"]),
        extrinsics_root=unhexed(header["extrinsicsRoot"]),
        digest=tuple(map(unhexed, header["digest"]["logs"])),
    ).encode()
    extrinsics = [unhexed(extrinsic) for extrinsic in block["extrinsics"]]
    argument = encoded + compact(len(extrinsics)) + b"".join(extrinsics)
    rpc.result("state_call", "Core_execute_block", hexed(argument), header["parentHash"])


def hexed(data: bytes) -> str:
    return f"0x{data.hex()}"


def unhexed(text: str) -> bytes:
    return bytes.fromhex(text[2:])
