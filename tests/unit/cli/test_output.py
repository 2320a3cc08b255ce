"""Paragraphs are wrapped between words on a terminal and stay on one line elsewhere."""

import io

import pytest
import typer
from rich.console import Console

from node_runtime.cli import output as shown


def test_a_table_is_as_wide_as_it_is_where_no_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    out, key = io.StringIO(), "5Grw" * 20
    monkeypatch.setattr(shown, "_console", Console(file=out, force_terminal=False, width=30, color_system=None))
    made = shown.table("key", "path")
    made.add_row(key, "a/path")
    shown.render(made)
    shown.render(shown.styled(f"network {key} is up"))
    assert f"{key}  a/path" in out.getvalue()
    assert f"network {key} is up" in out.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_sentences_are_broken_between_words_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    out, path = io.StringIO(), "a/path/that/is/longer/than/a/line/of/it"
    monkeypatch.setattr(shown, "_console", Console(file=out, force_terminal=terminal, width=30, color_system=None))
    shown.paragraph(f"submission 1 waits for you until tomorrow: see {path} for it", first="  > ", rest="    ")
    lines = out.getvalue().splitlines()
    if terminal:
        assert lines == ["  > submission 1 waits for you", "    until tomorrow: see", f"    {path}", "    for it"]
    else:
        assert lines == [f"  > submission 1 waits for you until tomorrow: see {path} for it"]


def test_a_quoted_command_is_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.StringIO()
    monkeypatch.setattr(shown, "_console", Console(file=out, force_terminal=True, width=27, color_system=None))
    shown.paragraph("kept a week; then 'node-runtime purge 1' refunds its deposit")
    shown.paragraph("its daemon isn't running: node-runtime daemon --config my-node/node.yaml")
    assert out.getvalue().splitlines() == [
        "kept a week; then",
        "'node-runtime purge 1'",
        "refunds its deposit",
        "its daemon isn't running:",
        "node-runtime daemon --config my-node/node.yaml",
    ]


@pytest.mark.parametrize("terminal", [True, False])
def test_facts_are_wrapped_beside_their_labels_and_paths_stay_whole(
    monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    out, path = io.StringIO(), "/a/path/that/is/longer/than/a/line/of/it"
    monkeypatch.setattr(shown, "_console", Console(file=out, force_terminal=terminal, width=30, color_system=None))
    shown.facts([("kind", "training"), ("creator", "somebody who is known"), ("", f"see {path}")])
    if terminal:
        assert out.getvalue().splitlines() == [
            "kind     training",
            "creator  somebody who is known",
            "         see",
            f"         {path}",
        ]
    else:
        assert out.getvalue().splitlines()[-1] == f"         see {path}"


def shown_at(width: int, monkeypatch: pytest.MonkeyPatch, *told: str, whole: bool = False) -> list[str]:
    """Return the lines in which `line` prints texts on a terminal of that width."""
    out = io.StringIO()
    monkeypatch.setattr(shown, "_console", Console(file=out, force_terminal=True, width=width, color_system=None))
    for text in told:
        shown.line(text, whole=whole)
    return out.getvalue().splitlines()


def test_a_line_is_broken_between_words_and_goes_on_further_in(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ("task 1 iris: attempt 1 failed: exited with 1", "  from a model that came before it")
    assert shown_at(24, monkeypatch, *told) == [
        "task 1 iris: attempt 1",
        "  failed: exited with 1",
        "  from a model that came",
        "    before it",
    ]


def test_a_lines_paths_and_commands_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    told = ("docker  unix:///run/node-runtime/docker.sock, up", "  node-runtime pay 5GNVDZG6STKm3od87 20    # fund it")
    assert shown_at(24, monkeypatch, *told) == [
        "docker",
        "  unix:///run/node-runtime/docker.sock,",
        "  up",
        "  node-runtime pay 5GNVDZG6STKm3od87 20",
        "    # fund it",
    ]
    path = "a folder with spaces/and a file of it"
    assert shown_at(24, monkeypatch, path, whole=True) == [path]


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_who_refuses_is_told_what_is_not_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(answer))
    with pytest.raises(typer.Exit) as ended:
        shown.require_consent("Abort it?", refused="nothing is aborted; the task goes on")
    assert ended.value.exit_code == 1
    told = capsys.readouterr().out
    assert told.endswith("nothing is aborted; the task goes on\n")
    assert "Aborted" not in told


def test_who_consents_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    shown.require_consent("Abort it?", refused="nothing is aborted")


def test_processors_are_counted() -> None:
    assert [shown.counted_cpus(cpus) for cpus in (0.5, 1, 1.0, 64)] == ["0.5 CPUs", "1 CPU", "1 CPU", "64 CPUs"]
