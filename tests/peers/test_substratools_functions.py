"""Functions written for Substra 1.0 run unmodified, with the substratools that was published for it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from node_runtime.creator.local_run import LocalResult, run_locally
from node_runtime.errors import TaskFailed
from node_runtime.spec.read import read_specs
from tests.docker_engine import DockerHost
from tests.docker_engine import docker_engine as docker_engine
from tests.local_bench import open_local_bench

pytestmark = [pytest.mark.peers, pytest.mark.docker, pytest.mark.slow]

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
        return [0.0] * n_samples
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

    def ran(self, *tasks: dict[str, Any]) -> dict[str, LocalResult]:
        file = self.folder / "task" / "plan.yaml"
        file.write_text("\n---\n".join(json.dumps(one) for one in tasks))
        with open_local_bench(self.host, self.folder) as bench:
            return {one.name: one for one in run_locally(read_specs(file), bench)}

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


def test_two_models_of_an_input_that_is_not_multiple_are_refused_before_they_run(desk: Desk) -> None:
    with pytest.raises(Exception, match="the function takes one model as 'shared', 2 are named"):
        desk.ran(
            task("one", "train", data=["a"]),
            task("two", "train", data=["b"]),
            task("three", "train", data=["a"], shared=[{"task": "one"}, {"task": "two"}]),
        )


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("nothing", "exceptions.MissingFileError"),
        ("folder", "exceptions.NotAFileError"),
    ],
)
def test_an_output_that_is_missing_or_a_folder_exits_1(function: str, reason: str, desk: Desk) -> None:
    refused = desk.refused(task("one", function))
    assert refused.startswith("task_error: ")
    assert "exit code 1" in refused or "exited with 1" in refused
    assert reason in refused


OPENERS = {
    "two classes": (OPENER + "\nclass More(Rows):\n    pass\n", "Multiple interfaces found"),
    "no syntax": ("class Rows(\n", "SyntaxError"),
    "no class": ("import substratools\n", "seems empty"),
}


@pytest.mark.parametrize("which", OPENERS)
def test_an_opener_that_is_none_is_the_tasks_error(which: str, desk: Desk) -> None:
    text, reason = OPENERS[which]
    (desk.folder / "task" / "opener.py").write_text(text)
    refused = desk.refused(task("one", "train", data=["a"]))
    assert refused.startswith("task_error: ")
    assert reason in refused


# arguments that differ from the layout's, told to the published package by hand
STRICT = """\
import subprocess, sys, json
item = {"id": "models", "value": "/tmp/x", "multiple": False}
def exit_of(lines):
    with open("/tmp/arguments.txt", "w") as file:
        file.write(lines)
    command = [sys.executable, "function.py", "--function-name", "seen", "@/tmp/arguments.txt"]
    return subprocess.run(command).returncode
def inputs(*items):
    return "--inputs\\n" + json.dumps(items) + "\\n--outputs\\n[]\\n"
found = {
    "as it is": exit_of(inputs(item)),
    "two of one": exit_of(inputs(item, item)),
    "another key": exit_of(inputs({**item, "more": 1})),
    "unknown argument": exit_of(inputs(item) + "--unknown\\n1\\n"),
    "blank line": exit_of(inputs(item) + "\\n"),
}
json.dump(found, open("/substra_internal/out_models/found.model", "w"))
"""
ENDING = """\
@tools.register
def seen(inputs, outputs, task_properties):
    pass

tools.execute()
"""


def test_what_substratools_refuses_is_never_written(desk: Desk) -> None:
    folder = desk.folder / "task" / "strict"
    program = "import substratools as tools\n" + ENDING
    write_function(folder, "seen", {"outputs": [{"id": "found", "kind": "model"}]}, program)
    (folder / "strict.py").write_text(STRICT)
    dockerfile = DOCKERFILE.replace("COPY function.py", "COPY strict.py function.py")
    (folder / "Dockerfile").write_text(
        dockerfile.split("ENTRYPOINT")[0].format() + 'ENTRYPOINT ["python3", "strict.py"]\n'
    )
    found = model(desk.ran(task("one", "strict"))["one"], "found")
    assert found == {"as it is": 0, "two of one": 1, "another key": 1, "unknown argument": 2, "blank line": 2}


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
