"""Every row of docs/faults.md: one fault at one call of a daemon or command, and the task's outcome."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from node_runtime.substrate.client import SubstrateChain
from node_runtime.substrate.memory import MemoryNetwork
from node_runtime.worker.audit_check import verified
from tests.integration.person_room import PersonRoom
from tests.unit.worker.faults_room import KINDS, METHODS, Crash, Fault, Rest, Room, Story

TABLE = Path(__file__).parents[2] / "docs" / "faults.md"
STORIES = {
    "result": Story(),
    "failure": Story(exits=3),
    "stop": Story(stops=True),
    "restart": Story(before=(("outbox.pack", "crash before"),)),
    "undelivered": Story(before=(("outbox.uploaded", "crash before"),)),
    "private": Story(private=True),
    "gc": Story(before=(("outbox.pack", "crash before"),), collects=True),
}
PERSON = "work"  # the story of `PersonRoom`
_ROW = re.compile(r"\| (\w+) \| `([\w.]+)`(?: (\d+)\.)? \| (.+) \|")
NOTHING = "–"


@dataclass(frozen=True, kw_only=True)
class Case:
    story: str
    call: str
    nth: int
    kind: str
    expected: str

    def __str__(self) -> str:
        return f"{self.story} {self.call} {self.nth} {self.kind}"


def cases() -> list[Case]:
    rows = [found for line in TABLE.read_text().splitlines() if (found := _ROW.fullmatch(line))]
    return [
        Case(story=row[1], call=row[2], nth=int(row[3] or 1), kind=kind, expected=cell)
        for row in rows
        for kind, cell in zip(KINDS, row[4].split(" | "), strict=True)
        if cell != NOTHING
    ]


@pytest.fixture(scope="module")
def network() -> Iterator[MemoryNetwork]:
    with MemoryNetwork() as network:
        yield network


@pytest.fixture(scope="module")
def creator(network: MemoryNetwork) -> SubstrateChain:
    return network.connect("//Alice")


@pytest.fixture(autouse=True)
def _crashes_are_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ignore simulated crashes in threads; report every other exception."""
    output = threading.excepthook
    monkeypatch.setattr(threading, "excepthook", lambda args: None if args.exc_type is Crash else output(args))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_after_a_fault_the_task_ends_as_the_table_says(
    case: Case, network: MemoryNetwork, creator: SubstrateChain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, fault = f"//node{uuid4().hex[:12]}", Fault(call=case.call, kind=case.kind, nth=case.nth)
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "home"))
    if case.story == PERSON:
        person = PersonRoom(folder=tmp_path, creator=creator, network=network, key=key, patches=monkeypatch)
        rest = person.work_through(person.bundle_task(), fault)
    else:
        story = STORIES[case.story]
        room = Room(folder=tmp_path, creator=creator, network=network, key=key)
        rest = room.live(room.task(exits=story.exits, private=story.private), story, fault)
        assert verified(tmp_path / "work" / "audit.jsonl", [room.account])
        assert not any(room.store.has(secret) for secret in room.secrets)
    assert f"{rest.ends} {rest.runs}" == case.expected
    check_money(rest)


def check_money(rest: Rest) -> None:
    """One result for a reward, and a bond back; a report's fee stays held until the creator confirms it."""
    assert rest.submissions == (rest.ends == "done")
    assert bool(rest.held) == (rest.ends not in ("done", "handed_back"))


def test_the_table_names_calls_that_there_are_and_every_durable_write_of_the_outbox() -> None:
    named = {case.call for case in cases()}
    known = {f"{seam}.{method}" for seam, methods in METHODS.items() for method in methods.split()}
    assert named <= known
    writes = {f"outbox.{name}" for name in ("claim", "claimed", "pack", "uploaded", "sent", "forget")}
    crashes = {case.call for case in cases() if case.kind == "crash after"}
    assert writes | {"audit.record", "chain.assign_task", "chain.send_task_result"} <= crashes
    assert {"private.fetch", "engine.prune", "engine.run_with_terminal"} <= crashes
