"""Checks of an opener's source, as far as it can be read without running it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from .scripts import MOST_READ

_CLASS = "Opener"  # of substratools, which takes exactly one subclass in the file


def opener_warnings(path: Path) -> Iterator[str]:
    """Yield what keeps programs from importing the opener. The image's Python may know more syntax than this one."""
    file = path / "__init__.py" if path.is_dir() else path
    try:
        if file.stat().st_size > MOST_READ:
            return
        tree = ast.parse(file.read_bytes())
    except SyntaxError as error:
        yield f"{file}:{error.lineno or 1}: Python can't read it: {error.msg}"
        return
    except (OSError, ValueError):  # told where the file is named
        return
    found = dict[str, int]()
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(_name(base) in (_CLASS, *found) for base in node.bases):
            found[node.name] = node.lineno
    if len(found) > 1:
        line = list(found.values())[1]
        yield f"{file}:{line}: {' and '.join(found)} are subclasses of {_CLASS}, and substratools takes one alone"


def _name(base: ast.expr) -> str:
    return base.attr if isinstance(base, ast.Attribute) else base.id if isinstance(base, ast.Name) else ""
