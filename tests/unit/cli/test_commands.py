"""Does the list of commands say what each command is, and is nothing read that a command doesn't need?"""

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from node_runtime.cli.commands import COMMANDS, Listed
from node_runtime.cli.on_demand import command_of
from tests.background import LIMIT

LISTED = [command for commands in COMMANDS.values() for command in commands]
HEAVY = {"docker", "numpy", "sklearn", "substrateinterface", "wasmtime", "yaml"}
MODULES_AT_THE_END = """
import atexit, json, sys
from pathlib import Path
atexit.register(lambda: Path(sys.argv[-1]).write_text(json.dumps(sorted(sys.modules))))
from node_runtime.cli import app
app(sys.argv[1:-1])
"""


def read_by(told: Path, *arguments: str) -> set[str]:
    """The modules that a command has read when it ends; those that Python starts with are not counted."""
    command = [sys.executable, "-c", MODULES_AT_THE_END, *arguments, str(told)]
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)
    return set(json.loads(told.read_text()))


@pytest.mark.parametrize("listed", LISTED, ids=lambda listed: listed.name)
def test_the_list_says_of_a_command_what_its_own_help_begins_with(listed: Listed) -> None:
    first_paragraph = inspect.cleandoc(command_of(listed.name).help).split("\n\n")[0]
    assert listed.summary == " ".join(first_paragraph.split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("version",)])
def test_help_and_version_read_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert read_by(tmp_path / "told", *arguments) & HEAVY == set()


def test_checking_a_file_reads_neither_chain_nor_containers(tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.write_text("kind: objective\nname: digits\nmetric: metric/\nopener: opener.py\nsamples: [sample]\n")
    (tmp_path / "metric").mkdir()
    (tmp_path / "metric" / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "opener.py").write_text("")
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "a.csv").write_text("1")
    read = read_by(tmp_path / "told", "check", str(file))
    assert read & {"docker", "numpy", "substrateinterface", "wasmtime"} == set()
    assert "node_runtime.spec" in read
