"""A user works in a container at a terminal, which is restored afterwards."""

import fcntl
import os
import pty
import select
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass, field

import pytest

from node_runtime.errors import FailureCategory, HostError
from node_runtime.ports.engine import ContainerRun, ContainerSpec
from tests.background import LIMIT, in_background, wait_until
from tests.contract.engine_world import MIB, EngineWorld

pytestmark = pytest.mark.docker


@dataclass(kw_only=True)
class Person:
    """A user at the other end of a pseudo-terminal; ``seen`` is all screen output."""

    world: EngineWorld
    hand: int
    terminal: int
    stop: threading.Event = field(default_factory=threading.Event)
    seen: bytearray = field(default_factory=bytearray)
    running: "list[Future[ContainerRun]]" = field(default_factory=list)

    def work(self, spec: ContainerSpec) -> "Future[ContainerRun]":
        engine, desk = self.world.engine, self.terminal  # one descriptor for both, as in a real process
        run = in_background(lambda: engine.run_with_terminal(spec, keyboard=desk, screen=desk, stop=self.stop))
        self.running.append(run)
        return run

    def looks(self) -> None:
        if select.select([self.hand], [], [], 0.1)[0]:
            self.seen += os.read(self.hand, 1 << 16)

    def waits_for(self, text: bytes) -> None:
        give_up = time.monotonic() + LIMIT
        while text not in self.seen:
            assert time.monotonic() < give_up, f"waited for {text!r}, saw {self.seen[-1000:]!r}"
            self.looks()

    def types(self, keys: bytes) -> None:
        os.write(self.hand, keys)

    def drags_window_to(self, lines: int, columns: int) -> None:
        fcntl.ioctl(self.hand, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def settings(self) -> list[object]:
        return list(termios.tcgetattr(self.terminal))


@pytest.fixture
def person(engine_world: EngineWorld) -> Iterator[Person]:
    hand, terminal = pty.openpty()
    person = Person(world=engine_world, hand=hand, terminal=terminal)
    yield person
    person.stop.set()
    wait(person.running, timeout=LIMIT)  # else it would write to files opened later under these descriptors
    os.close(terminal)
    os.close(hand)


def ends(running: "Future[ContainerRun]", person: Person) -> ContainerRun:
    """Return the run's result, reading the screen until then."""
    give_up = time.monotonic() + LIMIT
    while not running.done():
        assert time.monotonic() < give_up, f"waited for its end, saw {person.seen[-1000:]!r}"
        person.looks()
    return running.result()


def test_a_question_is_answered_at_the_terminal(engine_world: EngineWorld, person: Person) -> None:
    before = person.settings()
    spec = engine_world.spec('tty; printf "Which animal? "; read -r animal; echo "a $animal"; exit 7')
    running = person.work(spec)
    person.waits_for(b"Which animal? ")
    assert person.settings() != before
    person.types(b"kat\x7f\x7f\x7fcat\r")
    person.waits_for(b"a cat\r\n")
    run = ends(running, person)
    assert (run.exit_code, run.failure) == (7, FailureCategory.TASK_ERROR)
    assert person.settings() == before
    assert b"/dev/" in person.seen
    assert "Which animal? " in spec.log.read_text()
    assert "a cat" in spec.log.read_text()


def test_ctrl_c_interrupts_the_program_and_not_this_process(engine_world: EngineWorld, person: Person) -> None:
    running = person.work(engine_world.spec("echo ready; exec sleep 60"))
    person.waits_for(b"ready")
    person.types(b"\x03")
    assert ends(running, person).exit_code == 130


def test_ctrl_p_and_ctrl_q_are_keys_like_others(engine_world: EngineWorld, person: Person) -> None:
    script = "stty raw -echo; echo ready; head -c 2 | od -An -tx1"
    running = person.work(engine_world.spec(script))
    person.waits_for(b"ready")
    person.types(b"\x10\x11")
    person.waits_for(b"10 11")
    assert ends(running, person).failure is None


def test_the_container_knows_the_windows_size_and_its_changes(engine_world: EngineWorld, person: Person) -> None:
    person.drags_window_to(30, 100)
    script = (
        "until stty size | grep -x '30 100'; do sleep 0.1; done; until stty size | grep -x '50 120'; do sleep 0.1; done"
    )
    running = person.work(engine_world.spec(script))
    person.waits_for(b"30 100")
    person.drags_window_to(50, 120)
    assert ends(running, person).failure is None


def test_all_that_is_printed_is_seen_and_the_log_stays_within_its_cap(
    engine_world: EngineWorld, person: Person
) -> None:
    spec = engine_world.spec("head -c 3000000 /dev/zero | tr '\\0' x; printf '\\nend\\n'")
    run = ends(person.work(spec), person)
    assert run.failure is None
    person.waits_for(b"end\r\n")
    assert person.seen.count(b"x") == 3_000_000
    assert spec.log.stat().st_size < 1.1 * MIB
    log = spec.log.read_bytes()
    assert log.startswith(b"xxx")
    assert log.endswith(b"end\r\n")


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda person, _: person.stop.set(), id="stopped"),
        pytest.param(lambda person, spec: person.world.engine.remove(spec.name), id="removed"),
    ],
)
def test_the_terminal_is_restored_however_it_ends(
    engine_world: EngineWorld, person: Person, end: Callable[[Person, ContainerSpec], None]
) -> None:
    before = person.settings()
    spec = engine_world.spec("trap 'exit 0' TERM; stty raw; echo ready; while :; do sleep 0.1; done")
    running = person.work(spec)
    person.waits_for(b"ready")
    end(person, spec)
    wait_until(running.done, "the run to end")
    assert person.settings() == before


def test_a_program_that_heeds_nothing_is_left_by_one_key_three_times(engine_world: EngineWorld, person: Person) -> None:
    spec = engine_world.spec("trap '' INT TERM HUP; stty raw; echo ready; while :; do sleep 0.1; done")
    running = person.work(spec)
    person.waits_for(b"ready")
    person.types(b"\x03\x1d\x1d other keys between \x1d")
    person.types(b"\x1d\x1d")
    assert ends(running, person).failure is FailureCategory.NODE_ERROR


def test_the_terminal_is_restored_when_there_is_no_image(engine_world: EngineWorld, person: Person) -> None:
    before = person.settings()
    running = person.work(engine_world.spec("true", image="sha256:" + "0" * 64))
    with pytest.raises(HostError):
        running.result(LIMIT)
    assert person.settings() == before


def test_the_timeout_holds_for_a_person_too(engine_world: EngineWorld, person: Person) -> None:
    run = ends(person.work(engine_world.spec("read -r _", timeout=1)), person)
    assert run.failure is FailureCategory.TIMEOUT


def test_keys_typed_after_the_end_stay_this_processs(engine_world: EngineWorld, person: Person) -> None:
    assert ends(person.work(engine_world.spec("true")), person).failure is None
    person.types(b"ls\n")
    assert os.read(person.terminal, 10) == b"ls\n"
