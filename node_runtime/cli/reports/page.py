"""A page of HTML in one file: tables, facts and pictures, without scripts and without a network.

All text is escaped, as strangers wrote part of it; the page's own policy forbids scripts and every request.
"""

from base64 import b64encode
from collections.abc import Iterable
from html import escape

import node_runtime
from node_runtime.cli.listing import Table
from node_runtime.domain.units import moment
from node_runtime.platform.printable import many_lines, one_line

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2429; max-width: 58rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
.made { color: #5c6970; margin-top: .2rem; } .wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #dfe4e8; }
.number { text-align: right; font-variant-numeric: tabular-nums; }
.drawn td { padding-top: 0; padding-bottom: 0; line-height: 22px; }
.drawn .graph { font: 19px/23px monospace; white-space: pre; border: 0; }
.facts th { color: #5c6970; font-weight: normal; }
@media (prefers-color-scheme: dark) {
  body { color: #dfe4e8; background: #171b1e; } .made, .facts th { color: #9aa6ae; } th, td { border-color: #3a444a; }
}
img { background: #fff; width: 28rem; max-width: 100%; margin-top: .5rem; } p, .facts td { overflow-wrap: anywhere; }
"""


class Page:
    """Collects the parts of a page, in order."""

    def __init__(self, title: str, *, now: int) -> None:
        """``now`` is the chain's clock, in ms."""
        self._title = _text(title)
        self._parts = [f"<h1>{self._title}</h1>", f'<p class="made">as the chain knew it on {_text(moment(now))}</p>']

    def section(self, title: str) -> None:
        self._parts.append(f"<h2>{_text(title)}</h2>")

    def facts(self, pairs: Iterable[tuple[str, str]]) -> None:
        rows = "".join(f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in pairs)
        self._parts.append(f'<table class="facts">{rows}</table>')

    def table(self, table: Table) -> None:
        """Add a table; columns of numbers are aligned at the right."""
        kinds = [_class(name, table) for name in table.columns]
        head = "".join(f"<th{kind}>{_text(name)}</th>" for kind, name in zip(kinds, table.columns, strict=True))
        rows = (
            "".join(f"<td{kind}>{_text(cell.plain)}</td>" for kind, cell in zip(kinds, row, strict=True))
            for row in table.rows
        )
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        drawn = ' class="drawn"' if "" in table.columns else ""
        self._parts.append(f'<div class="wide"><table{drawn}><tr>{head}</tr>{body}</table></div>')

    def paragraph(self, text: str) -> None:
        self._parts.append(f"<p>{escape(many_lines(text))}</p>")

    def picture(self, svg: bytes, *, shows: str) -> None:
        """Add a picture, beside the one before where there is room; ``shows`` says what it is to who doesn't see it."""
        source = f"data:image/svg+xml;base64,{b64encode(svg).decode()}"
        self._parts.append(f'<img src="{source}" alt="{_text(shows)}">')

    def html(self) -> str:
        body = "\n".join(self._parts)
        return (
            f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f'<meta name="generator" content="node-runtime {_text(node_runtime.__version__)}">\n'
            f"<title>{self._title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
        )


def _class(column: str, table: Table) -> str:
    """Return the class of a column: a graph has no name."""
    return ' class="number"' if column in table.right else "" if column else ' class="graph"'


def _text(text: str) -> str:
    return escape(one_line(text))
