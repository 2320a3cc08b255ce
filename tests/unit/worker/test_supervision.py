"""Signs of life go to the service manager while the daemon's loop turns, and stop when it doesn't."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_runtime.worker.health import STALLED, Health
from node_runtime.worker.supervision import signs_of_life
from tests.background import wait_until


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(30)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "30000")
        monkeypatch.setenv("WATCHDOG_PID", str(os.getpid()))
        yield listening


def test_a_loop_that_turns_gives_signs_again_and_again_and_a_stalled_one_none(manager: socket.socket) -> None:
    now = [0.0]
    looked: list[float] = []

    def steady() -> float:
        looked.append(now[0])
        return now[0]

    health = Health(steady=steady)
    health.turned()
    with signs_of_life(health):
        assert [manager.recv(100) for _ in range(3)] == [b"WATCHDOG=1"] * 3
        now[0] = STALLED + 1
        _looks_on(looked)  # what was told before is drained after this
        manager.settimeout(0)
        _drained(manager)
        _looks_on(looked)
        assert _drained(manager) == []


def _looks_on(looked: list[float]) -> None:
    """Wait until the thread has looked at the stalled loop three times more."""
    seen = looked.count(STALLED + 1)
    wait_until(lambda: looked.count(STALLED + 1) >= seen + 3, "three looks")


def _drained(manager: socket.socket) -> list[bytes]:
    found = []
    while True:
        try:
            found.append(manager.recv(100))
        except BlockingIOError:
            return found
