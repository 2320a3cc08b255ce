"""The service manager's notification socket gets what is told; without one nothing is sent."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_runtime.platform.service_manager import notify, watchdog_seconds


@pytest.fixture
def manager() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(30)
        yield listening


@pytest.mark.parametrize("abstract", [False, True])
def test_a_message_is_one_datagram_with_a_line_for_each_assignment(
    manager: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool
) -> None:
    address = f"@node-runtime-{os.getpid()}-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    manager.bind("\0" + address[1:] if abstract else address)
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert notify("READY=1", "STATUS=takes tasks")
    assert manager.recv(4096) == b"READY=1\nSTATUS=takes tasks"


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all"])
def test_without_a_manager_that_listens_nothing_is_sent_and_nothing_fails(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify("READY=1")


@pytest.mark.parametrize(
    ("time", "process", "seconds"),
    [
        ("600000000", None, 600.0),
        ("2500000", "own", 2.5),
        ("600000000", "1", None),
        ("0", None, None),
        ("x", None, None),
    ],
)
def test_signs_of_life_are_wanted_of_the_process_that_is_named(
    monkeypatch: pytest.MonkeyPatch, time: str, process: str | None, seconds: float | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", time)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if process is not None:
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()) if process == "own" else process)
    assert watchdog_seconds() == seconds
