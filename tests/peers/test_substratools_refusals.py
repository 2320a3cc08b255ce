"""What the substratools of Substra 1.0 refuses by itself, and what is refused beyond that."""

import pytest

from tests.peers.substra_desk import DOCKERFILE, OPENER, Desk, model, task, write_function
from tests.peers.substra_desk import desk as desk
from tests.peers.substra_desk import docker_engine as docker_engine

pytestmark = [pytest.mark.peers, pytest.mark.docker, pytest.mark.slow]


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
    "no fake_data": (OPENER.split("    def fake_data")[0], "Can't instantiate abstract class Rows"),
}


@pytest.mark.parametrize("which", OPENERS)
def test_an_opener_that_is_none_is_the_tasks_error(which: str, desk: Desk) -> None:
    text, reason = OPENERS[which]
    (desk.folder / "task" / "opener.py").write_text(text)
    refused = desk.refused(task("one", "train", data=["a"]))
    assert refused.startswith("task_error: ")
    assert reason in refused


PERFORMANCES = {
    "a text": ('tools.save_performance("0.5", path)', "'all' is \"0.5\", not a number"),
    "NaN": ('tools.save_performance(float("nan"), path)', "NaN is not a finite number"),
    "a further key": ('json.dump({"all": 0.5, "f1": 1}, open(path, "w"))', "the key 'f1' is there beside 'all'"),
    "another key": ('json.dump({"f1": 1}, open(path, "w"))', "the key 'all' is missing"),
}
PERFORMANCE = """\
import json
import substratools as tools

@tools.register
def measure(inputs, outputs, task_properties):
    path = outputs["distance"]
    {statement}

tools.execute()
"""


@pytest.mark.parametrize("which", PERFORMANCES)
def test_a_performance_that_substratools_lets_pass_is_refused(which: str, desk: Desk) -> None:
    statement, reason = PERFORMANCES[which]
    signature = {"outputs": [{"id": "distance", "kind": "performance"}]}
    program = PERFORMANCE.format(statement=statement)
    write_function(desk.folder / "task" / "measure", "measure", signature, program)
    refused = desk.refused(task("one", "measure"))
    told = f"one: output_invalid: stage function: distance-perf.json can't be used: {reason}"
    assert refused.startswith(f"output_invalid: {told}\n")


# arguments that differ from the layout's, told to the published package by hand
STRICT = """\
import subprocess, sys, json
item = {"id": "models", "value": "/tmp/x", "multiple": False}
sample = {**item, "id": "datasamples"}
def run(lines):
    with open("/tmp/arguments.txt", "w") as file:
        file.write(lines)
    command = [sys.executable, "function.py", "--function-name", "seen", "@/tmp/arguments.txt"]
    return subprocess.run(command, capture_output=True, text=True)
def exit_of(lines):
    return run(lines).returncode
def inputs(*items):
    return "--inputs\\n" + json.dumps(items) + "\\n--outputs\\n[]\\n"
found = {
    "as it is": exit_of(inputs(item)),
    "two of one": exit_of(inputs(item, item)),
    "two samples": exit_of(inputs(sample, sample)),
    "another key": exit_of(inputs({**item, "more": 1})),
    "unknown argument": exit_of(inputs(item) + "--unknown\\n1\\n"),
    "blank line": exit_of(inputs(item) + "\\n"),
}
told = run(inputs(item))
found["logs"] = ["Launching task" in told.stdout, "Launching task" in told.stderr]
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
    assert found == {
        "as it is": 0,
        "two of one": 1,
        "two samples": 1,
        "another key": 1,
        "unknown argument": 2,
        "blank line": 2,
        "logs": [False, True],
    }
