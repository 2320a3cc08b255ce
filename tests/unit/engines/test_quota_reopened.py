"""Mounted folders after a reboot: what a task wrote is had again, or stays in its file system. With real mounts."""

import hashlib
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node_runtime.engines.docker.quota import Folders, QuotaMode, unmount_below
from node_runtime.errors import HostError
from node_runtime.platform.host_commands import need_tool, run_tool

QUOTA = 1 << 20
OUT = Path("attempts/task-12-epoch-3/stages/train/model")


@pytest.fixture
def work(tmp_path: Path) -> Iterator[Path]:
    """The work folder of a node whose engine is on this machine."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as engine:
        engine.bind(str(tmp_path / "engine.sock"))
        engine.listen()
        work = tmp_path / "work"
        work.mkdir()
        if folders_of(work).mode() is not QuotaMode.MOUNTED:
            pytest.skip("no mounts here")
        yield work
        unmount_below(tmp_path)


def folders_of(work: Path, *, mounts: bool = True) -> Folders:
    """The folders of a daemon's process, which may mount or not."""
    return Folders(work / "quotas", files=200, socket=work.parent / "engine.sock" if mounts else None)


def written(work: Path) -> Path:
    """Write a result; return its image, unmounted as after a reboot."""
    out = work / OUT
    folders_of(work).open(out, QUOTA)
    assert out.is_mount()
    (out / "model").mkdir()
    (out / "model" / "weights").write_text("0.5")
    need_tool(["umount", str(out)], "reboot")
    (image,) = (work / "quotas").iterdir()
    return image


def weights(work: Path) -> str:
    return (work / OUT / "model" / "weights").read_text()


def damage(image: Path) -> None:
    """Leave the file system as a power cut may: a folder lacks its entry of itself, and it wasn't unmounted."""
    for request in ("unlink model/.", "ssv state 0"):
        subprocess.run(["debugfs", "-w", "-R", request, image], check=True, capture_output=True)
    assert run_tool(["e2fsck", "-n", str(image)]).returncode == 4


def test_a_folder_is_mounted_again(work: Path) -> None:
    written(work)
    for _ in range(2):
        folders_of(work).reopen(work / OUT)
        assert weights(work) == "0.5"
    assert [one.name for one in (work / OUT).iterdir()] == ["model"]


def test_a_file_system_that_a_power_cut_damaged_is_repaired(work: Path) -> None:
    damage(written(work))
    folders_of(work).reopen(work / OUT)
    assert weights(work) == "0.5"


def test_a_file_system_that_can_not_be_repaired_is_left_as_it_is(work: Path) -> None:
    image = written(work)
    image.write_bytes(bytes(image.stat().st_size))
    with pytest.raises(HostError, match="is damaged") as raised:
        folders_of(work).reopen(work / OUT)
    assert str(image) in raised.value.remedy
    assert not any(image.read_bytes())
    assert not (work / OUT).is_mount()


def test_a_process_that_may_not_mount_says_so_and_a_later_one_has_the_content(work: Path) -> None:
    written(work)
    with pytest.raises(HostError, match="can't be mounted") as raised:
        folders_of(work, mounts=False).reopen(work / OUT)
    assert "as root" in raised.value.remedy
    folders_of(work).reopen(work / OUT)
    assert weights(work) == "0.5"


def test_a_work_folder_that_was_moved_has_its_folders(work: Path) -> None:
    written(work)
    moved = work.rename(work.with_name("moved"))
    folders_of(moved).reopen(moved / OUT)
    assert weights(moved) == "0.5"


def test_a_file_system_of_an_earlier_release_is_found_and_removed(work: Path) -> None:
    image = written(work)
    earlier = hashlib.sha256(os.fsencode(work / OUT)).hexdigest()[:32]
    image.rename(image.with_name(f"{earlier}.ext4"))
    folders_of(work).reopen(work / OUT)
    assert weights(work) == "0.5"
    folders_of(work).close(work / OUT)
    assert list((work / "quotas").iterdir()) == []


@pytest.mark.parametrize("image", [False, True], ids=["without", "with"])
def test_content_of_a_backup_is_not_hidden_by_a_mount(work: Path, image: bool) -> None:
    if image:
        written(work)
    (work / OUT / "model").mkdir(parents=True)
    (work / OUT / "model" / "weights").write_text("0.7")
    folders_of(work).reopen(work / OUT)
    folders_of(work).open(work / OUT, QUOTA)
    assert weights(work) == "0.7"
