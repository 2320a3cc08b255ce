"""A creator's folder with functions, opener and samples, whose tasks a node of the test runs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node_runtime.creator.submit import submit
from node_runtime.domain.task import Submission, TaskId
from node_runtime.spec.read import read_specs
from tests.e2e.daemon_world import World

DOCKERFILE = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
COPY function.py /function.py
ENTRYPOINT ["python3", "/function.py"]
"""
START = """\
import json, sys
lines = open(sys.argv[1][1:]).read().splitlines()
inputs, outputs = json.loads(lines[3]), {one["id"]: one["value"] for one in json.loads(lines[5])}
rank = json.loads(lines[1])["rank"]
def of(identifier):
    return [one["value"] for one in inputs if one["id"] == identifier]
rows = [float(row) for one in of("datasamples") for row in open(one + "/rows.txt")]
def load(identifier):
    return [json.load(open(one)) for one in of(identifier)]
def save(identifier, value):
    json.dump(value, open(outputs[identifier], "w"))
"""
DATA = [{"id": "opener", "kind": "data_manager"}, {"id": "datasamples", "kind": "data_sample", "multiple": True}]
SHARED = {"id": "shared", "kind": "model"}
LOCAL = {"id": "local", "kind": "model"}
TRAIN = {"inputs": [*DATA, {**SHARED, "optional": True}], "outputs": [SHARED]}
AGGREGATE = {"inputs": [{**SHARED, "multiple": True}], "outputs": [SHARED]}
PREDICT = {"inputs": [*DATA, SHARED], "outputs": [{"id": "predictions", "kind": "model"}]}
SCORE = {
    "inputs": [*DATA, {"id": "predictions", "kind": "model"}],
    "outputs": [{"id": "distance", "kind": "performance"}, {"id": "rows", "kind": "performance"}],
}
COMPOSITE = {
    "inputs": [*DATA, {**LOCAL, "optional": True}, {**SHARED, "optional": True}],
    "outputs": [{"id": "seen", "kind": "performance"}, {**LOCAL, "private": True}, SHARED],
}
FUNCTIONS: dict[str, tuple[Mapping[str, Any], str]] = {
    "train": (TRAIN, 'save("shared", sum(rows) + sum(load("shared")))'),
    "aggregate": (AGGREGATE, 'save("shared", sum(load("shared")))'),
    "predict": (PREDICT, 'save("predictions", [load("shared")[0] + rank] * len(rows))'),
    "score": (
        SCORE,
        'save("distance", {"all": sum(load("predictions")[0]) - sum(rows)}); save("rows", {"all": len(rows)})',
    ),
    "composite": (
        COMPOSITE,
        'print("head", load("local")); save("local", ["secret", *load("local")]); '
        'save("shared", sum(rows) + sum(load("shared"))); save("seen", {"all": len(load("local"))})',
    ),
}
LIMITS = {"cpus": 0.5, "memory": "64MiB", "timeout": "10m", "outputs": "8MiB"}


def task(name: str, function: str, **keys: Any) -> dict[str, Any]:
    made = {"kind": "function", "name": name, "function": f"{function}/", "reward": 1, "limits": LIMITS}
    return made | ({"opener": "opener.py"} if "data" in keys else {}) | keys


@dataclass(frozen=True)
class Desk:
    world: World
    folder: Path

    def submit(self, *documents: Mapping[str, Any]) -> dict[str, TaskId]:
        file = self.folder / "plan.yaml"
        file.write_text("\n---\n".join(map(json.dumps, documents)))
        tasks = submit(read_specs(file), self.world.chain, self.world.store, say=print).tasks
        return {one.name: one.id for one in tasks}

    def output(self, submission: Submission, name: str) -> Any:
        digest = submission.result.output(name)
        assert digest is not None
        return json.loads(self.world.store.read_file(digest, f"{name}.model", limit=1 << 20))


def write_function(folder: Path, signature: Mapping[str, Any], program: str) -> None:
    folder.mkdir(parents=True)
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "function.py").write_text(f"{START}{program}\n")
    (folder / "function.yaml").write_text(json.dumps(signature))


def write_functions(folder: Path) -> None:
    """Write the functions, their opener and samples into the folder."""
    for name, (signature, program) in FUNCTIONS.items():
        write_function(folder / name, signature, program)
    for name, rows in (("a", "1\n2\n"), ("b", "4\n"), ("test", "5\n6\n")):
        (folder / name).mkdir()
        (folder / name / "rows.txt").write_text(rows)
    (folder / "opener.py").write_text("")


@pytest.fixture
def desk(world: World) -> Desk:
    folder = world.folder / "desk"
    write_functions(folder)
    return Desk(world, folder)
