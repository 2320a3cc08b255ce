"""Programs written for Substra 0.x run unmodified, with the substratools that was published for them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.creator.fake_data import FakeData
from node_runtime.creator.local_run import LocalResult, run_locally
from node_runtime.spec.read import read_specs
from tests.docker_engine import DockerHost
from tests.docker_engine import docker_engine as docker_engine
from tests.local_bench import open_local_bench

pytestmark = [pytest.mark.peers, pytest.mark.docker, pytest.mark.slow]

# what programs of 2020 import, in the oldest versions with wheels for Python 3.11
WORK_OF_2020 = """\
RUN pip install numpy==1.23.5 pandas==1.5.3 scipy==1.10.1 scikit-learn==1.2.2 substratools==0.6.1
RUN SKLEARN_ALLOW_DEPRECATED_SKLEARN_PACKAGE_INSTALL=True pip install --no-deps sklearn
RUN echo 'from joblib import *' > $(python -c 'import sklearn.externals as e; print(e.__path__[0])')/joblib.py
"""
INSTALLS = {"0.7.0": "RUN pip install substratools==0.7.0\n", "0.6.1": WORK_OF_2020}
DOCKERFILE = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${{BASE_IMAGE}}
{install}ENV PYTHONPATH=/sandbox
WORKDIR /sandbox
COPY program.py .
ENTRYPOINT ["python3", "program.py"]
"""
OPENER = """\
import json
import os
import substratools as tools

class Rows(tools.Opener):
    def rows(self, folders):
        for folder in sorted(folders):
            with open(os.path.join(folder, "rows.txt")) as file:
                yield from map(float, file)

    def get_X(self, folders):
        return list(self.rows(folders))

    get_y = get_X

    def fake_X(self, n_samples=None):
        return [1.0] * n_samples

    fake_y = fake_X

    def save_predictions(self, y_pred, path):
        with open(path, "w") as file:
            json.dump(y_pred, file)

    def get_predictions(self, path):
        with open(path) as file:
            return json.load(file)
"""
FILES = """
    def load_model(self, path):
        with open(path) as file:
            return json.load(file)

    def save_model(self, model, path):
        with open(path, "w") as file:
            json.dump(model, file)

tools.algo.execute(Sum())
"""
ALGO = f"""\
import json
import substratools as tools

class Sum(tools.Algo):
    def train(self, X, y, models, rank):
        return {{"sum": sum(X) + sum(one["sum"] for one in models), "rank": rank}}

    def predict(self, X, model):
        return [model["sum"] for _ in X]
{FILES}"""
AGGREGATE = f"""\
import json
import substratools as tools

class Sum(tools.AggregateAlgo):
    def aggregate(self, models, rank):
        return {{"sum": sum(one["sum"] for one in models), "rank": rank}}
{FILES}"""
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
METRICS = """\
import substratools as tools

class Distance(tools.Metrics):
    def score(self, y_true, y_pred):
        return sum(abs(one - other) for one, other in zip(y_true, y_pred))

tools.metrics.execute(Distance())
"""
LIMITS = "reward: 1\nlimits: {cpus: 1, memory: 256MiB, timeout: 10m, outputs: 8MiB}\n"
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


def written(folder: Path, version: str, plan: str, **programs: str) -> Path:
    """Write the plan and the programs that it names into the folder; return its file."""
    for name, program in programs.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "Dockerfile").write_text(DOCKERFILE.format(install=INSTALLS[version]))
        (folder / name / "program.py").write_text(program)
    for number, rows in enumerate(("1\n2\n", "4\n"), start=1):
        (folder / f"sample-{number}").mkdir()
        (folder / f"sample-{number}" / "rows.txt").write_text(rows)
    (folder / "opener.py").write_text(OPENER)
    file = folder / "plan.yaml"
    file.write_text(plan)
    return file


def ran(host: DockerHost, folder: Path, file: Path, *, fake: FakeData | None = None) -> dict[str, LocalResult]:
    with open_local_bench(host, folder) as bench:
        return {one.name: one for one in run_locally(read_specs(file), replace(bench, fake=fake))}


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


def test_a_plan_runs_on_what_its_opener_makes_up(docker_engine: DockerHost, tmp_path: Path) -> None:
    file = written(tmp_path / "task", "0.7.0", PLAN, algo=ALGO, aggregate=AGGREGATE, metrics=METRICS)
    results = ran(docker_engine, tmp_path, file, fake=FakeData(samples=3))
    assert json.loads((results["both"].folder / "model").read_text()) == {"sum": 9.0, "rank": 2}
    perf = results["score"].perf
    assert perf is not None
    assert perf.values == {"all": 24.0}, "three times 9, predicted of X, less 1, which is y"


def test_a_program_of_2020_runs_on_the_packages_that_it_imports(docker_engine: DockerHost, tmp_path: Path) -> None:
    one, _, _, score = PLAN.split("---\n")
    plan = f"{one}---\n{score.replace('task: both', 'task: one')}"
    file = written(tmp_path / "task", "0.6.1", plan, algo=SKLEARN, metrics=METRICS)
    perf = ran(docker_engine, tmp_path, file)["score"].perf
    assert perf is not None
    assert perf.values == {"all": 0.0}


COMPOSITE = """\
import json
import substratools as tools

class Both(tools.CompositeAlgo):
    def train(self, X, y, head_model, trunk_model, rank):
        head = (head_model or {"sum": 0.0})["sum"] + sum(X)
        trunk = (trunk_model or {"sum": 0.0})["sum"] + 100.0
        return {"sum": head, "rank": rank}, {"sum": trunk, "rank": rank}

    def predict(self, X, head_model, trunk_model):
        return [head_model["sum"] + trunk_model["sum"] for _ in X]

    def read(self, path):
        with open(path) as file:
            return json.load(file)

    def write(self, model, path):
        with open(path, "w") as file:
            json.dump(model, file)

    load_head_model = load_trunk_model = read
    save_head_model = save_trunk_model = write

tools.algo.execute(Both())
"""
COMPOSITES = f"""\
kind: training
name: first-1
composite: {{}}
algo: algo/
opener: opener.py
data: [sample-1]
{LIMITS}---
kind: training
name: first-2
composite: {{}}
algo: algo/
opener: opener.py
data: [sample-2]
{LIMITS}---
kind: aggregation
name: both
algo: aggregate/
models: [{{task: first-1}}, {{task: first-2}}]
{LIMITS}---
kind: training
name: second-1
composite: {{head: {{task: first-1}}, trunk: {{task: both}}}}
algo: algo/
opener: opener.py
data: [sample-1]
{LIMITS}---
kind: scoring
name: score
composite: {{head: {{task: second-1}}, trunk: {{task: second-1}}}}
algo: algo/
opener: opener.py
data: [sample-1]
metrics: metrics/
{LIMITS}"""


@pytest.mark.parametrize("version", INSTALLS)
def test_a_composite_keeps_its_head_and_passes_its_trunk_on(
    version: str, docker_engine: DockerHost, tmp_path: Path
) -> None:
    file = written(tmp_path / "task", version, COMPOSITES, algo=COMPOSITE, aggregate=AGGREGATE, metrics=METRICS)
    results = ran(docker_engine, tmp_path, file)

    def model(task: str, output: str) -> object:
        place = results[task].folder / output
        return json.loads((place / f"{output}_model" if place.is_dir() else place).read_text())

    assert [model(task, "head") for task in ("first-1", "second-1")] == [
        {"sum": 3.0, "rank": 0},
        {"sum": 6.0, "rank": 2},
    ]
    assert model("both", "model") == {"sum": 200.0, "rank": 1}
    assert model("second-1", "trunk") == {"sum": 300.0, "rank": 2}
    perf = results["score"].perf
    assert perf is not None
    assert perf.values == {"all": 305.0 + 304.0}
