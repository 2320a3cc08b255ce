"""Folders of algos and metrics written for Substra 0.x, run with the substratools published for them."""

from dataclasses import replace
from pathlib import Path

from node_runtime.creator.fake_data import FakeData
from node_runtime.creator.local_run import LocalResult, run_locally
from node_runtime.spec.read import read_specs
from tests.docker_engine import DockerHost
from tests.local_bench import open_local_bench

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
METRICS = """\
import substratools as tools

class Distance(tools.Metrics):
    def score(self, y_true, y_pred):
        return sum(abs(one - other) for one, other in zip(y_true, y_pred))

tools.metrics.execute(Distance())
"""
LIMITS = "reward: 1\nlimits: {cpus: 1, memory: 256MiB, timeout: 10m, outputs: 8MiB}\n"


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
