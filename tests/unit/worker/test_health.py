"""A daemon is alive while its loop turns, and ready while nothing that it needs fails or stays silent."""

import threading
from dataclasses import replace

import pytest

from node_runtime.worker.daemon import Daemon
from node_runtime.worker.health import OVERDUE, STALLED, Health, HealthPart
from tests.background import LIMIT, wait_until
from tests.unit.worker.daemon_room import daemon_at_work
from tests.unit.worker.faults_room import Room


class Steady:
    """A steady clock that the test moves on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def healthy(steady: Steady) -> Health:
    health = Health(steady=steady)
    for part in HealthPart:
        health.checked(part, None)
    return health


def test_a_daemon_that_starts_is_alive_and_not_ready() -> None:
    health = Health()
    assert health.stalled() is None
    assert set(health.obstacles()) == set(HealthPart)


def test_a_loop_that_does_not_turn_is_stalled_and_one_that_pauses_is_not() -> None:
    steady = Steady()
    health = healthy(steady)
    health.turned()
    steady.now += STALLED + 1
    assert health.stalled() == STALLED + 1
    health.turned(pause=3600)
    steady.now += 3600
    assert health.stalled() is None
    steady.now += STALLED + 1
    assert health.stalled() == 3600 + STALLED + 1


def test_a_loop_that_does_not_turn_is_not_ready() -> None:
    steady = Steady()
    health = healthy(steady)
    health.turned()
    steady.now += STALLED + 1
    assert health.obstacles() == {HealthPart.DAEMON: "it has not polled for 301 s"}


def test_polls_say_what_keeps_the_daemon_from_taking_tasks() -> None:
    health = healthy(Steady())
    health.polled("its last poll failed")
    assert health.obstacles() == {HealthPart.DAEMON: "its last poll failed"}
    health.polled(None)
    assert health.obstacles() == {}


def test_a_poll_under_way_when_the_daemon_stops_changes_nothing() -> None:
    steady = Steady()
    health = healthy(steady)
    health.stopping()
    health.turned()
    health.polled(None)
    steady.now += 10 * STALLED
    assert health.stalled() is None
    assert health.obstacles() == {HealthPart.DAEMON: "it stops"}


def test_a_daemon_that_stops_is_alive_and_not_ready() -> None:
    steady = Steady()
    health = healthy(steady)
    health.turned()
    health.stopping()
    steady.now += 10 * STALLED
    assert health.stalled() is None
    assert health.obstacles() == {HealthPart.DAEMON: "it stops"}


def test_a_check_that_does_not_end_is_an_obstacle_until_it_does() -> None:
    steady = Steady()
    health = healthy(steady)
    health.begins(HealthPart.STORAGE)
    assert health.obstacles() == {}
    steady.now += OVERDUE + 5
    assert health.obstacles() == {HealthPart.STORAGE: "no answer for 35 s"}
    health.checked(HealthPart.STORAGE, None)
    assert health.obstacles() == {}


def test_an_obstacle_stays_while_the_next_check_is_under_way() -> None:
    health = healthy(Steady())
    health.checked(HealthPart.ENGINE, "it can run nothing")
    health.begins(HealthPart.ENGINE)
    assert health.obstacles() == {HealthPart.ENGINE: "it can run nothing"}


def test_a_poll_that_hangs_stalls_the_daemon_until_it_goes_on(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    steady, polls, goes_on = Steady(), threading.Event(), threading.Event()
    health = healthy(steady)

    def hang(_daemon: Daemon) -> None:
        polls.set()
        goes_on.wait(LIMIT)

    with room.node() as (node, _process), daemon_at_work(room, replace(node, health=health)):
        with monkeypatch.context() as patched:
            patched.setattr(Daemon, "_reap", hang)
            assert polls.wait(LIMIT)
        steady.now += 2 * STALLED
        assert health.stalled() == 2 * STALLED
        goes_on.set()
        wait_until(lambda: health.stalled() is None, "the next turn")


def test_a_daemon_is_ready_once_it_has_recovered_until_it_stops(room: Room) -> None:
    with room.node() as (node, _process):
        health = node.health
        assert health.obstacles()[HealthPart.DAEMON] == "it starts"
        with daemon_at_work(room, node):
            wait_until(lambda: HealthPart.DAEMON not in health.obstacles(), "recovery")
        assert health.obstacles()[HealthPart.DAEMON] == "it stops"
        assert health.stalled() is None
