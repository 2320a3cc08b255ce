"""What if the storage's folder isn't there, or not any more? Nothing is stored where nobody looks for it."""

import os
from pathlib import Path

import pytest

from node_runtime.creator.substrate import connect
from node_runtime.errors import StorageError
from node_runtime.network_file import NetworkFile
from node_runtime.processes import ProcessRecord, birth
from tests.scenarios.conftest import Desk
from tests.scenarios.test_commands import Nrt, nrt

__all__ = ["nrt"]

TRAINING = "kind: training\nname: round-1\nalgo: algo/\nopener: opener.py\ndata: [train-0]\nreward: 10\n"


@pytest.fixture
def running(network: str, tmp_path: Path) -> NetworkFile:
    """A local network that runs, as `up` writes it down; its storage is the desk's."""
    alive = ProcessRecord(name="chain", pid=os.getpid(), birth=birth(os.getpid()), log=tmp_path / "log")
    written = NetworkFile(
        chain=network,
        storage=tmp_path / "store",
        engine="unix:///none",
        started_engine=False,
        base_image="node-runtime/base:1",
        processes=(alive,),
    )
    (tmp_path / "home" / "network").mkdir(parents=True)
    written.save(tmp_path / "home" / "network")
    return written


def test_the_local_networks_storage_that_was_moved_away_is_told_and_none_is_made_in_its_place(
    desk: Desk, nrt: Nrt, running: NetworkFile, tmp_path: Path
) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    before = desk.chain.tasks_of(desk.chain.account)
    for words in (("submit", "task.yaml"), ("list",)):
        refused = nrt(*words, NODE_RUNTIME_STORAGE="")
        assert (refused.returncode, refused.stdout) == (3, "")
        assert f"the local network's storage {running.storage} isn't there any more" in refused.stderr
        assert "put it back" in refused.stderr
    assert not running.storage.exists()
    assert desk.chain.tasks_of(desk.chain.account) == before

    (tmp_path / "elsewhere").rename(tmp_path / "store")
    assert nrt("submit", "task.yaml", NODE_RUNTIME_STORAGE="").returncode == 0


def test_connecting_from_python_makes_no_storage_in_the_place_of_one_that_was_moved_away(
    running: NetworkFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.storage.mkdir()
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "home"))
    assert connect().url == running.chain
    running.storage.rename(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="isn't there any more"):
        connect()
    assert not running.storage.exists()


def test_a_named_folder_becomes_a_storage_and_that_is_said_once(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    first, again = (nrt("submit", "task.yaml", "--storage", str(tmp_path / "new")) for _ in range(2))
    assert f"there is no storage in {tmp_path / 'new'} yet: an empty one begins there" in first.stderr
    assert (first.returncode, again.returncode, again.stderr) == (0, 0, "")
