"""Stored files of commit 7bf0b92 are migrated without loss; newer versions are refused, damaged records kept."""

import fcntl
import json
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from substrateinterface import Keypair

from node_runtime.contributor.folder import TaskFolder
from node_runtime.creator.submit import SubmitJournal
from node_runtime.domain.assets import Account
from node_runtime.domain.task import Perf, TaskId
from node_runtime.errors import FailureCategory, HostError, InputError
from node_runtime.localnet.record import NetworkFile
from node_runtime.stores.cache import Cache
from node_runtime.stores.cache_index import CacheIndex
from node_runtime.stores.local import LocalStore
from node_runtime.worker import outbox
from node_runtime.worker.outbox import Outbox, Step
from node_runtime.worker.timings import TimingsFile
from tests.stored import BEGIN, Stored, unpack_stored

DUE = BEGIN + 25 * 86_400_000
ALICE = Account(Keypair.create_from_uri("//Alice", ss58_format=42).ss58_address)


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return unpack_stored(tmp_path / "stored")


def test_unpaid_results_are_taken_over_at_each_step(stored: Stored) -> None:
    story, box = stored.story, Outbox(stored.outbox)
    undelivered = {delivery.task: delivery for delivery in box.undelivered()}
    assert {task: delivery.step for task, delivery in undelivered.items()} == {
        story["live"]: Step.UPLOADED,
        story["live_two"]: Step.PACKED,
        story["closing"]: Step.PACKED,
    }
    assert undelivered[TaskId(story["live_two"])].category is FailureCategory.TASK_ERROR
    for name in ("live", "closing"):
        delivery = undelivered[TaskId(story[name])]
        assert delivery.result is not None
        assert (delivery.epoch, delivery.due, delivery.uploads[0].digest) == (
            story[f"{name}_epoch"], DUE, delivery.result.output("model")
        )  # fmt: skip
    closing = undelivered[TaskId(story["closing"])].result
    assert closing is not None
    assert closing.perfs == (Perf(name="all", value=Decimal("0.9375")),)
    assert [delivery.submission for delivery in box.undecided()] == [story["reviewed_submission"]]
    assert box.claims() == {story["live"]: DUE, story["open"]: None}
    box.close()
    assert len(Outbox(stored.outbox).undelivered()) == 3  # a second time nothing is migrated


def test_cached_trees_and_their_pins_are_kept(stored: Stored) -> None:
    store, cache = LocalStore(stored.folder / "node" / "store"), Cache(stored.work / "cache", limit=1 << 30)
    digest = store.put(stored.folder / "node" / "source")
    assert cache.holds(digest)
    assert cache.size() == 6
    assert f"task-{stored.story['live']}-epoch-{stored.story['live_epoch']}" in cache.holders()
    cache.close()


def test_the_record_of_a_running_network_names_its_processes(stored: Stored) -> None:
    network = NetworkFile.load(stored.network)
    assert network is not None
    assert [(record.name, record.pid, record.birth) for record in network.processes] == [
        ("chain", 4242, "boot/4242"),
        ("node bob", 4243, "boot/4243"),
    ]
    network.save(stored.network)
    assert json.loads((stored.network / "network.json").read_text())["version"] >= 1
    assert NetworkFile.load(stored.network) == network


def test_a_submit_that_ended_halfway_is_gone_on_with(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(stored.home))
    journal = SubmitJournal.of("ws://127.0.0.1:9944", ALICE)
    (work,) = [path.name for path in journal.folder.iterdir()]
    with journal.begun(work, TaskId(99)) as before:
        assert before == 7
    assert journal.empty


def test_a_submit_is_noted_in_the_newest_version(tmp_path: Path) -> None:
    journal = SubmitJournal(folder=tmp_path)
    with pytest.raises(KeyboardInterrupt), journal.begun("work", TaskId(12)):
        raise KeyboardInterrupt
    assert json.loads((tmp_path / "work").read_text()) == {"version": 1, "newest": 12}
    with journal.begun("work", TaskId(99)) as before:
        assert before == 12


def test_timings_of_both_versions_stand_in_one_file(stored: Stored) -> None:
    file = TimingsFile(stored.work / "timings.jsonl")
    old = file.read()
    assert [timings.task for timings in old] == [stored.story["done"], stored.story["reviewed"]]
    file.append(old[0])
    with (stored.work / "timings.jsonl").open("a") as damaged:
        damaged.write('{"version": 1, "task": 7}\n')
    with capture_logs() as events:
        assert file.read() == (*old, old[0])
    assert [one["event"] for one in events] == ["timings_damaged"]


def newer_database(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 900")


def newer_document(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text('{"version": 900}\n')


def go_on(path: Path) -> None:
    with SubmitJournal(folder=path.parent).begun(path.name, TaskId(1)):
        pass


@pytest.mark.parametrize(
    ("name", "make", "look", "remedy"),
    [
        ("outbox.sqlite", newer_database, Outbox, "results that are not paid yet"),
        ("index.db", newer_database, CacheIndex, "remove the file while no node runs"),
        ("network.json", newer_document, lambda path: NetworkFile.load(path.parent), "node-runtime down"),
        ("timings.jsonl", newer_document, lambda path: TimingsFile(path).read(), "move the file away"),
        ("work", newer_document, go_on, "finish that"),
        (
            ".node-runtime/hold.json",
            newer_document,
            lambda path: TaskFolder(path.parent.parent).attempt(),
            "go on with",
        ),
    ],
)
def test_a_file_of_a_newer_release_is_refused_with_a_remedy_and_unchanged(
    tmp_path: Path, name: str, make: Callable[[Path], None], look: Callable[[Path], Any], remedy: str
) -> None:
    path = tmp_path / name
    make(path)
    before = path.read_bytes()
    with pytest.raises(HostError) as refused:
        look(path)
    assert f"{path}: " in refused.value.message
    assert "version 900, which a newer release wrote" in refused.value.message
    assert remedy in refused.value.remedy
    assert path.read_bytes() == before


def damage(box: Path, task: int, body: bytes) -> None:
    with closing(sqlite3.connect(box)) as database:
        database.execute("UPDATE parcels SET body = ? WHERE task = ?", (body, task))
        database.commit()


@pytest.mark.parametrize(
    ("body", "reason"),
    [(b'{"task": 7, "epoch": 1}', "worker: Field required"), (b"\xff\x00", "its text: Invalid JSON")],
)
def test_a_damaged_result_is_named_and_kept_and_holds_up_no_other(stored: Stored, body: bytes, reason: str) -> None:
    live = stored.story["live"]
    damage(stored.outbox, live, body)
    with capture_logs() as events:
        box = Outbox(stored.outbox)
        for _ in range(2):
            assert [delivery.task for delivery in box.undelivered()] == [
                stored.story["live_two"],
                stored.story["closing"],
            ]
    (said,) = events
    assert (said["event"], said["task"], said["epoch"]) == ("delivery_damaged", live, stored.story["live_epoch"])
    assert said["reason"].startswith(reason)
    assert str(stored.outbox) in said["remedy"]
    box.close()
    with capture_logs() as events:
        Outbox(stored.outbox).close()
    assert [(one["event"], one["attempts"]) for one in events] == [("damaged_deliveries_kept", f"task-{live}-epoch-1")]
    with closing(sqlite3.connect(stored.outbox)) as database:
        assert database.execute("SELECT task, step, body FROM damaged").fetchall() == [(live, "uploaded", body)]


def test_an_attempt_with_a_damaged_delivery_can_be_packed_again(stored: Stored) -> None:
    box = Outbox(stored.outbox)
    (whole,) = [delivery for delivery in box.undelivered() if delivery.task == stored.story["closing"]]
    damage(stored.outbox, whole.task, b"{}")
    assert box.find(whole.attempt) is None
    box.pack(whole)
    assert box.find(whole.attempt) == whole


def test_a_network_file_without_a_field_is_reported_in_one_line(stored: Stored) -> None:
    (stored.network / "network.json").write_text('{"version": 1, "chain": "ws://127.0.0.1:9944"}')
    with pytest.raises(InputError) as caught:
        NetworkFile.load(stored.network)
    assert caught.value.message == f"{stored.network / 'network.json'} is damaged: storage: Field required"


def test_a_migration_that_fails_leaves_the_database_as_it_was(stored: Stored, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sorted(unversioned_rows(stored.outbox))

    def broken(database: sqlite3.Connection) -> None:
        database.execute("DELETE FROM parcels")
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(outbox, "FORMAT", replace(outbox.FORMAT, steps=(*outbox.FORMAT.steps, broken)))
    with pytest.raises(HostError, match="can't be used: disk I/O error"):
        Outbox(stored.outbox)
    assert sorted(unversioned_rows(stored.outbox)) == before


def unversioned_rows(path: Path) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (0,)
        return database.execute("SELECT * FROM parcels").fetchall()


@pytest.mark.parametrize("opened", [CacheIndex, Outbox])
def test_a_database_is_made_by_one_process_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: Callable[[Path], CacheIndex | Outbox]
) -> None:
    connect = sqlite3.connect

    def look_who_is_alone(*arguments: object, **settings: object) -> sqlite3.Connection:
        folder = os.open(tmp_path, os.O_RDONLY)
        with pytest.raises(BlockingIOError):  # another process would block here
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(folder)
        looked.append(arguments)
        return connect(*arguments, **settings)  # type: ignore[call-overload, no-any-return]

    looked: list[object] = []
    monkeypatch.setattr(sqlite3, "connect", look_who_is_alone)
    opened(tmp_path / "database").close()
    opened(tmp_path / "database").close()
    assert len(looked) == 2
