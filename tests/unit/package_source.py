"""The package's modules as syntax trees, each parsed once for all tests of a process."""

import ast
import re
from functools import cache
from pathlib import Path

import node_runtime

PACKAGE = Path(node_runtime.__file__).parent


def parsed_modules(mentioning: str) -> dict[str, ast.Module]:
    """Return the trees of the modules whose source has a match of the regular expression, in the paths' order.

    A tree's key is its path in the package, e.g. ``stores/local.py``.
    """
    wanted = re.compile(mentioning)
    return {path: _parsed(text) for path, text in _sources().items() if wanted.search(text)}


@cache
def _sources() -> dict[str, str]:
    return {path.relative_to(PACKAGE).as_posix(): path.read_text() for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)
