"""The list of commands matches their help, and a command imports only the modules it needs."""

import inspect
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node_runtime.cli import app
from node_runtime.cli.commands import COMMANDS, Listed
from node_runtime.cli.lazy_group import command_of
from tests.background import LIMIT

LISTED = [command for commands in COMMANDS.values() for command in commands]
SHOWN = [
    (*parts, name)
    for command in LISTED
    for parts, group in (((command.name,), command_of(command.name)),)
    for name in getattr(group, "commands", {"": group})
]
HEAVY = {"docker", "numpy", "sklearn", "substrateinterface", "wasmtime", "yaml"}
MODULES_AT_THE_END = """
import atexit, json, sys
from pathlib import Path
atexit.register(lambda: Path(sys.argv[-1]).write_text(json.dumps(sorted(sys.modules))))
from node_runtime.cli import app
app(sys.argv[1:-1])
"""


def read_by(told: Path, *arguments: str) -> set[str]:
    """Return the modules that a command has imported at its end."""
    command = [sys.executable, "-c", MODULES_AT_THE_END, *arguments, str(told)]
    subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)
    return set(json.loads(told.read_text()))


@pytest.mark.parametrize("listed", LISTED, ids=lambda listed: listed.name)
def test_the_summary_is_the_first_paragraph_of_the_commands_help(listed: Listed) -> None:
    first_paragraph = inspect.cleandoc(command_of(listed.name).help).split("\n\n")[0]
    assert listed.summary == " ".join(first_paragraph.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("version",),
        *((name, "--help") for name in ("list", "results", "up", "daemon", "status", "nodes")),
    ],
)
def test_help_and_version_import_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert read_by(tmp_path / "told", *arguments) & HEAVY == set()


def test_checking_a_file_imports_neither_chain_nor_containers(tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.write_text("kind: objective\nname: digits\nmetric: metric/\nopener: opener.py\nsamples: [sample]\n")
    (tmp_path / "metric").mkdir()
    (tmp_path / "metric" / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["/run"]\n')
    (tmp_path / "opener.py").write_text("")
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "a.csv").write_text("1")
    read = read_by(tmp_path / "told", "check", str(file))
    assert read & {"docker", "numpy", "substrateinterface", "wasmtime"} == set()
    assert "node_runtime.spec.read" in read


@pytest.mark.parametrize("words", SHOWN, ids=lambda words: " ".join(words).strip())
def test_help_names_types_in_words_and_ends_with_an_example_that_is_accepted(
    words: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    command = command_of(words[0])
    command = getattr(command, "commands", {"": command})[words[1]]
    shown = CliRunner().invoke(app, [*filter(None, words), "--help"])
    assert shown.exit_code == 0, shown.output
    assert "<" not in shown.output.replace("<=", "")
    assert max(map(len, shown.output.splitlines())) <= 80
    _, found, typed = " ".join(shown.output.split()).partition("Example: node-runtime ")
    assert found
    arguments = shlex.split(typed.partition(" > ")[0])[len(list(filter(None, words))) :]
    command.make_context(words[0], arguments)  # raises what a person would be told of them


def test_the_help_of_a_group_has_an_example() -> None:
    for name in ("asset", "objective", "data"):
        assert "Example: node-runtime" in CliRunner().invoke(app, [name, "--help"]).output


def typed(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "node_runtime", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)


@pytest.mark.parametrize("words", SHOWN, ids=lambda words: " ".join(words).strip())
def test_usage_names_arguments_in_capitals_and_brackets_what_may_be_left_out(words: tuple[str, str]) -> None:
    command = command_of(words[0])
    command = getattr(command, "commands", {"": command})[words[1]]
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    pieces = [piece for param in arguments for piece in param.get_usage_pieces(None)]
    for param, piece in zip(arguments, pieces, strict=True):
        assert piece.upper() == piece
        name = piece.removesuffix("...")
        assert (name == f"[{param.metavar}]") is not param.required
        assert piece.endswith("...") is (param.nargs != 1)


def test_the_paragraphs_of_a_help_are_broken_by_the_terminal_only() -> None:
    told = [line.strip() for line in CliRunner().invoke(app, ["daemon", "--help"]).output.splitlines()]
    assert "within the configured grace period, the others are handed back." in told


@pytest.mark.parametrize("words", SHOWN, ids=lambda words: " ".join(words).strip())
def test_an_example_stands_on_one_line(words: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    shown = CliRunner().invoke(app, [*filter(None, words), "--help"]).output.rstrip().splitlines()
    assert shown[-1].strip().startswith("Example: node-runtime ")


@pytest.mark.parametrize(
    ("arguments", "error", "remedy"),
    [
        (("show",), "missing argument 'TASK'", "see 'node-runtime show --help'"),
        (("data", "remove"), "missing argument 'KEY'", "see 'node-runtime data remove --help'"),
        (("lst",), "no such command 'lst'. Did you mean 'list'?", "see 'node-runtime --help'"),
        (
            ("new", "foo", "x"),
            "invalid value for 'TEMPLATE': 'foo' is not one of 'training', 'scoring', 'annotation', 'function', 'plan'",
            "see 'node-runtime new --help'",
        ),
    ],
)
def test_what_is_typed_wrong_is_told_like_every_error(arguments: tuple[str, ...], error: str, remedy: str) -> None:
    ended = typed(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    told = ended.stderr.replace("python -m node_runtime", "node-runtime")
    assert told == f"error: {error}\ntry:   {remedy}\n"


def test_without_a_command_the_help_is_printed_once() -> None:
    ended = typed()
    assert (ended.returncode, ended.stderr) == (2, "")
    assert ended.stdout.count("Usage:") == 1
