"""Functions on the chain: plans of train, aggregate, predict and certified score, and heads that stay on their node."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from node_runtime.creator.results import read_document
from node_runtime.creator.submit import submit
from node_runtime.domain.assets import Digest, SubmissionId
from node_runtime.domain.task import Standing, Submission, TaskId
from node_runtime.errors import SpecError
from node_runtime.spec.read import read_specs
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World

pytestmark = [pytest.mark.docker, pytest.mark.slow]

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


@pytest.fixture
def desk(world: World) -> Desk:
    folder = world.folder / "desk"
    for name, (signature, program) in FUNCTIONS.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "Dockerfile").write_text(DOCKERFILE)
        (folder / name / "function.py").write_text(f"{START}{program}\n")
        (folder / name / "function.yaml").write_text(json.dumps(signature))
    for name, rows in (("a", "1\n2\n"), ("b", "4\n"), ("test", "5\n6\n")):
        (folder / name).mkdir()
        (folder / name / "rows.txt").write_text(rows)
    (folder / "opener.py").write_text("")
    return Desk(world, folder)


OBJECTIVE = {"kind": "objective", "name": "sums", "metric": "score/", "opener": "opener.py", "samples": ["test"]}


def test_a_plan_of_functions_ends_in_a_certified_score(desk: Desk, start_daemon: Callable[..., DaemonProcess]) -> None:
    start_daemon()
    numbers = desk.submit(
        OBJECTIVE,
        task("one", "train", data=["a"], objectives=["sums"]),
        task("two", "train", data=["b"], objectives=["sums"], inputs={"shared": {"task": "one", "output": "shared"}}),
        task("both", "aggregate", objectives=["sums"], inputs={"shared": [{"task": "one"}, {"task": "two"}]}),
        task("predicted", "predict", objective="sums", inputs={"shared": {"task": "both"}}),
        task("scored", "score", objective="sums", inputs={"predictions": {"task": "predicted"}}),
    )
    submissions = {name: desk.world.submission(number) for name, number in numbers.items()}
    assert desk.output(submissions["both"], "shared") == 10.0
    assert desk.output(submissions["predicted"], "predictions") == [13.0, 13.0]
    scored = submissions["scored"]
    assert {one.name: float(one.value) for one in scored.result.perfs} == {"distance": 15.0, "rows": 2.0}
    assert scored.score is not None
    assert (float(scored.score.value), scored.score.standing) == (15.0, Standing.CERTIFIED)
    (certified,) = desk.world.chain.scores(desk.world.chain.objectives_of(desk.world.chain.account)[-1].id)
    assert certified.model.submission == submissions["both"].id
    document = read_document(scored, desk.world.store)
    assert document.perf == {"distance": 15, "rows": 2}
    assert document.outputs.keys() == {"perf.json"}

    later = desk.submit(task("later", "train", data=["a"], inputs={"shared": {"task": numbers["both"]}}))
    assert desk.output(desk.world.submission(later["later"]), "shared") == 13.0
    submission = submissions["two"].id
    again = desk.submit(task("again", "train", data=["a"], inputs={"shared": {"submission": submission}}))
    assert desk.output(desk.world.submission(again["again"]), "shared") == 10.0


def test_a_head_stays_on_its_node_and_is_taken_there(desk: Desk, start_daemon: Callable[..., DaemonProcess]) -> None:
    start_daemon()
    first, both = {"task": "one", "output": "local"}, {"task": "both"}
    numbers = desk.submit(
        task("one", "composite", data=["a"]),
        task("both", "aggregate", inputs={"shared": [{"task": "one", "output": "shared"}]}),
        task("two", "composite", data=["a"], inputs={"local": first, "shared": both}),
    )
    submissions = {name: desk.world.submission(number) for name, number in numbers.items()}
    for name, rows in (("one", 0.0), ("two", 1.0)):
        submission = submissions[name]
        assert [(one.name, float(one.value)) for one in submission.result.perfs] == [("seen", rows)]
        document = read_document(submission, desk.world.store)
        assert document.outputs_stay == ("local",)
        assert document.log_stays
        head = submission.result.output("local")
        assert head is not None
        assert not desk.world.store.has(head)
        assert not desk.world.store.has(Digest(document.log))
    assert desk.output(submissions["two"], "shared") == 6.0
    kept, shared = desk.world.chain.models_of(SubmissionId(submissions["two"].id))
    assert (kept.private, shared.private) == (True, False)


def test_an_output_that_a_task_on_chain_does_not_make_is_refused(desk: Desk) -> None:
    numbers = desk.submit(task("one", "composite", data=["a"]))
    for taken, reason in (
        ({"task": numbers["one"]}, "makes several models; name one by 'output': local, shared"),
        ({"task": numbers["one"], "output": "sharde"}, "makes no model 'sharde'; did you mean 'shared'?"),
        ({"task": numbers["one"], "output": "seen"}, "makes no model 'seen'"),
        ({"submission": 999, "output": 2}, "submission 999 has no model at place 2"),
    ):
        with pytest.raises(SpecError, match=reason):
            desk.submit(task("two", "train", data=["a"], inputs={"shared": taken}))
