"""Paragraphs are wrapped between words on a terminal and stay on one line elsewhere."""

import io

import pytest
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
