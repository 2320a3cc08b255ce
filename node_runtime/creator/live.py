"""Attempts at work: elapsed time and time left by the chain, stage and log by the live channel.

The channel is untrusted: chunks that the attempt's worker did not sign for this attempt are left out. Without any, the
chain's times remain.
"""

from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby

from node_runtime.domain.assets import Account
from node_runtime.domain.clock import current_time, time_left
from node_runtime.domain.live import MOST_NUMBERS, ChunkName, live_prefix
from node_runtime.domain.task import Assignment, AssignmentState, TaskId
from node_runtime.errors import HostError, StorageError
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore, LiveArea
from node_runtime.runner.live_chunk import Chunk
from node_runtime.spec.fields import read_account

MOST_SHOWN = 50  # attempts of nodes elsewhere


@dataclass(frozen=True, kw_only=True)
class AttemptProgress:
    """A live attempt: times in ms; ``stage`` is None while its worker publishes none."""

    task: TaskId
    epoch: int
    worker: Account
    elapsed: int
    left: int
    stage: str | None = None
    stage_elapsed: int | None = None


@dataclass(frozen=True, kw_only=True)
class PublishedStage:
    """One run of a stage and the beginning of its log. ``began`` in ms, by the chain's clock."""

    name: str
    began: int
    text: str


def progress_of(attempts: Sequence[Assignment], chain: ChainReads, store: AssetStore) -> tuple[AttemptProgress, ...]:
    """Return the progress of those attempts that are live. The chain is asked for the time if there is one."""
    live = [one for one in attempts if one.state is AssignmentState.LIVE]
    if not live:
        return ()
    now, head = current_time(chain), chain.now()
    return tuple(_progress(one, chain.genesis, store.live, now=now, head=head) for one in live)


def attempts_elsewhere(chain: ChainReads, store: AssetStore, *, known: Set[Account]) -> tuple[AttemptProgress, ...]:
    """Return the live attempts of accounts other than those ``known`` that publish in the storage, the newest 50.

    Names there are untrusted: an attempt counts where the chain shows it.
    """
    names: tuple[str, ...] = ()
    with suppress(StorageError, HostError):
        names = store.live.list("live/")
    parsed = (name for name in map(ChunkName.parse, names) if name is not None and name.worker not in known)
    newest = sorted({(name.task, name.epoch, name.worker) for name in parsed if _is_account(name.worker)})[-MOST_SHOWN:]
    found = ((epoch, chain.assignment(worker, task)) for task, epoch, worker in newest)
    return progress_of([one for epoch, one in found if one is not None and one.epoch == epoch], chain, store)


def _is_account(name: str) -> bool:
    try:
        return bool(read_account(name))
    except ValueError:
        return False


def _progress(attempt: Assignment, genesis: str, area: LiveArea, *, now: int, head: int) -> AttemptProgress:
    left = time_left(attempt, estimate=now, head=head)
    elapsed = attempt.due - attempt.since - left
    told = newest_chunk(area, attempt, genesis)
    return AttemptProgress(
        task=attempt.task,
        epoch=attempt.epoch,
        worker=attempt.worker,
        elapsed=elapsed,
        left=left,
        stage=told.stage if told is not None else None,
        stage_elapsed=max(0, attempt.since + elapsed - told.began) if told is not None else None,
    )


def newest_chunk(area: LiveArea, attempt: Assignment, genesis: str) -> Chunk | None:
    """Return the attempt's newest chunk; None where none is published, or storage fails."""
    with suppress(StorageError, HostError):
        for number in sorted(_numbers(area, attempt), reverse=True):
            found = _chunk(area, attempt, genesis, number)
            if found is not None:
                return found
    return None


class LiveLog:
    """The log of one attempt as it comes. Chunks that can't change any more are read once."""

    def __init__(self, area: LiveArea, attempt: Assignment, genesis: str) -> None:
        self._area = area
        self._attempt = attempt
        self._genesis = genesis
        self._chunks: list[Chunk] = []

    def read(self) -> tuple[PublishedStage, ...]:
        """Return the runs of stages so far, oldest first. Raises what storage raises."""
        numbers = _numbers(self._area, self._attempt)
        chunks = list(self._read_on(len(numbers)))
        self._chunks = chunks[:-1]
        runs = groupby(chunks, key=lambda chunk: (chunk.stage, chunk.began))
        return tuple(
            PublishedStage(name=name, began=began, text="".join(chunk.text for chunk in of_it))
            for (name, began), of_it in runs
        )

    def _read_on(self, count: int) -> Iterator[Chunk]:
        """Yield the chunks from number 0 to the first that is missing or not the worker's."""
        known = self._chunks
        for number in range(count):
            found = known[number] if 0 < number < len(known) else self._chunk(number)
            if found is None:
                return
            if number == 0 and known and found != known[0]:  # its node was restarted and publishes all of it anew
                known = []
            yield found

    def _chunk(self, number: int) -> Chunk | None:
        return _chunk(self._area, self._attempt, self._genesis, number)


def _numbers(area: LiveArea, attempt: Assignment) -> set[int]:
    names = map(ChunkName.parse, area.list(live_prefix(attempt.worker, attempt.task, attempt.epoch)))
    return {name.number for name in names if name is not None and name.number < MOST_NUMBERS}


def _chunk(area: LiveArea, attempt: Assignment, genesis: str, number: int) -> Chunk | None:
    """Return the chunk if the attempt's worker signed it for this number, and its stage began within the attempt."""
    name = ChunkName(worker=attempt.worker, task=attempt.task, epoch=attempt.epoch, number=number)
    content = area.read(str(name))
    found = Chunk.decode(content, name, genesis) if content is not None else None
    # development chains share a genesis: an earlier one's attempts of this number lie before this one
    return found if found is not None and attempt.since <= found.began <= attempt.due else None
