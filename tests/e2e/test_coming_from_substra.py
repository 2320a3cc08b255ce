"""The page for users of Substra names each of its calls once, and every line of it runs on a real local network."""

import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from node_runtime.client import PlanHandle
from node_runtime.domain.assets import Asset

PAGE = Path("docs/coming-from-substra.md").absolute()
CALLS = """
    Client add_compute_plan add_compute_plan_tasks add_data_sample add_data_samples add_dataset add_function add_task
    backend_mode cancel_compute_plan describe_dataset describe_function download_dataset download_function
    download_logs download_model download_model_from_task get_compute_plan get_data_sample get_dataset get_function
    get_logs get_model get_performances get_task get_task_output_asset link_dataset_with_data_samples
    list_compute_plan list_data_sample list_dataset list_function list_model list_organization list_task
    list_task_input_assets list_task_output_assets login logout organization_info temp_directory update_compute_plan
    update_dataset update_function wait_compute_plan wait_function wait_task
"""
"""The class and its public methods and properties in substra 1.0.0."""


def rows() -> list[tuple[str, str, str]]:
    """Return what the tables have for each call: Substra's name, Python, the command line."""
    every = re.findall(r"^\| (`.+?) \| (.+?) \| (.+?) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    return [(substra, python, command) for substra, python, command in every]


def code_in(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def test_each_call_of_substra_is_named_once() -> None:
    assert Counter(name for calls, _, _ in rows() for name in code_in(calls)) == Counter(CALLS.split())


def test_a_cell_without_a_line_says_why() -> None:
    for calls, python, _ in rows():
        assert re.match("none: .{20}|`", python), calls


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.usefixtures("local_network", "iris")
def test_each_line_runs() -> None:
    names: dict[str, object] = {}
    for snippet in re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        exec(snippet, names)
    for calls, python, command in rows():
        if not python.startswith("none"):
            exec(code_in(python)[0], names)
        for code in code_in(command):
            if code.startswith("node-runtime "):
                run(calls, code, names)


def run(calls: str, command: str, names: dict[str, object]) -> None:
    numbers: dict[str, object] = {}
    if isinstance(plan := names.get("plan"), PlanHandle):
        numbers |= {"TASK": plan["train"].id, "SCORE": plan["score"].id, "PLAN": plan.number}
    if isinstance(algo := names.get("algo"), Asset):
        numbers["KEY"] = algo.ref
    words = [str(numbers.get(word, word)) for word in shlex.split(command)[1:]]
    told = subprocess.run(
        [sys.executable, "-m", "node_runtime", *words],
        env=os.environ | {"COLUMNS": "80"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,  # reached only after a failure
    )
    assert told.returncode == 0, (calls, words, told.stdout, told.stderr)
