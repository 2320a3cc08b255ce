"""The classes of the kinds in Python: their types for editors, and their documentation."""

from pathlib import Path

from node_runtime.client import kinds
from tests.python_types import STUB, stub_text

DOCUMENTATION = Path("docs/python.md")


def test_the_types_for_editors_are_those_of_the_kinds() -> None:
    assert STUB.read_text(encoding="utf-8") == stub_text(), "run `make types`, i.e. python -m tests.python_types"


def test_each_class_is_named_in_its_documentation() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    assert [name for name in dir(kinds) if f"`{name}`" not in text] == []
