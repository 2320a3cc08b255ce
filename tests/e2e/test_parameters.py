"""Parameters and sweeps, from the creator's YAML through a node's containers to result.json."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.creator.local_run import run_locally
from node_runtime.creator.results import read_document
from node_runtime.creator.submit import submit
from node_runtime.spec.read import read_specs
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World
from tests.e2e.persons_desk import KNOWS, TERMS, Desk, desk, sit
from tests.local_bench import SHELL_PROGRAM, open_local_bench

__all__ = ["desk", "sit"]

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ASSETS = Path(__file__).parents[2] / "assets"
ALGO = """\
given=/sandbox/parameters.json
case $1 in
  train) cat $given > /sandbox/model/model; ! (echo x > $given);;
  predict) cat $given > /sandbox/pred/pred;;
esac
"""
METRIC = """\
test ! -e /sandbox/parameters.json || exit 1
echo "{\\"all\\": 0.5, \\"seen\\": $(cat /sandbox/pred/pred)}" > /sandbox/pred/perf.json
"""
BUNDLE = 'mkdir "outputs/made" && cp /task/parameters.json outputs/made/model\n'
LIMITS = "reward: 2\nlimits: {cpus: 0.5, memory: 64MiB, timeout: 10m, outputs: 8MiB}\n"
FILE = f"""\
kind: training
name: fit
algo: algo/
data: [sample/]
parameters: {{seed: 7, layers: [null, 8]}}
sweep: {{depth: [4, 6]}}
{LIMITS}---
kind: scoring
name: score
model: {{task: fit}}
algo: algo/
opener: opener.py
data: [sample/]
metrics: metric/
{LIMITS}---
kind: restructuring
name: shape
bundle: bundle/
models: [{{task: fit}}]
parameters: {{half: true}}
{LIMITS}"""
SEEN = {
    f"{name}-depth-{depth}": more | {"depth": depth}
    for depth in (4, 6)
    for name, more in (("fit", {"layers": [None, 8], "seed": 7}), ("score", {}), ("shape", {"half": True}))
}


def written(folder: Path) -> Path:
    """Write the task and what it names into the folder; return its file."""
    for name, program in (("algo", ALGO), ("metric", METRIC)):
        (folder / name).mkdir(parents=True)
        (folder / name / "Dockerfile").write_text(SHELL_PROGRAM)
        (folder / name / "program.sh").write_text(program)
    for name, text in (("opener.py", ""), ("sample/a.csv", "1\n"), ("bundle/start_task.sh", BUNDLE)):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    file = folder / "task.yaml"
    file.write_text(FILE)
    return file


def test_a_sweep_becomes_a_plan_whose_containers_and_results_have_each_tasks_values(
    world: World, start_daemon: Callable[..., DaemonProcess]
) -> None:
    start_daemon()
    submitted = submit(read_specs(written(world.folder / "task")), world.chain, world.store, say=print)
    assert submitted.plan is not None
    assert {task.name for task in submitted.tasks} == set(SEEN)
    for task in submitted.tasks:
        submission = world.submission(task.id)
        document = read_document(submission, world.store)
        assert document.parameters == SEEN[task.name]
        if document.perf is not None:
            assert document.perf["seen"] == SEEN[task.name]
            continue
        place = world.folder / f"model-{task.id}"
        digest = submission.result.output("model")
        assert digest is not None
        world.store.fetch(digest, place)
        (model,) = [path for path in place.rglob("*") if path.is_file()]
        assert json.loads(model.read_text()) == SEEN[task.name]


def test_show_names_them(world: World) -> None:
    task = submit(read_specs(written(world.folder / "task")), world.chain, world.store, say=print).tasks[0].id
    places = ["--chain", world.devnet.url, "--key", "//Alice", "--storage", str(world.storage)]
    command = [sys.executable, "-m", "node_runtime", "show", str(task), *places]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "depth 4, layers [null,8], seed 7" in shown


@pytest.mark.usefixtures("sit")
def test_a_person_finds_them_in_the_folder_and_in_the_container(desk: Desk) -> None:
    script = 'test "$(cat parameters.json)" = \'{"depth":4}\' || exit 1\n' + KNOWS
    task = desk.offer(script, terms=f"{TERMS}parameters: {{depth: 4}}\n")
    desk.done("assign", str(task))
    desk.by_hand(task)
    shutil.rmtree(desk.folder / f"task-{task}" / "outputs")
    assert "is sent" in desk.done("work", str(task), "--yes")
    (submission,) = desk.world.chain.submissions(task)
    assert read_document(submission, desk.world.store).parameters == {"depth": 4}


def test_the_examples_sweep_scores_a_model_for_each_value(docker_engine: DockerHost, tmp_path: Path) -> None:
    example = tmp_path / "digits"
    shutil.copytree(ASSETS / "digits", example, ignore=shutil.ignore_patterns("data", "__pycache__"))
    subprocess.run([sys.executable, "-B", str(example / "make_data.py")], check=True)
    with open_local_bench(docker_engine, tmp_path) as bench:
        results = {one.name: one for one in run_locally(read_specs(example / "sweep.yaml"), bench)}
    values = ("0.001", "0.1", "10")
    assert results.keys() == {f"digits-{task}-C-{value}" for task in ("train", "score") for value in values}
    worst, better, _ = (results[f"digits-score-C-{value}"].perf for value in values)
    assert worst is not None
    assert better is not None
    assert worst.score < better.score
    output = (results["digits-train-C-10"].folder / "logs" / "train.log").read_text()
    assert "with C = 10" in output
