"""Everything that keeps a folder from being stored as a tree, or that changes its digest by chance.

`walk` refuses a folder at the first fault, since it also reads what strangers left. This one lists all faults of a
folder of its user's own, for the message, and reads no file.
"""

import fnmatch
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from .manifest import MAX_DEPTH, MAX_ENTRIES, TreeRefused, check_path, shown
from .walk import file_type

MOST_TOLD = 20  # faults of one folder
_HARD_LINK = "is hard-linked to a file elsewhere; put a copy there instead"
_BY_CHANCE = re.compile(
    "|".join(
        fnmatch.translate(pattern)
        for pattern in (
            *(".git", ".hg", ".svn", "__pycache__", "*.py[co]", ".ipynb_checkpoints", ".venv", ".idea", ".vscode"),
            *(".pytest_cache", ".mypy_cache", ".ruff_cache", ".DS_Store", "._*", "Thumbs.db", "desktop.ini"),
            *("*~", ".*.sw[opn]", "#*#", ".#*", "*.bak", "*.orig", "*.rej"),
        )
    )
)

Included = Callable[[str], bool]
"""Whether a path, relative to the folder and separated by slashes, is stored."""


@dataclass(kw_only=True)
class Findings:
    """``faults`` are reasons, each with the path. ``by_chance`` are paths that tools leave, folders without content."""

    faults: list[str] = field(default_factory=list)
    by_chance: list[str] = field(default_factory=list)


def everything(path: str) -> bool:  # noqa: ARG001
    return True


def examine(source: Path, *, included: Included = everything) -> Findings:
    """Look at a folder or a single file, following no links."""
    found = _Search(source=source, included=included)
    found.look()
    return found.findings


@dataclass(kw_only=True)
class _Search:
    source: Path
    included: Included
    findings: Findings = field(default_factory=Findings)
    entries: int = 0
    links: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    link_counts: dict[tuple[int, int], int] = field(default_factory=dict)

    def look(self) -> None:
        status = self.source.lstat()
        if stat.S_ISDIR(status.st_mode):
            for _ in self._folder(self.source, "", depth=0, by_chance=False):
                if self.entries > MAX_ENTRIES:
                    self._fault("", f"has more than {MAX_ENTRIES} files and folders; pack them into fewer files")
                    break
        else:
            self._path(self.source.name)
            self._file(status, "")
        for identity, paths in self.links.items():
            if self.link_counts[identity] != len(paths):
                self._fault(paths[0], _HARD_LINK)
        if (surplus := len(self.findings.faults) - MOST_TOLD) > 0:
            self.findings.faults[MOST_TOLD:] = [f"{shown(str(self.source))}: and {surplus} more like these"]

    def _folder(self, folder: Path, prefix: str, *, depth: int, by_chance: bool) -> Iterator[None]:
        """Look at a folder; yield after each entry."""
        if depth >= MAX_DEPTH:
            self._fault(prefix, f"is deeper than {MAX_DEPTH} folders; use fewer folders")
            return
        try:
            with os.scandir(folder) as listed:
                entries = sorted(listed, key=lambda one: os.fsencode(one.name))
        except OSError as error:
            self._fault(prefix, f"can't be read: {error.strerror}; make it readable for this user")
            return
        for entry in entries:
            path = prefix + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            kept = self.included(path)
            left = kept and not by_chance and _BY_CHANCE.fullmatch(entry.name) is not None
            self.entries += kept
            if left:
                self.findings.by_chance.append(path + "/" * is_folder)
            if kept:
                self._path(path)
            if is_folder:  # one that is left out may hold a path that is not
                yield from self._folder(Path(entry.path), path + "/", depth=depth + 1, by_chance=by_chance or left)
            elif kept:
                self._file(entry.stat(follow_symlinks=False), path)
            yield

    def _path(self, path: str) -> None:
        try:
            check_path(path)
        except TreeRefused as error:
            self.findings.faults.append(f"{shown(str(self.source))}: {error}")

    def _file(self, status: os.stat_result, path: str) -> None:
        if not stat.S_ISREG(status.st_mode):
            kind = file_type(status.st_mode)
            remedy = "put there what it points to" if stat.S_ISLNK(status.st_mode) else "remove it"
            self._fault(path, f"is a {kind}, and only regular files and folders are kept; {remedy}")
        elif not os.access(self.source / path, os.R_OK):
            self._fault(path, "can't be read; make it readable for this user")
        elif status.st_nlink > 1:
            identity = (status.st_dev, status.st_ino)
            self.links.setdefault(identity, []).append(path)
            self.link_counts[identity] = status.st_nlink

    def _fault(self, path: str, reason: str) -> None:
        self.findings.faults.append(f"{shown(str(self.source / path))} {reason}")
