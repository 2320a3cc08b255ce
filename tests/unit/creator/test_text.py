"""Can text that a stranger wrote steer the terminal of whoever looks at it; are sentences broken between words?"""

import io

import pytest
from rich.console import Console

from node_runtime.cli import text as shown
from node_runtime.cli.text import safe


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "a\rb", "\x00", "\u202egnp.exe", "\x7f"])
def test_what_a_terminal_would_obey_is_replaced(text: str) -> None:
    assert not set(safe(text)) & set("\x1b\x07\x9b\r\x00\u202e\x7f")


def test_ordinary_text_stays_as_it_is() -> None:
    assert safe("accuracy\t0.96\nżółć 数字 🎉") == "accuracy\t0.96\nżółć 数字 🎉"


@pytest.mark.parametrize("terminal", [True, False])
def test_sentences_are_broken_between_words_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    out, path = io.StringIO(), "a/path/that/is/longer/than/a/line/of/it"
    monkeypatch.setattr(shown, "console", Console(file=out, force_terminal=terminal, width=30, color_system=None))
    shown.paragraph(f"submission 1 waits for you until tomorrow: see {path} for it", first="  > ", rest="    ")
    lines = out.getvalue().splitlines()
    if terminal:
        assert lines == ["  > submission 1 waits for you", "    until tomorrow: see", f"    {path}", "    for it"]
    else:
        assert lines == [f"  > submission 1 waits for you until tomorrow: see {path} for it"]
