"""Files: atomic writes; private files and folders, existing ones too, are readable by their owner only."""

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from node_runtime.errors import ConfigError, HostError
from node_runtime.platform.files import (
    host_error_boundary,
    private_folder,
    scratch_folder,
    write_atomically,
    write_private,
)
from node_runtime.stores.cache_index import CacheIndex
from node_runtime.worker.audit import Audit
from node_runtime.worker.outbox import Outbox
from node_runtime.worker.state_dir import engine_name, only_daemon_in
from node_runtime.worker.timings import Timings, TimingsFile
from tests.node_key import development_key
from tests.stored import Stored, unpack_stored

TIMINGS = Timings(task=1, epoch=1, kind="training", outcome="sent", ended=1, steps={})


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return unpack_stored(tmp_path / "stored")


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_work_folder_that_was_made_before_is_closed_to_others(stored: Stored) -> None:
    assert mode(stored.work) == 0o755
    with only_daemon_in(stored.work):
        assert mode(stored.work) == 0o700


MADE: dict[str, Callable[[Path], object]] = {
    "outbox.sqlite": Outbox,
    "index.db": CacheIndex,
    "audit.jsonl": lambda path: Audit(path, development_key("Bob")),
    "timings.jsonl": lambda path: TimingsFile(path).append(TIMINGS),
    "id": lambda path: engine_name(path.parent, "node"),
    "node.yaml": lambda path: write_private(path, "node: one\n"),
}


@pytest.mark.parametrize("name", list(MADE))
def test_a_new_file_is_its_owners_alone(tmp_path: Path, name: str) -> None:
    MADE[name](tmp_path / name)
    assert {path.name: mode(path) for path in tmp_path.iterdir()} == {
        path.name: 0o600 for path in tmp_path.iterdir()
    }  # SQLite's own files, too


@pytest.mark.parametrize("name", ["outbox.sqlite", "index.db", "audit.jsonl", "timings.jsonl"])
def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch(0o644)
    MADE[name](tmp_path / name)
    assert mode(tmp_path / name) == 0o600


def test_a_stored_outbox_is_closed_to_others_with_its_content(stored: Stored) -> None:
    assert mode(stored.outbox) == 0o644
    assert len(Outbox(stored.outbox).undelivered()) == 3
    assert mode(stored.outbox) == 0o600


def test_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    folder = Path("/")  # root's
    if os.geteuid() == 0:
        folder = tmp_path / "work"
        folder.mkdir(0o700)
        os.chown(folder, 65534, 65534)
    with pytest.raises(ConfigError, match=r"belongs to user .*, who can read and change") as refused:
        private_folder(folder)
    assert "chown" in refused.value.remedy


def test_a_file_is_replaced_whole_with_the_rights_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    write_atomically(path, "größer", mode=0o600)
    assert path.read_text(encoding="utf-8") == "größer"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_file_that_can_not_be_written_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(HostError, match="No space left") as raised:
        write_atomically(path, b"new")
    assert raised.value.remedy == "free disk space there"
    assert (path.read_text(), [entry.name for entry in tmp_path.iterdir()]) == ("old", ["file"])


def full_write() -> None:
    with Path("/dev/full").open("w") as file:
        file.write("more")


def copied(folder: Path) -> None:
    (folder / "from").mkdir()
    (folder / "from" / "file").write_text("more")
    (folder / "to").mkdir()
    (folder / "to" / "file").symlink_to("/dev/full")
    shutil.copytree(folder / "from", folder / "to", dirs_exist_ok=True)


def renamed(folder: Path) -> None:
    (folder / "file").touch()
    (folder / "file").rename(folder / "none" / "file")


@pytest.mark.parametrize(
    ("fails", "message", "remedy"),
    [
        (lambda _: full_write(), "reading or writing a file failed: No space left", "free disk space (`df`"),
        (copied, "working in {folder}/to/file failed: [Errno 28] No space left", "check"),
        (renamed, "working in {folder}/none/file failed: No such file", "check that folder"),
        (lambda folder: (folder / "none").read_text(), "working in {folder}/none failed: No such file", "check"),
    ],
)
def test_the_boundary_reports_what_no_inner_block_did(
    tmp_path: Path, fails: Callable[[Path], object], message: str, remedy: str
) -> None:
    with pytest.raises(HostError) as raised, host_error_boundary():
        fails(tmp_path)
    assert raised.value.message.startswith(message.format(folder=tmp_path))
    assert raised.value.remedy.startswith(remedy)


@pytest.mark.parametrize(
    "error", [ConnectionRefusedError(111, "refused"), TimeoutError("late"), requests.Timeout("late"), ValueError("no")]
)
def test_errors_of_connections_pass_the_boundary(error: Exception) -> None:
    for block in (host_error_boundary(), scratch_folder()):
        with pytest.raises(type(error)) as raised, block:
            raise error
        assert raised.value is error


def fill_scratch(made: list[Path]) -> None:
    with scratch_folder() as folder:
        made.append(folder)
        full_write()


def test_a_scratch_folder_is_named_when_it_is_full_and_is_removed() -> None:
    made: list[Path] = []
    with pytest.raises(HostError, match="No space left") as raised:
        fill_scratch(made)
    assert str(made[0]) in raised.value.message
    assert not made[0].exists()
