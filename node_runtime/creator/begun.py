"""Did an earlier submit of the same end halfway? It was written down when it began, until all of its tasks are there.

In ``<home>/submits/<chain and account>/`` a file for each work that was begun holds the number of the account's newest
task at that time.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from node_runtime.errors import ChainRefused
from node_runtime.home import home
from node_runtime.ports import Say
from node_runtime.task import Account, TaskId
from node_runtime.trouble import host_trouble
from node_runtime.turns import in_turn


@dataclass(frozen=True, kw_only=True)
class Notes:
    """One account's submits to one chain from this machine."""

    folder: Path

    @classmethod
    def of(cls, url: str, account: Account) -> "Notes":
        """By the chain's address: local networks are alike in their genesis and accounts."""
        return cls(folder=home() / "submits" / hashlib.sha256(f"{url} {account}".encode()).hexdigest()[:16])

    @property
    def empty(self) -> bool:
        """Whether nothing that was begun is left."""
        with host_trouble(self.folder):
            return not self.folder.is_dir() or not any(self.folder.iterdir())

    def alone(self, say: Say) -> AbstractContextManager[None]:
        """One at a time: another one must see what this one creates, and neither can tell the tasks of both apart."""
        return in_turn(self.folder, waiting=lambda: say("waiting for another submit of this account"))

    @contextmanager
    def begun(self, work: str, newest: TaskId) -> Iterator[TaskId | None]:
        """What was the newest task when this work was begun by a submit that ended halfway; None of one that wasn't.

        Forgotten where the block ends well, or with a refusal, after which nothing of it is left on chain.
        """
        note = self.folder / work
        before = _read(note)
        if before is None:
            with host_trouble(self.folder):
                fresh = note.with_suffix(".new")
                fresh.write_text(str(newest))
                fresh.replace(note)
        try:
            yield before
        except ChainRefused:
            note.unlink(missing_ok=True)
            raise
        note.unlink(missing_ok=True)


def _read(note: Path) -> TaskId | None:
    try:
        return TaskId(int(note.read_text()))
    except (FileNotFoundError, ValueError):  # a power cut may leave it empty
        return None
