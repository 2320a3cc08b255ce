"""Composite algos written for Substra 0.x run unmodified: a head that stays, and a trunk that moves on."""

import json
from pathlib import Path

import pytest

from tests.docker_engine import DockerHost
from tests.docker_engine import docker_engine as docker_engine
from tests.peers.sandbox_desk import AGGREGATE, INSTALLS, LIMITS, METRICS, ran, written

pytestmark = [pytest.mark.peers, pytest.mark.docker, pytest.mark.slow]

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
