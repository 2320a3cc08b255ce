"""The identity of an attempt, from which the names of its containers and folders derive."""

import re
from dataclasses import dataclass

from node_runtime.domain.task import TaskId

PATTERN = r"task-(\d+)-epoch-(\d+)"


@dataclass(frozen=True, kw_only=True, order=True)
class AttemptId:
    """An attempt's identity; the epoch is its fencing token."""

    task: TaskId
    epoch: int

    def __str__(self) -> str:
        return f"task-{self.task}-epoch-{self.epoch}"

    @classmethod
    def parse(cls, text: str) -> "AttemptId":
        """Parse what ``str`` wrote. Raises `ValueError`."""
        found = re.fullmatch(PATTERN, text)
        if found is None:
            raise ValueError(f"'{text[:40]}' is no attempt")
        return cls(task=TaskId(int(found[1])), epoch=int(found[2]))
