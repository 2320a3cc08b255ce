"""Which files in a node's work folder belong to which chain? Each is named by the chain's genesis.

A node that is pointed at another chain, and later at its own again, finds there what it had: nothing of one is taken
for the other's, though both count their tasks from 1.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from node_runtime.ports import ContainerEngine
from node_runtime.workspace import Workspaces

_ATTEMPTS = re.compile(r"attempts-([0-9a-f]{12})")


@dataclass(frozen=True, kw_only=True)
class ChainFiles:
    """``node`` is what the engine knows the node by, ``mark`` how the hash of the chain's first block begins."""

    work: Path
    node: str
    mark: str

    @property
    def outbox(self) -> Path:
        return self.work / f"outbox-{self.mark}.sqlite"

    @property
    def attempts(self) -> Path:
        return self.work / f"attempts-{self.mark}"

    @property
    def approved(self) -> Path:
        return approvals_of(self.work, self.mark)

    def workspaces(self, engine: ContainerEngine) -> Workspaces:
        """Its attempts' folders; their containers' names tell the chain too."""
        return Workspaces(self.attempts, engine=engine, node=f"{self.node}-{self.mark}")

    def others(self) -> tuple["ChainFiles", ...]:
        """Those of the chains that this node worked for before."""
        marks = (_ATTEMPTS.fullmatch(entry.name) for entry in self.work.iterdir())
        return tuple(replace(self, mark=found[1]) for found in marks if found and found[1] != self.mark)


def mark_of(genesis: str) -> str:
    """``genesis`` is a block's hash, hexadecimal after 0x."""
    return genesis[2:14]


def approvals_of(work: Path, mark: str) -> Path:
    """The folder of the operator's approvals, one file a task holding the approved digest."""
    return work / f"approved-{mark}"
