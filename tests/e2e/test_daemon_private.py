"""Do a node's own samples, and what its containers say of them, stay on it, whatever ends its daemon or its task?"""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.errors import AssetUnavailable
from node_runtime.results import FILE_NAME as RESULT
from node_runtime.results import ResultDocument
from node_runtime.task import Asset, AssetRef, Digest, Submission, SubmissionState, Visibility
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import TRAIN, WAITS, World

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker]


def private_sample(world: World, daemon: DaemonProcess, folder: Path, script: str) -> Asset:
    """A sample whose bytes are the node's alone, added as its operator does; a task on it is offered to this node."""
    folder.mkdir()
    (folder / "script.sh").write_text(f"{script}\n")
    added = daemon.command("data", "add", str(folder), "--label", "train")
    assert added.returncode == 0, added.stderr
    found = re.search(r"/([0-9a-f]{64})", added.stdout)
    assert found is not None
    asset = world.chain.asset(AssetRef(owner=daemon.account, digest=Digest(found[1])))
    assert asset is not None
    assert asset.visibility is Visibility.PRIVATE
    world.assignee = daemon.account
    return asset


def assert_log_stayed(world: World, daemon: DaemonProcess, submission: Submission) -> ResultDocument:
    """What the container said is on its node only, and the result says so."""
    assert submission.state is SubmissionState.ACCEPTED
    document = ResultDocument.decode(world.store.read_file(submission.result.digest, RESULT, limit=1 << 20))
    assert document.log_stays
    with pytest.raises(AssetUnavailable):
        world.store.fetch(Digest(document.log), world.folder / "logs")
    (kept,) = (daemon.work / "private-logs").iterdir()
    assert kept.name == document.log
    assert "a secret" in (kept / "train.log").read_text()
    return document


def test_private_samples_are_used_on_their_node_and_neither_bytes_nor_logs_leave_it(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    asset = private_sample(world, daemon, tmp_path / "sample", f"echo a secret; {TRAIN}")
    submission = world.submission(world.train(sample=asset))
    assert_log_stayed(world, daemon, submission)
    assert not world.store.has(asset.ref.digest)


@pytest.mark.slow
def test_logs_on_private_samples_stay_on_their_node_when_its_daemon_was_killed_meanwhile(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    asset = private_sample(world, daemon, tmp_path / "sample", f"echo a secret; {WAITS}; {TRAIN}")
    task = world.train(sample=asset)
    daemon.container_of(task)
    daemon.kill()
    daemon = start_daemon()
    daemon.let_go(task)
    document = assert_log_stayed(world, daemon, world.submission(task))
    assert [stage.adopted for stage in document.stages] == [True]
    assert not world.store.has(asset.ref.digest)


def test_the_log_of_a_failure_on_private_samples_stays_on_its_node(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    task = world.train(sample=private_sample(world, daemon, tmp_path / "sample", "echo a secret; exit 3"))
    failed = world.failure(daemon.account, task)
    assert failed.log is not None
    assert not world.store.has(failed.log)
    assert "a secret" in (daemon.work / "private-logs" / failed.log / "train.log").read_text()
