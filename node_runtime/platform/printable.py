"""Escaping of untrusted text, so that it can't control a terminal or forge log lines.

Escapes control characters, line separators, bidirectional controls and invisible format characters, except the two
joiners that some scripts need (U+200C, U+200D).
"""

import logging
import re
from collections.abc import Callable

Say = Callable[[str], None]
"""Takes a line for the person at a command: what is being done, or what has happened."""

_UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_IN_LINES = re.compile(f"[{_UNSEEN}]")
_IN_A_LINE = re.compile(f"[\t\n{_UNSEEN}]")
_STYLES = re.compile(r"\x1b\[[0-9;:]{0,64}[mK]")
_CUT_STYLE = re.compile(r"\x1b(?:\[[0-9;:]{0,64})?\Z")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def one_line(text: str) -> str:
    """Escape the text into one line, e.g. a newline as ``\\n`` and ESC as ``\\x1b``."""
    return _IN_A_LINE.sub(_escape, text)


def many_lines(text: str) -> str:
    """Escape the text, except newlines and tabs."""
    return _IN_LINES.sub(_escape, text)


def without_styles(text: str) -> str:
    """Remove the colours and styles of a terminal, e.g. of a build's log; other controls stay, to be escaped."""
    return _STYLES.sub("", text)


def split_cut_style(text: str) -> tuple[str, str]:
    """Split off the beginning of a style that more text may end."""
    cut = _CUT_STYLE.search(text)
    return (text, "") if cut is None else (text[: cut.start()], cut[0])


def json_text(text: str) -> str:
    """Replace such characters in JSON text by JSON escapes; valid JSON has them only inside strings."""
    return _IN_LINES.sub(_json_escape, text)


def print_line(text: str) -> None:
    """Print one escaped line on standard output and flush, without the styles of `cli.output`."""
    print(one_line(text), flush=True)


class OneRecordFormatter(logging.Formatter):
    """Formats records of the standard library's logging, escaped and with continuation lines indented."""

    def format(self, record: logging.LogRecord) -> str:
        return "\n    ".join(many_lines(super().format(record)).split("\n"))


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    number = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _json_escape(found: re.Match[str]) -> str:
    units = found[0].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[place : place + 4]}" for place in range(0, len(units), 4))
