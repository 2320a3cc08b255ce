"""Programs written for Substra 0.x run unmodified, with the substratools that was published for them."""

import json
from pathlib import Path

import pytest

from node_runtime.creator.fake_data import FakeData
from tests.docker_engine import DockerHost
from tests.docker_engine import docker_engine as docker_engine
from tests.peers.sandbox_desk import AGGREGATE, ALGO, FILES, INSTALLS, LIMITS, METRICS, ran, written

pytestmark = [pytest.mark.peers, pytest.mark.docker, pytest.mark.slow]

PLAN = f"""\
kind: training
name: one
algo: algo/
opener: opener.py
data: [sample-1, sample-2]
{LIMITS}---
kind: training
name: two
algo: algo/
opener: opener.py
data: [sample-2]
models: [{{task: one}}]
{LIMITS}---
kind: aggregation
name: both
algo: aggregate/
models: [{{task: one}}, {{task: two}}]
{LIMITS}---
kind: scoring
name: score
model: {{task: both}}
algo: algo/
opener: opener.py
data: [sample-1]
metrics: metrics/
{LIMITS}"""


@pytest.mark.parametrize("version", INSTALLS)
def test_train_aggregate_predict_and_metrics_run_in_a_plan(
    version: str, docker_engine: DockerHost, tmp_path: Path
) -> None:
    file = written(tmp_path / "task", version, PLAN, algo=ALGO, aggregate=AGGREGATE, metrics=METRICS)
    results = ran(docker_engine, tmp_path, file)
    models = {name: json.loads((results[name].folder / "model").read_text()) for name in ("one", "two", "both")}
    assert models == {
        "one": {"sum": 7.0, "rank": 0},
        "two": {"sum": 11.0, "rank": 1},
        "both": {"sum": 18.0, "rank": 2},
    }
    perf = results["score"].perf
    assert perf is not None
    assert perf.values == {"all": 33.0}


@pytest.mark.parametrize("version", INSTALLS)
def test_a_plan_runs_on_what_its_opener_makes_up(version: str, docker_engine: DockerHost, tmp_path: Path) -> None:
    file = written(tmp_path / "task", version, PLAN, algo=ALGO, aggregate=AGGREGATE, metrics=METRICS)
    results = ran(docker_engine, tmp_path, file, fake=FakeData(samples=3))
    assert json.loads((results["both"].folder / "model").read_text()) == {"sum": 9.0, "rank": 2}
    perf = results["score"].perf
    assert perf is not None
    assert perf.values == {"all": 24.0}, "three times 9, predicted of X, less 1, which is y"


SEES = """\
import os
import sys

FOLDERS = ("data", "opener", "model", "local", "pred", "metrics", "export")

def can_write(folder):
    try:
        open(f"/sandbox/{folder}/mine", "w").close()
        os.remove(f"/sandbox/{folder}/mine")
        return True
    except OSError:
        return False

def seen():
    writable = [one for one in FOLDERS if can_write(one)]
    filled = [one for one in FOLDERS if os.listdir(f"/sandbox/{one}")]
    ranked = "--rank" in sys.argv
    return {"writable": writable, "filled": filled, "ranked": ranked, "all": all(map(os.path.isdir, FOLDERS))}
"""
SEEING_ALGO = f"""\
{SEES}
import json
import substratools as tools

class Sum(tools.Algo):
    def train(self, X, y, models, rank):
        found = seen()
        open("/sandbox/local/kept", "w").close()
        return found

    def predict(self, X, model):
        return seen()
{FILES}"""
SEEING_AGGREGATE = f"""\
{SEES}
import json
import substratools as tools

class Sum(tools.AggregateAlgo):
    def aggregate(self, models, rank):
        return seen()
{FILES}"""
SEEING_METRICS = f"""\
{SEES}
import json
import substratools as tools

class Sees(tools.Metrics):
    def score(self, y_true, y_pred):
        print(json.dumps([y_pred, seen()]))
        return 1.0

tools.metrics.execute(Sees())
"""


def test_each_stage_finds_every_folder_and_writes_its_own(docker_engine: DockerHost, tmp_path: Path) -> None:
    """An aggregation that names an opener is given it; the metric has neither model nor local folder."""
    one, _, both, score = PLAN.split("---\n")
    both = both.replace(", {task: two}", "").replace("algo: aggregate/\n", "algo: aggregate/\nopener: opener.py\n")
    plan = "---\n".join((one, both, score))
    programs = {"algo": SEEING_ALGO, "aggregate": SEEING_AGGREGATE, "metrics": SEEING_METRICS}
    results = ran(docker_engine, tmp_path, written(tmp_path / "task", "0.7.0", plan, **programs))
    trained, merged = (json.loads((results[name].folder / "model").read_text()) for name in ("one", "both"))
    log = (results["score"].folder / "logs" / "metrics.log").read_text()
    (line,) = (line for line in log.splitlines() if line.startswith("["))
    predicted, measured = json.loads(line)
    assert [trained, merged, predicted, measured] == [
        {"writable": ["model", "local"], "filled": ["data", "opener"], "ranked": True, "all": True},
        {"writable": ["model", "local"], "filled": ["opener", "model", "local"], "ranked": True, "all": True},
        {"writable": ["pred", "export"], "filled": ["data", "opener", "model", "local"], "ranked": False, "all": True},
        {"writable": ["pred", "export"], "filled": ["data", "opener", "pred", "metrics"], "ranked": False, "all": True},
    ]


def test_outside_a_plan_there_is_no_rank_and_no_local_folder(docker_engine: DockerHost, tmp_path: Path) -> None:
    algo = SEEING_ALGO.replace('        open("/sandbox/local/kept", "w").close()\n', "")
    file = written(tmp_path / "task", "0.7.0", PLAN.split("---\n")[0], algo=algo)
    model = json.loads((ran(docker_engine, tmp_path, file)["one"].folder / "model").read_text())
    assert model == {"writable": ["model"], "filled": ["data", "opener"], "ranked": False, "all": True}


SKLEARN = """\
import numpy as np
import substratools as tools
from sklearn.externals import joblib
from sklearn.linear_model import LinearRegression

class Line(tools.Algo):
    def train(self, X, y, models, rank):
        return LinearRegression().fit(np.array(X)[:, None], y)

    def predict(self, X, model):
        return [round(one, 6) for one in model.predict(np.array(X)[:, None]).tolist()]

    def load_model(self, path):
        return joblib.load(path)

    def save_model(self, model, path):
        joblib.dump(model, path)

tools.algo.execute(Line())
"""


def test_a_program_of_2020_runs_on_the_packages_that_it_imports(docker_engine: DockerHost, tmp_path: Path) -> None:
    one, _, _, score = PLAN.split("---\n")
    plan = f"{one}---\n{score.replace('task: both', 'task: one')}"
    file = written(tmp_path / "task", "0.6.1", plan, algo=SKLEARN, metrics=METRICS)
    perf = ran(docker_engine, tmp_path, file)["score"].perf
    assert perf is not None
    assert perf.values == {"all": 0.0}
