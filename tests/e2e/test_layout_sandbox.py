"""Layout sandbox: a program that makes every folder at its start, as substratools does, runs in each stage."""

from pathlib import Path

import pytest

from node_runtime.creator.local_run import run_locally
from node_runtime.spec.read import read_specs
from tests.docker_engine import DockerHost
from tests.local_bench import SHELL_PROGRAM, open_local_bench

pytestmark = [pytest.mark.docker, pytest.mark.slow]

FOLDERS = "data opener model local pred metrics export input_models output_models"
# prints the folders that it can write, and those with something in them
PROGRAM = f"""\
set -e
cd /sandbox
for name in {FOLDERS}; do
  mkdir -p $name
  test -z "$(ls $name)" || filled="$filled $name"
  if touch $name/mine 2>/dev/null; then rm $name/mine; writable="$writable $name"; fi
done
echo "writable:$writable"
echo "filled:$filled"
case $1 in
  predict) echo 1 > pred/pred;;
  *) echo 1 > model/model; echo $1 >> local/kept;;
esac
"""
METRIC = PROGRAM.rpartition("case")[0] + """echo '{"all": 0.5}' > pred/perf.json\n"""
LIMITS = "reward: 2\nlimits: {cpus: 0.5, memory: 64MiB, timeout: 10m, outputs: 8MiB}\n"
FILE = f"""\
kind: training
name: fit
algo: algo/
opener: opener.py
data: [sample/]
{LIMITS}---
kind: aggregation
name: merge
algo: algo/
models: [{{task: fit}}]
{LIMITS}---
kind: scoring
name: score
model: {{task: merge}}
algo: algo/
opener: opener.py
data: [sample/]
metrics: metric/
{LIMITS}"""


def written(folder: Path) -> Path:
    """Write the tasks and what they name into the folder; return their file."""
    for name, program in (("algo", PROGRAM), ("metric", METRIC)):
        (folder / name).mkdir(parents=True)
        (folder / name / "Dockerfile").write_text(SHELL_PROGRAM)
        (folder / name / "program.sh").write_text(program)
    (folder / "opener.py").write_text("")
    (folder / "sample").mkdir()
    (folder / "sample" / "a.csv").write_text("1\n")
    file = folder / "task.yaml"
    file.write_text(FILE)
    return file


def test_a_program_that_makes_every_folder_runs_in_each_stage(docker_engine: DockerHost, tmp_path: Path) -> None:
    with open_local_bench(docker_engine, tmp_path) as bench:
        results = run_locally(read_specs(written(tmp_path / "task")), bench)
    logs = {log.stem: log.read_text() for one in results for log in (one.folder / "logs").glob("*.log")}
    seen = {stage: logs[stage].splitlines() for stage in ("train", "aggregate", "predict", "metrics")}
    assert seen == {
        "train": ["writable: model local", "filled: data opener"],
        "aggregate": ["writable: model local", "filled: model local"],
        "predict": ["writable: pred export", "filled: data opener model local"],
        "metrics": ["writable: pred export", "filled: data opener pred metrics"],
    }
