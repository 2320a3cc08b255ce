"""The package's modules as syntax trees, parsed once for all tests of a process."""

import ast
from functools import cache
from pathlib import Path

import node_runtime

PACKAGE = Path(node_runtime.__file__).parent


@cache
def parsed_modules() -> dict[str, ast.Module]:
    """Return each module's tree by its path in the package, e.g. ``stores/local.py``, in the paths' order."""
    return {path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
