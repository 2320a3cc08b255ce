"""Is what a container left as an output one that may be read? Files and folders of files, and no more than it may."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.storage.manifest import TreeRefused, TreeTooLarge
from node_runtime.storage.walk import FOUND_AFTER_RUN, tree_files


def check_entry(entry: Path, *, stage: str, bytes_allowed: int) -> None:
    """Raise `TaskFailed` unless `entry` is there and is a regular file, or a folder with files and without links."""
    place = f"{entry.parent.name}/{entry.name}"
    with output_refused(stage):
        if not os.path.lexists(entry) or _files_in(entry, bytes_allowed) == 0:
            raise TaskFailed(
                FailureCategory.OUTPUT_INVALID,
                f"stage {stage} ended well but left no {place}",
                remedy=f"let it write {place}, a file or a folder with files in it, before it exits with 0",
            )


@contextmanager
def output_refused(stage: str) -> Iterator[None]:
    """What can't be a tree is the task's failure when a container made it."""
    try:
        yield
    except TreeTooLarge as error:
        category = FailureCategory.OUTPUT_TOO_LARGE
        raise TaskFailed(category, f"stage {stage}: {error.message}", remedy=error.remedy) from error
    except TreeRefused as error:
        category = FailureCategory.OUTPUT_INVALID
        raise TaskFailed(category, f"stage {stage}: {error.message}", remedy=error.remedy) from error


def _files_in(entry: Path, bytes_allowed: int) -> int:
    """How many files; walks all of them, so that one odd one anywhere is found."""
    return sum(1 for _ in tree_files(entry, caps=FOUND_AFTER_RUN.with_bytes(bytes_allowed)))
