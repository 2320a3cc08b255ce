"""Folders with nothing in them go from one task to the next, as those of a SavedModel (``assets/``) have to."""

from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.creator.local_run import run_locally
from node_runtime.creator.submit import submit
from node_runtime.domain.task import SubmissionState
from node_runtime.spec.read import read_specs
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World
from tests.local_bench import SHELL_PROGRAM, open_local_bench

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ALGO = """\
set -e
test -d /sandbox/data/*/none/within
if test "$2" != --rank; then test -d "/sandbox/model/$2/assets"; fi
mkdir -p /sandbox/model/model/assets /sandbox/model/model/variables
echo "of $2" > /sandbox/model/model/variables/weights
"""
TASK = "algo: algo/\ndata: [sample/]\nreward: 2\nlimits: {cpus: 0.5, memory: 64MiB, timeout: 10m, outputs: 8MiB}\n"
FILE = (
    f"kind: training\nname: first\n{TASK}---\nkind: training\nname: second\nmodels: [{{task: first}}]\n{TASK}---\n"
    f"kind: training\nname: third\nmodels: [{{task: second}}]\n{TASK}"
)


def written(folder: Path) -> Path:
    """Write the file and what it names, a sample with an empty folder too."""
    (folder / "algo").mkdir(parents=True)
    (folder / "algo" / "Dockerfile").write_text(SHELL_PROGRAM)
    (folder / "algo" / "program.sh").write_text(ALGO)
    (folder / "sample" / "none" / "within").mkdir(parents=True)
    (folder / "sample" / "a.csv").write_text("1\n")
    file = folder / "task.yaml"
    file.write_text(FILE)
    return file


def folders_in(top: Path) -> set[str]:
    return {str(path.relative_to(top)) for path in top.rglob("*") if path.is_dir()}


def test_on_a_node(world: World, start_daemon: Callable[..., DaemonProcess]) -> None:
    start_daemon()
    submitted = submit(read_specs(written(world.folder / "task")), world.chain, world.store, say=print)
    last = world.submission(submitted.tasks[-1].id)
    assert last.state is SubmissionState.ACCEPTED
    digest = last.result.output("model")
    assert digest is not None
    world.store.fetch(digest, world.folder / "back")
    assert folders_in(world.folder / "back") == {"model", "model/assets", "model/variables"}


def test_in_a_local_run(docker_engine: DockerHost, tmp_path: Path) -> None:
    with open_local_bench(docker_engine, tmp_path) as bench:
        results = run_locally(read_specs(written(tmp_path / "task")), bench)
    assert {"model", "model/model", "model/model/assets", "model/model/variables"} <= folders_in(results[-1].folder)
