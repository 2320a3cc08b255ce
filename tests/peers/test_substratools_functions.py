"""Functions written for Substra 1.0 run unmodified, with the substratools that was published for it."""

import json

import pytest

from node_runtime.creator.fake_data import FakeData
from tests.peers.substra_desk import BOTH, DATA, SHARED, Desk, model, taken, task, write_function
from tests.peers.substra_desk import desk as desk
from tests.peers.substra_desk import docker_engine as docker_engine

pytestmark = [pytest.mark.peers, pytest.mark.docker, pytest.mark.slow]


def test_train_aggregate_predict_and_score_run_in_a_plan(desk: Desk) -> None:
    results = desk.ran(
        task("one", "train", data=BOTH),
        task("two", "train", data=["b"], shared=taken("one", "shared")),
        task("both", "aggregate", shared=[taken("two", "shared"), taken("one", "shared")]),
        task("predicted", "predict", data=["a"], shared={"task": "both"}),
        task("scored", "score", data=["a"], predictions={"task": "predicted"}),
    )
    assert model(results["one"], "shared") == {"sum": 7.0, "rank": 0}
    assert model(results["two"], "shared") == {"sum": 11.0, "rank": 1}
    assert model(results["both"], "shared") == {"sum": 18.0, "of": [11.0, 7.0], "rank": 2}
    assert model(results["predicted"], "predictions") == [18.0, 18.0]
    perf = results["scored"].perf
    assert perf is not None
    assert perf.values == {"distance": 33, "rows": 2}
    assert json.loads((results["scored"].folder / "perf.json").read_text()) == {"distance": 33, "rows": 2}


def test_a_composite_keeps_its_local_model_beside_the_shared_one(desk: Desk) -> None:
    results = desk.ran(
        task("start", "initialise"),
        task("one", "composite", data=["a"]),
        task("two", "composite", data=["b"]),
        task("both", "aggregate", shared=[taken("one", "shared"), taken("two", "shared")]),
        task("again", "composite", data=["a"], local=taken("one", "local"), shared=taken("both", "shared")),
    )
    assert model(results["start"], "local") == {"local": 100, "inputs": []}
    assert model(results["again"], "local") == {"sum": 6.0}
    assert model(results["again"], "shared") == {"sum": -10.0, "rank": 2}
    log = (results["again"].folder / "logs" / "function.log").read_text()
    assert "Launching task: executing `composite` function." in log


def test_each_metric_of_a_function_is_a_performance_of_its_own(desk: Desk) -> None:
    results = desk.ran(
        task("one", "composite", data=["a"]), task("tested", "evaluate", data=BOTH, local=taken("one", "local"))
    )
    perf = results["tested"].perf
    assert perf is not None
    assert perf.values == {"error": -4, "mean": 1}


def test_a_plan_runs_on_what_its_opener_makes_up(desk: Desk) -> None:
    """`get_data` is not called: 100 each, instead of the samples' rows."""
    results = desk.ran(
        task("one", "train", data=BOTH),
        task("both", "aggregate", shared=[{"task": "one"}]),
        task("predicted", "predict", data=["a"], shared={"task": "both"}),
        task("scored", "score", data=["a"], predictions={"task": "predicted"}),
        fake=FakeData(samples=3),
    )
    assert model(results["one"], "shared") == {"sum": 300.0, "rank": 0}
    assert model(results["predicted"], "predictions") == [300.0] * 3
    perf = results["scored"].perf
    assert perf is not None
    assert perf.values == {"distance": 600, "rows": 3}
    log = (results["one"].folder / "logs" / "function.log").read_text()
    assert "Using fake data with 3 fake samples." in log


SEEN = [{"id": "seen", "kind": "model"}]
ONE_SAMPLE = [DATA[0], {"id": "datasamples", "kind": "data_sample"}]


def test_what_substratools_makes_of_samples_and_openers(desk: Desk) -> None:
    """A single sample is a bare string, samples without opener are dropped, an opener without samples gets None."""
    cases = {
        "bare": (ONE_SAMPLE, ["a"], {"bare": 3}),
        "dropped": (DATA[1:], ["a"], "no key"),
        "without": ([DATA[0]], [], {"none": True}),
    }
    for name, (inputs, _, _) in cases.items():
        write_function(desk.folder / "task" / name, "seen", {"inputs": inputs, "outputs": SEEN})
    tasks = [task(name, name, data=data) for name, (_, data, _) in cases.items()]
    del tasks[1]["opener"]
    tasks[2]["opener"] = "opener.py"
    results = desk.ran(*tasks)
    for name, (_, _, samples) in cases.items():
        assert model(results[name], "seen") == {"samples": samples, "models": "no key"}, name


NAMED = {
    "inputs": [{"id": "a.b-c_D", "kind": "model"}],
    "outputs": [{"id": "Z.model-1_", "kind": "model"}],
}
RENAMES = """\
import substratools as tools

@tools.register
def rename(inputs, outputs, task_properties):
    assert inputs.keys() == {"a.b-c_D"} and outputs.keys() == {"Z.model-1_"}
    open(outputs["Z.model-1_"], "w").write(open(inputs["a.b-c_D"]).read())

tools.execute()
"""


def test_every_letter_of_an_identifier_reaches_the_function(desk: Desk) -> None:
    write_function(desk.folder / "task" / "rename", "rename", NAMED, RENAMES)
    named = task("two", "rename") | {"inputs": {"a.b-c_D": {"task": "one"}}}
    results = desk.ran(task("one", "train", data=["a"]), named)
    assert model(results["two"], "Z.model-1_") == {"sum": 3.0, "rank": 0}


PLACES = """\
import json, os
import substratools as tools

FOLDERS = ("cli-args", "openers", "data_samples", "in_models", "out_models", "perf", "export")

def can_write(folder):
    try:
        open(folder + "/mine", "w").close()
        os.remove(folder + "/mine")
        return True
    except OSError:
        return False

@tools.register
def places(inputs, outputs, task_properties):
    below = [os.path.join(os.getcwd(), one) for one in ("model", "chainkeys", "data", "pred")]
    every = ["/substra_internal/" + one for one in FOLDERS] + below
    given = os.environ
    told = {name: given.get(name) for name in ("PYTHONUNBUFFERED", "ORGANIZATION_INDEX")}
    writable = [os.path.basename(one) for one in every if can_write(one)]
    there = all(os.path.isdir(one) for one in every)
    found = {"writable": writable, "all there": there, "group": os.getgid(), "environment": told}
    json.dump(found, open(outputs["found"], "w"))

tools.execute()
"""


def test_a_function_finds_every_folder_and_writes_those_of_its_outputs_alone(desk: Desk) -> None:
    signature = {"inputs": [*DATA, SHARED], "outputs": [{"id": "found", "kind": "model"}]}
    write_function(desk.folder / "task" / "places", "places", signature, PLACES)
    results = desk.ran(task("one", "train", data=["a"]), task("two", "places", data=["a"], shared={"task": "one"}))
    assert model(results["two"], "found") == {
        "writable": ["out_models", "export", "model", "chainkeys"],
        "all there": True,
        "group": 1001,
        "environment": {"PYTHONUNBUFFERED": "1", "ORGANIZATION_INDEX": None},
    }


SHELL = """\
#!/bin/sh
# A function without Python: arguments in a file, one a line, values in JSON.
set -e
file="${1#@}"
inputs=$(sed -n 4p "$file") outputs=$(sed -n 6p "$file")
value() { echo "$1" | tr '{' '\\n' | sed -n "s/.*\\"id\\": \\"$2\\", \\"value\\": \\"\\([^\\"]*\\)\\".*/\\1/p"; }
sum=0
for sample in $(value "$inputs" datasamples); do
  while read row; do sum=$((sum + row)); done < "$sample/rows.txt"
done
for before in $(value "$inputs" before); do sum=$((sum + $(cat "$before"))); done
echo "$sum" > "$(value "$outputs" sum)"
echo "{\\"all\\": $sum}" > "$(value "$outputs" total)"
"""
SHELL_DOCKERFILE = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
COPY function.sh /function.sh
ENTRYPOINT ["sh", "/function.sh"]
"""


def test_a_function_may_be_a_shell_script(desk: Desk) -> None:
    signature = {
        "inputs": [DATA[1], {"id": "before", "kind": "model", "multiple": True, "optional": True}],
        "outputs": [{"id": "sum", "kind": "model"}, {"id": "total", "kind": "performance"}],
    }
    folder = desk.folder / "task" / "shell"
    write_function(folder, "", signature)
    (folder / "Dockerfile").write_text(SHELL_DOCKERFILE)
    (folder / "function.sh").write_text(SHELL)
    tasks = [
        task("one", "shell", data=BOTH),
        task("two", "shell", data=["b"], before=[{"task": "one"}]),
        task("three", "shell", data=["a"], before=[{"task": "one"}, {"task": "two"}]),
    ]
    for one in tasks:
        del one["opener"]
    results = desk.ran(*tasks)
    totals = {name: result.perf.values for name, result in results.items() if result.perf is not None}
    assert totals == {"one": {"total": 7}, "two": {"total": 11}, "three": {"total": 21}}
