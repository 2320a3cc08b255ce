"""An unwritable home folder is reported with place and remedy by every command that needs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "assets" / "noop" / "train.yaml"  # whose data is part of a checkout


@pytest.mark.parametrize(
    "command",
    [
        ("node_runtime", "up", "--detach"),
        ("node_runtime", "doctor", "--json"),
        ("node_runtime", "run", str(EXAMPLE)),
        ("examples.demo",),
    ],
)
@pytest.mark.docker
def test_a_home_that_cannot_be_created_is_reported_with_its_place(command: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "disk").symlink_to("gone")  # permissions don't restrict root
    home = tmp_path / "disk" / "home"
    output = subprocess.run(
        [sys.executable, "-m", *command],
        env={**os.environ, "NODE_RUNTIME_HOME": str(home)},
        cwd=EXAMPLE.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    messages = " ".join((output.stdout + output.stderr).split())
    assert output.returncode == 4, messages
    assert f"working in {home}" in messages
    assert "check that folder and its rights" in messages
