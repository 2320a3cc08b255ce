"""The files that pip reads for a bundle's requirements.txt: those of ``-r`` and ``-c``, and whether local paths.

pip takes a file of ``-r`` and ``-c`` relative to the file that names it, and a package's path relative to the working
directory, which is the bundle's folder. Format: pip's "Requirements File Format".
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REQUIREMENTS = "requirements.txt"
MOST_FILES = 100
MOST_BYTES = 1 << 20

_OPTION = re.compile(
    r"(?:(?P<short>-[rcef])\s*|(?P<long>--(?:requirement|constraint|editable|find-links))(?:\s*=\s*|\s+))(?P<value>.+)"
)
_NAMES_FILE = ("-r", "-c", "--requirement", "--constraint")
_PATH = re.compile(r"(?:\.{0,2}/|\.{1,2}$|file:)|.*\.(?:whl|zip|tar\.gz|tgz)$")
_ADDRESS = re.compile(r"(?!file:)[a-zA-Z][a-zA-Z0-9+.-]*://")


@dataclass(frozen=True, kw_only=True)
class Requirements:
    """``files`` are relative to the bundle, requirements.txt first. ``local``: packages of the bundle too."""

    files: tuple[str, ...] = ()
    local: bool = False
    faults: tuple[str, ...] = ()


def read_requirements(bundle: Path) -> Requirements:
    """Read a bundle's requirements and the files that they name; empty without a requirements.txt."""
    if not (bundle / REQUIREMENTS).is_file():
        return Requirements()
    files, local, faults, waiting = list[str](), False, list[str](), [REQUIREMENTS]
    while waiting and len(files) < MOST_FILES:
        name = waiting.pop(0)
        if name in files:
            continue
        files.append(name)
        for number, words in _lines(bundle / name):
            if _is_local(words):
                local = True
            named = _named_file(words)
            if named is None:
                continue
            fault = _fault(bundle, Path(name).parent / named)
            if fault:
                faults.append(f"{bundle / name}:{number}: {fault}")
            else:
                waiting.append(_normal(Path(name).parent / named))
    return Requirements(files=tuple(files), local=local, faults=tuple(faults))


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the lines without comments, continued lines joined, each with its number."""
    with file.open("rb") as opened:
        text = opened.read(MOST_BYTES).decode("utf-8-sig", errors="replace")
    begun, number = "", 0
    for count, line in enumerate(text.splitlines(), start=1):
        number = number or count
        if line.endswith("\\"):
            begun += line[:-1] + " "
            continue
        joined = re.sub(r"(^|\s)#.*$", "", begun + line).strip()
        if joined:
            yield number, joined
        begun, number = "", 0


def _named_file(line: str) -> str | None:
    found = _OPTION.match(line)
    if found is None or (found["short"] or found["long"]) not in _NAMES_FILE or _ADDRESS.match(found["value"]):
        return None
    return _unquoted(found["value"])


def _is_local(line: str) -> bool:
    found = _OPTION.match(line)
    if found is None:
        named = line.partition("@")[2].strip() if "@" in line else line
        return not _ADDRESS.match(named) and _PATH.match(named.partition(";")[0].strip()) is not None
    value = _unquoted(found["value"])
    return (found["short"] or found["long"]) not in _NAMES_FILE and not _ADDRESS.match(value.partition("+")[2] or value)


def _unquoted(value: str) -> str:
    try:
        return (shlex.split(value) or [""])[0]
    except ValueError:
        return value.strip()


def _normal(path: Path) -> str:
    """The path inside the bundle, without ``..``."""
    names = list[str]()
    for name in path.parts:
        if name == "..":
            names.pop()
        elif name != ".":
            names.append(name)
    return "/".join(names)


def _fault(bundle: Path, path: Path) -> str:
    depth = 0
    for name in path.parts:
        depth += {"..": -1, ".": 0}.get(name, 1)
        if depth < 0:
            break
    if path.is_absolute() or depth < 0:
        return f"{path} is outside of the bundle, of which alone the image is made; put it into the bundle"
    if not (bundle / path).is_file():
        return f"{path} isn't in the bundle; put it there, or leave the line out"
    return ""
