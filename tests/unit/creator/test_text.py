"""Can text that a stranger wrote steer the terminal of whoever looks at it?"""

import pytest

from node_runtime.cli.text import safe


@pytest.mark.parametrize("text", ["\x1b]0;title\x07", "\x1b[2J", "\x9b31m", "a\rb", "\x00", "\u202egnp.exe", "\x7f"])
def test_what_a_terminal_would_obey_is_replaced(text: str) -> None:
    assert not set(safe(text)) & set("\x1b\x07\x9b\r\x00\u202e\x7f")


def test_ordinary_text_stays_as_it_is() -> None:
    assert safe("accuracy\t0.96\nżółć 数字 🎉") == "accuracy\t0.96\nżółć 数字 🎉"
