"""Untrusted text is escaped on terminals, in logs and in JSON; all output goes through the escaping modules."""

import ast
import io
import json
import logging
import sys
import unicodedata
from collections.abc import Callable

import pytest
import structlog

from node_runtime.cli import output as shown
from node_runtime.platform.printable import OneRecordFormatter, json_text, many_lines, one_line
from node_runtime.worker.logging import configure
from tests.unit.package_source import parsed_modules

HOSTILE = (
    "\x1b]0;owned\x07 \x9b31m \u202egnp.exe\u2066 a\rb \x7f\n2026-01-01 payment 1000 UNIT\u2028paid \u061c\U000e0041"
)
STEERS = frozenset(chr(number) for number in range(0x110000) if unicodedata.category(chr(number)) in ("Cc", "Zl", "Zp"))
BIDI = frozenset(
    chr(number)
    for number in range(0x110000)
    if unicodedata.bidirectional(chr(number)) in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
)
# what may write to the terminal: the two ways to print, the log, what people do in containers, and the bytes that a
# container of a person's own work prints at its terminal
PRINTERS = {"platform/printable.py", "cli/output.py", "worker/logging.py", "federation/fedavg.py", "devnet/__main__.py"}
PROGRAMS = "templates/"  # of containers, whose output is a log
WAYS = r"\b(print|input|sys|typer|click|rich)\b"  # one of which is in every module that `_way` finds something in


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal without colours gets of either stream."""
    out = io.StringIO()
    for name in ("_console", "_errors"):
        made = type(shown._console)(file=out, force_terminal=True, color_system=None, width=200, highlight=False)
        monkeypatch.setattr(shown, name, made)
    return out


def test_every_control_separator_and_override_is_escaped_and_other_text_stays() -> None:
    assert not (STEERS | BIDI) & set(one_line("".join(STEERS | BIDI)))
    assert (STEERS | BIDI) & set(many_lines("".join(STEERS | BIDI))) == {"\n", "\t"}
    ordinary = "accuracy 0.96, żółć 数字 🎉 نمونه‌ها \\"
    assert one_line(ordinary) == many_lines(ordinary) == ordinary


def test_colours_of_a_log_are_removed_and_other_controls_shown(terminal: io.StringIO) -> None:
    coloured = "\x1b[1;31merror\x1b[0m\x1b[K: no \x1b[38:2:1:2:3mspace\x1b[m \x1b[2J\n"
    shown.quoted(coloured)
    stream = shown.QuotedStream()
    for character in coloured:  # a style may be cut anywhere
        stream.write(character)
    assert terminal.getvalue() == "  error: no space \\x1b[2J\n" * 2


def test_json_says_the_same_without_such_characters() -> None:
    encoded = json.dumps({HOSTILE: [HOSTILE]}, ensure_ascii=False, indent=2)
    assert not ((STEERS | BIDI) - {"\n"}) & set(json_text(encoded))
    assert json.loads(json_text(encoded)) == {HOSTILE: [HOSTILE]}


def test_no_way_to_print_lets_a_stranger_add_a_line_or_steer_the_terminal(terminal: io.StringIO) -> None:
    made = shown.table("name", HOSTILE)
    made.add_row(HOSTILE, shown.styled(HOSTILE, (HOSTILE, "bold")))
    made.add_row("[bold]no markup[/]", "")
    ways: tuple[Callable[[], object], ...] = (
        lambda: shown.line(HOSTILE),
        lambda: shown.render(made),
        lambda: shown.render(shown.styled((HOSTILE, "red"))),
        lambda: shown.paragraph(HOSTILE, first="  ▸ ", rest="    "),
        lambda: shown.paragraph(HOSTILE),
        lambda: shown.warn(HOSTILE),
        lambda: shown.print_error(HOSTILE, HOSTILE),
        lambda: shown.quoted(HOSTILE),
        lambda: shown.print_trace(HOSTILE),
    )
    for way in ways:
        way()
    output = terminal.getvalue()
    assert not ((STEERS | BIDI) - {"\n"}) & set(output)
    assert "[bold]no markup[/]" in output
    assert not [line for line in output.splitlines() if line.startswith("2026-01-01")]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_event_of_the_daemons_log_is_one_line_whatever_is_in_it(
    log_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    try:
        log = configure("json" if log_format == "json" else "text")
        log.warning("task_failed", reason=HOSTILE, listed=[HOSTILE])
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            log.exception("node_failed", remedy=HOSTILE)
    finally:
        structlog.reset_defaults()
    output = out.getvalue()
    coloured = {"\n", "\x1b"} if log_format == "text" else {"\n"}  # the text format's own colours
    assert not ((STEERS | BIDI) - coloured) & set(output)
    assert "\x1b]" not in output
    assert not [line for line in output.splitlines() if line.startswith(("2026-01-01", "payment"))]
    if log_format == "json":
        assert [json.loads(line)["event"] for line in output.splitlines()] == ["task_failed", "node_failed"]


def test_a_library_log_record_stays_one_record() -> None:
    record = logging.LogRecord("lib", logging.WARNING, __file__, 1, "refused: %s", (HOSTILE,), None)
    output = OneRecordFormatter("%(message)s").format(record)
    assert not ((STEERS | BIDI) - {"\n"}) & set(output)
    assert [line[:4] for line in output.split("\n")[1:]] == ["    "]


def test_no_other_module_writes_to_the_terminal() -> None:
    found = {
        module: ways
        for module, tree in parsed_modules(WAYS).items()
        if module not in PRINTERS and not module.startswith(PROGRAMS) and (ways := sorted(_ways_to_print(tree)))
    }
    assert found == {
        "cli/__init__.py": ["sys.stdout"],  # sets how its encoding treats what it lacks
        "cli/operator.py": ["typer.prompt"],  # a constant
        "platform/signals.py": ["sys.stderr", "sys.stdout"],  # whether somebody still reads them
        "contributor/interactive.py": ["sys.stdout"],  # whether a person sits there
        "creator/validation/judges.py": ["input"],  # constants
    }


def _ways_to_print(tree: ast.Module) -> set[str]:
    """Names by which text gets to a terminal, around the modules that escape it."""
    return {way for node in ast.walk(tree) if (way := _way(node)) is not None}


def _way(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id="print" | "input" as name, ctx=ast.Load()):
            return name
        case ast.Attribute(value=ast.Name(id="sys"), attr="stdout" | "stderr" | "__stdout__" | "__stderr__" as name):
            return f"sys.{name}"
        case ast.Attribute(value=ast.Name(id="typer" | "click" as module), attr=name) if name in (
            "echo",
            "secho",
            "prompt",
            "confirm",
        ):
            return f"{module}.{name}"
        case ast.ImportFrom(module="rich.console" | "rich.live" | "rich.progress" | "rich.prompt" as module):
            return module
        case ast.Import(names=names) if any(one.name.split(".")[0] == "rich" for one in names):
            return "rich"
    return None
