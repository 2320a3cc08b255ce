"""Which paths does a .dockerignore leave out of a build? Its patterns, read in time that no pattern can make long.

A stranger wrote them, and a regular expression that turns back holds every thread of the process. So a path is followed
name by name through all places of a pattern at once, and what stands between two slashes never turns back
(`fnmatch.translate`). Format: Docker's "Build context", ".dockerignore files": a pattern that matches a folder matches
what is in it, ``**`` is any number of folders, ``!`` takes back, the last pattern that matches counts.
"""

import fnmatch
import posixpath
import re
from collections.abc import Callable
from dataclasses import dataclass

MOST_BYTES = 64 << 10
MOST_PATTERNS = 200  # each path is held against each
MOST_CHARACTERS = 1024  # of one: no path is longer

_ANY_FOLDERS = "**"


@dataclass(frozen=True, kw_only=True)
class Pattern:
    """``steps`` are what each name has to match, None for any number of names."""

    steps: tuple[Callable[[str], object] | None, ...]
    takes_back: bool

    def matches(self, names: tuple[str, ...]) -> bool:
        """Whether it matches the path of these names, or a folder above."""
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
        """Any number of folders may be none."""
        found = set(places)
        for place in sorted(places):
            while place < len(self.steps) and self.steps[place] is None and place + 1 not in found:
                place += 1
                found.add(place)
        return found


def read_patterns(content: bytes) -> tuple[Pattern, ...]:
    """Raises `ValueError` with the reason for what is no text, or more than anybody needs."""
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 10} KiB")
    lines = [line.strip() for line in content.decode().removeprefix("\ufeff").splitlines()]
    written = [line for line in lines if line and not line.startswith("#")]
    if len(written) > MOST_PATTERNS:
        raise ValueError(f"it has {len(written)} patterns, more than {MOST_PATTERNS}")
    if any(len(line) > MOST_CHARACTERS for line in written):
        raise ValueError(f"a pattern has more than {MOST_CHARACTERS} characters")
    return tuple(pattern for line in written if (pattern := _pattern(line)).steps)


def left_out(path: str, patterns: tuple[Pattern, ...]) -> bool:
    """``path`` is relative to the folder, its names parted by slashes."""
    names = tuple(path.split("/"))
    return next((not one.takes_back for one in reversed(patterns) if one.matches(names)), False)


def _pattern(line: str) -> Pattern:
    takes_back = line.startswith("!")
    cleaned = posixpath.normpath("/" + line.removeprefix("!").strip()).strip("/")
    steps = [step for name in cleaned.split("/") if name for step in _steps(name)]
    if steps and steps[-1] is None:
        steps.append(_one_name("*"))  # a/** is what is in a, not a itself
    return Pattern(steps=tuple(steps), takes_back=takes_back)


def _steps(name: str) -> list[Callable[[str], object] | None]:
    if name == _ANY_FOLDERS:
        return [None]
    if name.startswith(_ANY_FOLDERS):  # e.g. **.pyc, which means files in any folder too
        return [None, _one_name(name)]
    return [_one_name(name)]


def _one_name(pattern: str) -> Callable[[str], object]:
    return re.compile(fnmatch.translate(pattern.replace("[^", "[!"))).match
