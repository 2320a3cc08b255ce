"""The image that is made of a bundle's own files, built by a real engine, and what its scripts may look like."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docker_engine import DockerHost, docker_engine

__all__ = ["docker_engine"]

pytestmark = [pytest.mark.docker, pytest.mark.slow]

TASK = "kind: training\nname: nested\nbundle: bundle/\ndata: [sample]\nreward: 1\n"
TASK += "limits: {memory: 128MiB, outputs: 1MiB}\n"
START = b"""\
#!/bin/sh
set -e
mkdir outputs/m
python3 -c 'from importlib.metadata import version; print(version("iniconfig"))' > outputs/m/version
"""
Run = Callable[[], subprocess.CompletedProcess[str]]


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "a").write_text("a\n")
    (tmp_path / "task.yaml").write_text(TASK)
    return tmp_path / "bundle"


@pytest.fixture
def run(bundle: Path, docker_engine: DockerHost) -> Run:
    """Return a function that runs the task as a node does."""
    environment = os.environ | {"DOCKER_HOST": docker_engine.url, "NODE_RUNTIME_HOME": str(bundle.parent / "home")}

    def node_runtime() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "node_runtime", "run", "task.yaml"]
        return subprocess.run(
            command, cwd=bundle.parent, env=environment, capture_output=True, text=True, timeout=600, check=False
        )

    return node_runtime


def test_nested_requirements_and_constraints_are_in_the_image(bundle: Path, run: Run) -> None:
    (bundle / "requirements").mkdir()
    (bundle / "requirements.txt").write_text("-r requirements/base.txt\n-c constraints.txt\n")
    (bundle / "requirements" / "base.txt").write_text("iniconfig\n")
    (bundle / "constraints.txt").write_text("iniconfig==2.0.0\n")
    (bundle / "start_task.sh").write_bytes(START)
    ended = run()
    assert ended.returncode == 0, ended.stderr
    assert (bundle.parent / "runs/nested/model/m/version").read_text() == "2.0.0\n"


def test_a_setup_uses_files_of_its_bundle(bundle: Path, run: Run) -> None:
    (bundle / "pins").mkdir()
    (bundle / "pins" / "all.txt").write_text("iniconfig==2.0.0\n")
    (bundle / "setup.sh").write_text("#!/bin/sh\nset -e\npython3 -m pip install -r pins/all.txt\n")
    (bundle / "start_task.sh").write_bytes(START)
    ended = run()
    assert ended.returncode == 0, ended.stderr
    assert (bundle.parent / "runs/nested/model/m/version").read_text() == "2.0.0\n"


def test_a_failed_build_names_the_files_that_the_creator_has(bundle: Path, run: Run) -> None:
    (bundle / "requirements.txt").write_text("./package\n")
    (bundle / "start_task.sh").write_bytes(START)
    ended = run()
    assert ended.returncode == 1
    assert "of a bundle without an algo its requirements.txt and setup.sh" in " ".join(ended.stderr.split())


def test_a_script_without_run_bit_or_first_line_runs(bundle: Path, run: Run) -> None:
    (bundle / "start_task.sh").write_bytes(b"mkdir outputs/m && touch outputs/m/made\n")
    (bundle / "start_task.sh").chmod(0o644)
    ended = run()
    assert ended.returncode == 0, ended.stderr
    assert "start_task.sh:1: without a #! line sh runs it" in ended.stderr
