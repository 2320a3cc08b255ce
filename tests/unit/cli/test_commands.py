"""The list of commands matches their help, and a command imports only the modules it needs."""

import inspect
import json
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
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
MODULES_AFTER_EACH = """
import json, sys
from contextlib import redirect_stdout
from node_runtime.cli import app
after = []
for words in json.loads(sys.argv[1]):
    with redirect_stdout(sys.stderr):
        try:
            app(words)
        except SystemExit as ended:
            assert not ended.code, words
    after.append(sorted(sys.modules))
print(json.dumps(after))
"""
LIGHT: list[tuple[str, ...]] = [
    ("--help",),
    ("--version",),
    ("version",),
    *((name, "--help") for name in ("list", "results", "up", "daemon", "status", "nodes")),
]


def imported_by(*commands: Sequence[str]) -> list[set[str]]:
    """Run the commands one after the other in a new process; return the modules it has imported after each."""
    command = [sys.executable, "-c", MODULES_AFTER_EACH, json.dumps(commands)]
    ended = subprocess.run(command, check=True, capture_output=True, timeout=LIMIT)
    return [set(modules) for modules in json.loads(ended.stdout)]


@pytest.fixture(scope="module")
def after_light_commands() -> dict[tuple[str, ...], set[str]]:
    return dict(zip(LIGHT, imported_by(*LIGHT), strict=True))


@cache
def help_of(*words: str) -> str:
    """Return the help of a command, or of a group, at a terminal of 80 columns."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("typer.rich_utils.MAX_WIDTH", 80)
        shown = CliRunner().invoke(app, [*filter(None, words), "--help"])
    assert shown.exit_code == 0, shown.output
    return shown.output


@pytest.mark.parametrize("listed", LISTED, ids=lambda listed: listed.name)
def test_the_summary_is_the_first_paragraph_of_the_commands_help(listed: Listed) -> None:
    first_paragraph = inspect.cleandoc(command_of(listed.name).help).split("\n\n")[0]
    assert listed.summary == " ".join(first_paragraph.split())


@pytest.mark.parametrize("words", LIGHT, ids=" ".join)
def test_help_and_version_import_nothing_heavy(
    after_light_commands: dict[tuple[str, ...], set[str]], words: tuple[str, ...]
) -> None:
    assert after_light_commands[words] & HEAVY == set()


def test_checking_a_file_imports_neither_chain_nor_containers(tmp_path: Path) -> None:
    file = tmp_path / "task.yaml"
    file.write_text("kind: objective\nname: digits\nmetric: metric/\nopener: opener.py\nsamples: [sample]\n")
    (tmp_path / "metric").mkdir()
    (tmp_path / "metric" / "Dockerfile").write_text('FROM scratch\nENTRYPOINT ["/run"]\n')
    (tmp_path / "opener.py").write_text("")
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample" / "a.csv").write_text("1")
    (read,) = imported_by(("check", str(file)))
    assert read & {"docker", "numpy", "substrateinterface", "wasmtime"} == set()
    assert "node_runtime.spec.read" in read


@pytest.mark.parametrize("words", SHOWN, ids=lambda words: " ".join(words).strip())
def test_help_names_types_in_words_and_ends_with_an_example_that_is_accepted(words: tuple[str, str]) -> None:
    command = command_of(words[0])
    command = getattr(command, "commands", {"": command})[words[1]]
    shown = help_of(*words)
    assert "<" not in shown.replace("<=", "")
    assert max(map(len, shown.splitlines())) <= 80
    _, found, typed = " ".join(shown.split()).partition("Example: node-runtime ")
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
def test_an_example_stands_on_one_line(words: tuple[str, str]) -> None:
    shown = help_of(*words).rstrip().splitlines()
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
