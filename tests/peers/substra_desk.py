"""A folder of functions written for Substra 1.0, whose tasks run with the substratools published for it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node_runtime.creator.fake_data import FakeData
from node_runtime.creator.local_run import LocalResult, run_locally
from node_runtime.errors import TaskFailed
from node_runtime.spec.read import read_specs
from tests.docker_engine import DockerHost
from tests.docker_engine import docker_engine as docker_engine
from tests.local_bench import open_local_bench

DOCKERFILE = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${{BASE_IMAGE}}
RUN pip install substratools==1.0.0
COPY function.py ./
ENTRYPOINT ["python3", "function.py", "--function-name", "{name}"]
"""
OPENER = """\
import os
import substratools as tools

class Rows(tools.Opener):
    def get_data(self, folders):
        if isinstance(folders, str):
            return {"bare": folders.count("/")}
        if folders is None:
            return {"none": True}
        return [float(row) for one in folders for row in open(os.path.join(one, "rows.txt"))]

    def fake_data(self, n_samples):
        return [100.0] * n_samples
"""
# the functions that substrafl's strategies and Substra's own examples consist of, on sums
FUNCTIONS = """\
import json
import substratools as tools

def load(path):
    with open(path) as file:
        return json.load(file)

def save(value, path):
    with open(path, "w") as file:
        json.dump(value, file)

@tools.register
def initialise(inputs, outputs, task_properties):
    save({"local": 100, "inputs": sorted(inputs)}, outputs["local"])

@tools.register
def train(inputs, outputs, task_properties):
    before = load(inputs["shared"])["sum"] if "shared" in inputs else 0
    save({"sum": before + sum(inputs["datasamples"]), "rank": task_properties["rank"]}, outputs["shared"])

@tools.register
def composite(inputs, outputs, task_properties):
    local, shared = (load(inputs[one]) if one in inputs else {"sum": 0} for one in ("local", "shared"))
    rows = sum(inputs["datasamples"])
    save({"sum": local.get("sum", 0) + rows}, outputs["local"])
    save({"sum": shared["sum"] - rows, "rank": task_properties["rank"]}, outputs["shared"])

@tools.register
def aggregate(inputs, outputs, task_properties):
    assert "datasamples" not in inputs
    sums = [load(one)["sum"] for one in inputs["shared"]]
    save({"sum": sum(sums), "of": sums, "rank": task_properties["rank"]}, outputs["shared"])

@tools.register
def predict(inputs, outputs, task_properties):
    save([load(inputs["shared"])["sum"] for _ in inputs["datasamples"]], outputs["predictions"])

@tools.register
def score(inputs, outputs, task_properties):
    pairs = list(zip(inputs["datasamples"], load(inputs["predictions"]), strict=True))
    tools.save_performance(sum(abs(one - other) for one, other in pairs), outputs["distance"])
    tools.save_performance(len(pairs), outputs["rows"])

@tools.register
def seen(inputs, outputs, task_properties):
    save({"samples": inputs.get("datasamples", "no key"), "models": inputs.get("models", "no key")}, outputs["seen"])

@tools.register
def evaluate(inputs, outputs, task_properties):
    rows, local = inputs["datasamples"], load(inputs["local"])["sum"]
    tools.save_performance(local - sum(rows), outputs["error"])
    tools.save_performance(local / len(rows), outputs["mean"])

@tools.register
def nothing(inputs, outputs, task_properties):
    pass

@tools.register
def folder(inputs, outputs, task_properties):
    import os
    os.mkdir(outputs["model"])

tools.execute()
"""
DATA = [{"id": "opener", "kind": "data_manager"}, {"id": "datasamples", "kind": "data_sample", "multiple": True}]
SHARED = {"id": "shared", "kind": "model"}
LOCAL = {"id": "local", "kind": "model"}
SIGNATURES: dict[str, dict[str, Any]] = {
    "initialise": {"outputs": [{**LOCAL, "private": True}]},
    "train": {"inputs": [*DATA, {**SHARED, "optional": True}], "outputs": [SHARED]},
    "composite": {
        "inputs": [*DATA, {**LOCAL, "optional": True}, {**SHARED, "optional": True}],
        "outputs": [{**LOCAL, "private": True}, SHARED],
    },
    "aggregate": {"inputs": [{**SHARED, "multiple": True}], "outputs": [SHARED]},
    "predict": {"inputs": [*DATA, SHARED], "outputs": [{"id": "predictions", "kind": "model"}]},
    "score": {
        "inputs": [*DATA, {"id": "predictions", "kind": "model"}],
        "outputs": [{"id": "distance", "kind": "performance"}, {"id": "rows", "kind": "performance"}],
    },
    "evaluate": {
        "inputs": [*DATA, LOCAL],
        "outputs": [{"id": "error", "kind": "performance"}, {"id": "mean", "kind": "performance"}],
    },
    "nothing": {"outputs": [{"id": "model", "kind": "model"}]},
    "folder": {"outputs": [{"id": "model", "kind": "model"}]},
}
BOTH = ["a", "b"]


def task(name: str, function: str, *, data: list[str] = [], **inputs: Any) -> dict[str, Any]:  # noqa: B006
    made = {"kind": "function", "name": name, "function": f"{function}/", "reward": 1, "inputs": inputs}
    limits = {"memory": "256MiB", "timeout": "10m", "outputs": "8MiB"}
    return made | {"limits": limits} | ({"data": data, "opener": "opener.py"} if data else {})


def taken(name: str, output: str) -> dict[str, str]:
    return {"task": name, "output": output}


def write_function(folder: Path, name: str, signature: Mapping[str, Any], program: str = FUNCTIONS) -> None:
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(DOCKERFILE.format(name=name))
    (folder / "function.py").write_text(program)
    (folder / "function.yaml").write_text(json.dumps(signature))  # JSON is YAML


class Desk:
    """A folder with the functions, the opener and the samples, whose tasks are run."""

    def __init__(self, host: DockerHost, folder: Path) -> None:
        self.host, self.folder = host, folder
        for name, signature in SIGNATURES.items():
            write_function(folder / "task" / name, name, signature)
        (folder / "task" / "opener.py").write_text(OPENER)
        for name, rows in (("a", "1\n2\n"), ("b", "4\n")):
            (folder / "task" / name).mkdir()
            (folder / "task" / name / "rows.txt").write_text(rows)

    def ran(self, *tasks: dict[str, Any], fake: FakeData | None = None) -> dict[str, LocalResult]:
        file = self.folder / "task" / "plan.yaml"
        file.write_text("\n---\n".join(json.dumps(one) for one in tasks))
        with open_local_bench(self.host, self.folder) as bench:
            return {one.name: one for one in run_locally(read_specs(file), replace(bench, fake=fake))}

    def refused(self, *tasks: dict[str, Any]) -> str:
        """Run tasks of which one fails; return its reason and what it printed."""
        with pytest.raises(TaskFailed) as failed:
            self.ran(*tasks)
        logs = (self.folder / "runs" / tasks[-1]["name"] / "logs" / "function.log").read_text()
        return f"{failed.value.category}: {failed.value.message}\n{logs}"


@pytest.fixture
def desk(docker_engine: DockerHost, tmp_path: Path) -> Desk:
    return Desk(docker_engine, tmp_path)


def model(result: LocalResult, output: str) -> Any:
    return json.loads((result.folder / output / f"{output}.model").read_text())
