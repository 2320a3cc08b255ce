"""The patterns of a .dockerignore, matched in linear time.

The patterns are untrusted, and a backtracking regular expression would block every thread of the process. So a path is
matched name by name against all positions of a pattern at once, and the expression for one name never backtracks
(`fnmatch.translate`). Format: Docker's "Build context", ".dockerignore files": a pattern that matches a folder matches
its contents, ``**`` matches any number of folders, ``!`` negates, the last matching pattern decides.
"""

import fnmatch
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

IGNORE_FILE = ".dockerignore"
MOST_BYTES = 64 << 10
MOST_PATTERNS = 200  # each path is matched against each
MOST_CHARACTERS = 1024  # of one pattern: no path is longer

_ANY_FOLDERS = "**"


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """``steps`` are matchers of one name each; None matches any number of names."""

    steps: tuple[Callable[[str], object] | None, ...]
    takes_back: bool

    def matches(self, names: tuple[str, ...]) -> bool:
        """Whether the pattern matches the path or one of its parent folders."""
        places = self._with_skipped({0})
        for name in names:
            places = self._with_skipped(self._after(name, places))
            if len(self.steps) in places:
                return True
        return False

    def _after(self, name: str, places: set[int]) -> set[int]:
        found = set()
        for place in places - {len(self.steps)}:
            step = self.steps[place]
            if step is None:
                found.add(place)
            elif step(name):
                found.add(place + 1)
        return found

    def _with_skipped(self, places: set[int]) -> set[int]:
        """Add the positions after ``**``, which also matches no folder."""
        found = set(places)
        for place in sorted(places):
            while place < len(self.steps) and self.steps[place] is None and place + 1 not in found:
                place += 1
                found.add(place)
        return found


def read_patterns_of(folder: Path) -> tuple[Pattern, ...]:
    """Parse the folder's .dockerignore; none without one. Raises `ValueError` as `read_patterns`."""
    try:
        with (folder / IGNORE_FILE).open("rb") as file:
            return read_patterns(file.read(MOST_BYTES + 1))
    except (FileNotFoundError, IsADirectoryError):
        return ()


def read_patterns(content: bytes) -> tuple[Pattern, ...]:
    """Parse the patterns. Raises `ValueError` with the reason for invalid UTF-8 or oversized input."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 10} KiB")
    lines = [line.strip() for line in content.decode().removeprefix("\ufeff").splitlines()]
    written = [line for line in lines if line and not line.startswith("#")]
    if len(written) > MOST_PATTERNS:
        raise ValueError(f"it has {len(written)} patterns, more than {MOST_PATTERNS}")
    if any(len(line) > MOST_CHARACTERS for line in written):
        raise ValueError(f"a pattern has more than {MOST_CHARACTERS} characters")
    return tuple(pattern for line in written if (pattern := _pattern(line)).steps)


def is_excluded(path: str, patterns: tuple[Pattern, ...]) -> bool:
    """Whether the patterns exclude ``path``, relative to the folder and separated by slashes."""
    names = tuple(path.split("/"))
    return next((not one.takes_back for one in reversed(patterns) if one.matches(names)), False)


def _pattern(line: str) -> Pattern:
    takes_back = line.startswith("!")
    cleaned = posixpath.normpath("/" + line.removeprefix("!").strip()).strip("/")
    steps = [step for name in cleaned.split("/") if name for step in _steps(name)]
    if steps and steps[-1] is None:
        steps.append(_one_name("*"))  # a/** matches the contents of a, not a itself
    return Pattern(steps=tuple(steps), takes_back=takes_back)


def _steps(name: str) -> list[Callable[[str], object] | None]:
    if name == _ANY_FOLDERS:
        return [None]
    if name.startswith(_ANY_FOLDERS):  # e.g. **.pyc, which matches files in any folder
        return [None, _one_name(name)]
    return [_one_name(name)]


def _one_name(pattern: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(pattern.replace("[^", "[!"))).match
