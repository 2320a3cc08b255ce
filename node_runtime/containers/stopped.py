"""Which containers did this node itself tell to end early? Their exit codes say nothing of the task, not even 0.

The engine doesn't know why a container ended, and the process that told it may be killed before it tells anybody: the
mark is on disk before the container hears of it, and stays until the container is removed.
"""

from pathlib import Path


class StoppedMarks:
    """An empty file for each, by the container's name, in a folder of the node's own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def set(self, container: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        self._of(container).touch()

    def is_set(self, container: str) -> bool:
        return self._of(container).exists()

    def clear(self, container: str) -> None:
        """A container of that name is gone, or was never told. May be repeated."""
        self._of(container).unlink(missing_ok=True)

    def _of(self, container: str) -> Path:
        return self._folder / container
