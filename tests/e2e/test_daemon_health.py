"""A daemon answers whether it is alive and ready: at its start, at work, and while chain or storage are away."""

import re
import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from node_runtime.domain.task import SubmissionState
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World, wait_for

StartDaemon = Callable[..., DaemonProcess]
URL = re.compile(r"http://127\.0\.0\.1:\d+")

pytestmark = pytest.mark.docker


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Asks a daemon as its supervisor does."""

    url: str

    @classmethod
    def of(cls, daemon: DaemonProcess) -> "Probe":
        return cls(url=wait_for(lambda: URL.search(daemon.log_text()), "the endpoint's address")[0])

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=120) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def is_ready(self) -> bool:
        return self.ask("/readyz") == (200, "ready\n")

    def lacks(self, part: str) -> bool:
        status, told = self.ask("/readyz")
        return status == 503 and any(line.startswith(f"{part}: ") for line in told.splitlines())


def test_a_daemon_whose_chain_or_storage_is_away_is_alive_and_not_ready(
    world: World, start_daemon: StartDaemon
) -> None:
    probe = Probe.of(start_daemon(metrics_port=0))
    wait_for(probe.is_ready, "readiness")

    def away() -> None:
        wait_for(lambda: probe.lacks("chain"), "the chain to be missed")
        assert probe.ask("/healthz") == (200, "alive\n")
        told = probe.ask("/readyz")[1]
        assert str(world.devnet.port) not in told

    world.restart_chain(away)
    wait_for(probe.is_ready, "readiness after the chain's return")
    unmounted = world.storage.with_name("unmounted")
    world.storage.rename(unmounted)
    wait_for(lambda: probe.lacks("storage"), "the storage to be missed")
    assert str(world.storage) not in probe.ask("/readyz")[1]
    unmounted.rename(world.storage)
    wait_for(probe.is_ready, "readiness after the storage's return")
    assert world.submission(world.train()).state is SubmissionState.ACCEPTED


def test_a_daemon_that_waits_for_its_chain_is_alive_and_not_ready(start_daemon: StartDaemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    daemon = start_daemon(metrics_port=0, chain=f"ws://127.0.0.1:{port}", wait=False)
    probe = Probe.of(daemon)
    assert probe.ask("/healthz") == (200, "alive\n")
    assert probe.lacks("daemon")
    assert probe.lacks("chain")
    assert 'node_runtime_ready{part="chain"} 0.0' in probe.ask("/metrics")[1]


def test_a_second_daemon_of_a_node_is_told_of_the_first_not_of_its_port(start_daemon: StartDaemon) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start_daemon(metrics_port=port)
    second = start_daemon(metrics_port=port, wait=False)
    assert second.wait() == 2
    assert "a daemon already works in" in second.log_text()
