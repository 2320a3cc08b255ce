"""A daemon over an S3 storage: tasks from upload to payment, live logs, and a storage that is away for a while."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from node_runtime.config.storage_access import storage_access
from node_runtime.domain.assets import Account
from node_runtime.domain.task import SubmissionState, TaskId
from node_runtime.ports.store import AssetStore
from node_runtime.stores import open_store
from node_runtime.stores.object_client import open_objects
from node_runtime.stores.provision import administration
from tests.background import LIMIT
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import REWARD, TRAIN, WAITS, World, wait_for
from tests.e2e.test_daemon_live import attempt_at, told
from tests.object_storage import S3Server, s3_server

pytestmark = [pytest.mark.docker, pytest.mark.peers]

URI = "s3://tasks/network"
BOB = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
AWAY = 20.0  # seconds


class Storage:
    """An S3 server that can be stopped and started again, with keys of the creator and the node."""

    def __init__(self, folder: Path, *accounts: Account) -> None:
        self.folder = folder
        self.accounts = accounts
        self._running = ExitStack()
        self.server: S3Server | None = None

    def start(self) -> None:
        again = {} if self.server is None else {"port": self.server.port, "secret": self.server.secret}
        self.server = self._running.enter_context(s3_server(self.folder, **again))  # type: ignore[arg-type]

    def stop(self) -> None:
        self._running.close()

    def provide(self) -> None:
        """Make the bucket, and an access file of each account."""
        assert self.server is not None
        made = administration(URI, self.server.access)
        made.make_bucket()
        for account in self.accounts:
            text = f"endpoint: http://{self.server.address}\naccess_key: {account}\n"
            self.file(account).write_text(f"{text}secret_key: {made.make_key(account)}\n")
        made.permit(self.accounts)

    def file(self, account: Account) -> Path:
        return self.folder / f"{account}.yaml"

    def store(self, account: Account) -> AssetStore:
        """Return the storage as this account may use it."""
        return open_store(URI, writer=account, access=storage_access(self.file(account)))


@pytest.fixture
def storage(world: World, tmp_path: Path) -> Iterator[Storage]:
    """The world's storage is this one."""
    (tmp_path / "s3").mkdir()
    storage = Storage(tmp_path / "s3", world.chain.account, BOB)
    storage.start()
    storage.provide()
    world.store = storage.store(world.chain.account)
    yield storage
    storage.stop()


@pytest.fixture
def daemon(storage: Storage, start_daemon: Callable[..., DaemonProcess]) -> DaemonProcess:
    return start_daemon(storage=URI, storage_access=storage.file(BOB))


def test_training_and_scoring_are_paid_and_each_account_has_its_own_copies(
    world: World, storage: Storage, daemon: DaemonProcess
) -> None:
    before = daemon.wealth()
    training, scoring = world.train(), world.score()
    assert {world.submission(task).state for task in (training, scoring)} == {SubmissionState.ACCEPTED}
    assert world.model_of(training) == "trained\n"
    owners = {name.split("/")[2] for name, _ in open_objects(URI, storage_access(storage.file(BOB))).below("trees/")}
    assert owners == {world.chain.account, BOB}
    wait_for(lambda: daemon.wealth() - before > 1.9 * REWARD, "both payments")


def test_what_a_task_prints_is_seen_while_it_runs(world: World, daemon: DaemonProcess) -> None:
    task = world.train(f"echo the first line; {WAITS}; {TRAIN}")
    attempt_at(world, daemon, task, "train")
    wait_for(lambda: "the first line" in told(world, daemon, task).get("train", ""), "the line")
    daemon.let_go(task)
    assert world.submission(task).state is SubmissionState.ACCEPTED
    wait_for(lambda: not world.store.live.list(f"live/{daemon.account}/"), "the live area to be empty")


def test_a_storage_that_is_away_for_a_while_loses_nothing(
    world: World, storage: Storage, daemon: DaemonProcess
) -> None:
    task = world.train(f"{WAITS}; {TRAIN}")
    attempt_at(world, daemon, task, "train")
    storage.stop()
    daemon.let_go(task)
    wait_for(lambda: daemon.containers(running=True) == [], "the end of the container")
    time.sleep(AWAY)
    assert world.chain.submissions(task) == ()
    storage.start()
    since = time.monotonic()
    assert world.submission(task).state is SubmissionState.ACCEPTED
    print(f"delivered {time.monotonic() - since:.1f} s after the storage was back")
    assert world.submission(task).epoch == 1, "the same attempt"
    assert world.model_of(TaskId(task)) == "trained\n"


def test_a_task_whose_storage_was_a_folder_is_done_once_its_trees_are_copied(
    world: World, tmp_path: Path, start_daemon: Callable[..., DaemonProcess]
) -> None:
    alice = world.chain.account
    task = world.train()
    (tmp_path / "s3").mkdir()
    moved = Storage(tmp_path / "s3", alice, BOB)
    moved.start()
    try:
        moved.provide()
        environment = {"NODE_RUNTIME_STORAGE_ACCESS": str(moved.file(alice)), "NODE_RUNTIME_HOME": str(tmp_path)}
        command = [sys.executable, "-m", "node_runtime", "storage", "copy", str(world.storage), "--for", alice]
        copied = subprocess.run(
            [*command, "--storage", URI], env=os.environ | environment, capture_output=True, text=True, timeout=LIMIT
        )
        assert copied.returncode == 0, copied.stderr
        world.storage.rename(world.storage.with_name("not used any more"))
        start_daemon(storage=URI, storage_access=moved.file(BOB))
        assert world.submission(task).state is SubmissionState.ACCEPTED
        world.store = moved.store(alice)
        assert world.model_of(task) == "trained\n"
    finally:
        moved.stop()
