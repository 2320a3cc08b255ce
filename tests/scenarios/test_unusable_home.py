"""What if this user's folder can't be written to? Every command that needs it says so, with its place and remedy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "assets" / "noop" / "train.yaml"  # whose data is part of a checkout


@pytest.mark.parametrize("command", [("up", "--detach"), ("demo",), ("doctor", "--json"), ("run", str(EXAMPLE))])
@pytest.mark.docker
def test_a_home_that_cannot_be_made_is_told_with_its_place(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "disk").symlink_to("gone")  # a user who may do everything isn't kept out by rights
    home = tmp_path / "disk" / "home"
    told = subprocess.run(
        [sys.executable, "-m", "node_runtime", *command],
        env={**os.environ, "NODE_RUNTIME_HOME": str(home)},
        cwd=EXAMPLE.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    said = " ".join((told.stdout + told.stderr).split())
    assert told.returncode == 4, said
    assert f"working in {home}" in said
    assert "check that folder and its rights" in said
