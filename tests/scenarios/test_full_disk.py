"""A full or read-only disk is an error of this machine: exit code 4, the place, and what to do; never a traceback."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.conftest import Desk, Nrt
from tests.small_disk import fill, mounted

BUNDLE = "kind: training\nname: round-1\nbundle: full/\ndata: [train-0]\nreward: 10\n"
TRAINING = "kind: training\nname: round-1\nalgo: algo/\nopener: opener.py\ndata: [train-0]\nreward: 10\n"


@pytest.fixture(params=["full", "read-only"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", read_only=request.param == "read-only") as folder:
        if request.param == "full":
            fill(folder)
        yield folder


def check_reported(ended: subprocess.CompletedProcess[str], place: Path) -> None:
    messages = "".join(ended.stderr.split())  # a path may be broken over lines
    assert ended.returncode == 4, ended.stderr
    assert "Traceback" not in ended.stderr
    assert str(place) in messages
    assert "Nospaceleft" in messages or "Read-onlyfilesystem" in messages
    assert "try:" in messages


def test_a_storage_that_takes_nothing_more(desk: Desk, nrt: Nrt, disk: Path) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    check_reported(nrt("submit", "task.yaml", "--storage", str(disk / "store")), disk)


def test_a_home_that_takes_nothing_more(desk: Desk, nrt: Nrt, disk: Path) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    check_reported(nrt("submit", "task.yaml", NODE_RUNTIME_HOME=str(disk / "home")), disk)


@pytest.mark.parametrize("generated", [False, True])
def test_a_folder_for_temporary_files_that_fills_up(desk: Desk, nrt: Nrt, tmp_path: Path, *, generated: bool) -> None:
    """Python looks for a folder with room for a probe; copies need more."""
    bundle = desk.folder / "full"
    bundle.mkdir()
    (bundle / "start_task.sh").write_bytes(b"#" * 100_000)
    (bundle / "requirements.txt").write_bytes(b"#" * 100_000)
    if generated:  # then the bundle is copied without them
        (bundle / "__pycache__").mkdir()
    (desk.folder / "task.yaml").write_text(BUNDLE)
    with mounted(tmp_path / "small") as small:
        check_reported(nrt("submit", "task.yaml", TMPDIR=str(small)), small)
        assert list(small.iterdir()) == []
