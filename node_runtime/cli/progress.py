"""Attempts at work as people read them: a table, and one line each."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from node_runtime.creator.live import AttemptProgress, progress_of
from node_runtime.creator.mentions import Mentions
from node_runtime.creator.news import doing
from node_runtime.domain.assets import short
from node_runtime.domain.task import Assignment, AssignmentState, TaskId
from node_runtime.domain.units import duration
from node_runtime.errors import ChainError
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore
from node_runtime.runner.live_chunk import in_words

from .listing import Table
from .output import table


def at_work_table(progress: Sequence[AttemptProgress], names: Mapping[TaskId, str]) -> Table:
    made = table(
        "at work",
        "name",
        "attempt",
        "worker",
        "stage",
        "elapsed",
        "left",
        right=("at work", "attempt"),
        whole=("worker", "elapsed", "left"),
    )
    for one in progress:
        made.add_row(
            str(one.task),
            names.get(one.task, ""),
            str(one.epoch),
            short(one.worker),
            stage_of(one),
            duration(one.elapsed),
            duration(one.left),
        )
    return made


def stage_of(progress: AttemptProgress) -> str:
    """Return the stage and its time, e.g. ``train 38s``; a dash while the worker publishes none."""
    if progress.stage is None:
        return "–"
    return f"{in_words(progress.stage)} {duration(progress.stage_elapsed or 0)}"


def describe(progress: AttemptProgress) -> str:
    """Return e.g. ``train for 38s, 41s elapsed, 14m 19s left``."""
    stage = f"{doing(progress)} for {duration(progress.stage_elapsed or 0)}, " if progress.stage is not None else ""
    return f"{stage}{duration(progress.elapsed)} elapsed, {duration(progress.left)} left"


class NodesStatus:
    """What the nodes of the local network are at, each of a development account of its name."""

    def __init__(self, chain: ChainReads, store: AssetStore, nodes: Sequence[str]) -> None:
        from node_runtime.substrate.keys import account_of

        self._chain = chain
        self._store = store
        self._live: list[tuple[str, Assignment]] = []
        self._head: int | None = None
        self._mentions = Mentions(chain, store)
        self._accounts = {name: account_of(f"//{name.capitalize()}") for name in nodes}

    def lines(self) -> list[str]:
        """Return a line for each attempt at work; none while the chain doesn't answer."""
        told = []
        with suppress(ChainError):
            self._look()
            for name, held in self._live:
                for one in progress_of([held], self._chain, self._store):
                    task = self._mentions.task(one.task)
                    told.append(f"node {name}, {task}, attempt {one.epoch}: {describe(one)}")
        return told

    def _look(self) -> None:
        """Read the live assignments, if there is a block since the last look: a node may have had very many."""
        head = self._chain.now()
        if head != self._head:
            every = [
                (name, one) for name, account in self._accounts.items() for one in self._chain.assignments(account)
            ]
            self._live = [(name, one) for name, one in every if one.state is AssignmentState.LIVE]
            self._head = head
