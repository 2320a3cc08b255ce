"""A page shows untrusted text as text, wherever it stands."""

import pytest

from node_runtime.cli.output import table
from node_runtime.cli.reports.page import Page

HOSTILE = "\"'><script>x</script>\x1b[2J\u202e&amp;"


def written(part: str, text: str) -> str:
    page = Page(text if part == "title" else "page", now=0)
    page.section(text if part == "section" else "")
    page.facts([(text, text) if part == "facts" else ("", "")])
    cells = table(text if part == "column" else "", right=(text,))
    cells.add_row(text if part == "cell" else "")
    page.table(cells)
    page.paragraph(text if part == "paragraph" else "")
    page.picture(b"<svg/>", shows=text if part == "picture" else "")
    return page.html()


@pytest.mark.parametrize("part", ["title", "section", "facts", "column", "cell", "paragraph", "picture"])
def test_untrusted_text_is_no_markup(part: str) -> None:
    page = written(part, HOSTILE)
    assert page.count("<") == written(part, "plain").count("<")
    assert "&lt;script&gt;x&lt;/script&gt;\\x1b[2J\\u202e&amp;amp;" in page
    assert "default-src 'none'" in page
