"""A missing storage folder is reported; it is created only where it is named explicitly."""

import os
from pathlib import Path

import pytest

from node_runtime.decentralml.session import connect
from node_runtime.errors import StorageError
from node_runtime.localnet.processes import ProcessRecord, birth
from node_runtime.localnet.record import NetworkFile
from tests.scenarios.conftest import Desk, Nrt

TRAINING = "kind: training\nname: round-1\nalgo: algo/\nopener: opener.py\ndata: [train-0]\nreward: 10\n"


@pytest.fixture
def running(network: str, tmp_path: Path) -> NetworkFile:
    """Write the record of a running local network with the desk's storage."""
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


def test_a_moved_storage_of_the_local_network_is_reported_and_not_recreated(
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


def test_connecting_from_python_does_not_recreate_a_moved_storage(
    running: NetworkFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.storage.mkdir()
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "home"))
    assert connect().url == running.chain
    running.storage.rename(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="isn't there any more"):
        connect()
    assert not running.storage.exists()


def test_a_named_folder_becomes_a_storage_with_one_warning(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    first, again = (nrt("submit", "task.yaml", "--storage", str(tmp_path / "new")) for _ in range(2))
    assert f"there is no storage in {tmp_path / 'new'} yet: an empty one begins there" in first.stderr
    assert (first.returncode, again.returncode) == (0, 0)
    assert "there is no storage" not in again.stderr
