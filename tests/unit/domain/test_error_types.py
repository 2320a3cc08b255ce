"""Each failure category is told with Substra's type of error, as the table of the docs has it."""

import re
from pathlib import Path

from node_runtime.errors import FailureCategory

DOCS = Path(__file__).parents[3] / "docs" / "lifecycle.md"


def test_the_documented_types_are_those_of_the_categories() -> None:
    documented = dict(re.findall(r"^\| `([a-z_]+)` \| `([A-Z_]+)` \|", DOCS.read_text(), re.MULTILINE))
    assert documented == {one.value: one.error_type.value for one in FailureCategory}
