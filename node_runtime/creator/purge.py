"""Purge of final tasks: who may remove a task's records from the chain and when, and what comes back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from node_runtime.domain.assets import Account
from node_runtime.domain.clock import current_time
from node_runtime.domain.price import Bounds
from node_runtime.domain.task import Task, TaskId
from node_runtime.domain.units import duration, moment
from node_runtime.errors import ChainRefused, InputError, NoSuchTask
from node_runtime.ports.chain import ChainReads, CreatorCalls

STILL_NEEDED = "StillNeeded"
_MOST_CALLS = 1_000  # of one task: each removes the records of 32 workers and 32 results


@dataclass(frozen=True, kw_only=True)
class RecordsKept:
    """The records of a final task: ``until`` when they are kept for an account, in ms; what is ``held`` for its spec.

    The held base units return to the task's creator, whoever purges the task.
    """

    until: int
    held: int


@dataclass(frozen=True, kw_only=True)
class Purged:
    """A task whose records are gone; ``returned`` base units are its creator's again."""

    task: TaskId
    creator: Account
    returned: int


def records_kept(task: Task, bounds: Bounds, *, by: Account) -> RecordsKept | None:
    """Return until when the chain keeps a final task's records from being purged by the account; None for others."""
    if task.ended is None:
        return None
    evidence = 0 if task.creator == by and not task.counters.rejected else bounds.evidence
    return RecordsKept(until=task.ended + bounds.retention + evidence, held=task.held_for_spec)


def check_purge(chain: ChainReads, numbers: Sequence[TaskId]) -> tuple[Task, ...]:
    """Return the tasks if this account may purge each of them now.

    Raises `NoSuchTask`, `InputError` for a task that is not final, and `ChainRefused` for one that is kept longer.
    """
    now, bounds = current_time(chain), chain.bounds()
    return tuple(_checked(chain, number, bounds, now=now) for number in dict.fromkeys(numbers))


def purge_tasks(chain: CreatorCalls, tasks: Sequence[Task]) -> Iterator[Purged]:
    """Purge the tasks one after another; yield each. Raises `ChainRefused` for one that something live points to."""
    for task in tasks:
        _purge(chain, task.id)
        yield Purged(task=task.id, creator=task.creator, returned=task.held_for_spec)


def _checked(chain: ChainReads, number: TaskId, bounds: Bounds, *, now: int) -> Task:
    task = chain.task(number)
    if task is None:
        raise NoSuchTask(number, remedy="one that was purged before is gone; see 'node-runtime list' for yours")
    kept = records_kept(task, bounds, by=chain.account)
    if kept is None:
        raise InputError(
            f"task {number} is {task.state}, and only the records of a final task can be purged",
            remedy=f"'node-runtime wait {number}' waits for its end, 'node-runtime cancel {number}' brings it",
        )
    if now <= kept.until:
        raise ChainRefused(
            STILL_NEEDED,
            f"can't purge task {number}: {_why_kept(task, bounds, by=chain.account)} [{STILL_NEEDED}]",
            remedy=f"come back after {moment(kept.until)}, in {duration(kept.until - now)}",
        )
    return task


def _why_kept(task: Task, bounds: Bounds, *, by: Account) -> str:
    retention, evidence = duration(bounds.retention), duration(bounds.evidence)
    if task.creator != by:
        return f"others than its creator wait {retention} and {evidence} after its end"
    if task.counters.rejected:
        return f"a result of it was rejected, and its records stay as evidence for {retention} and {evidence}"
    return f"its records are kept for {retention} after its end"


def _purge(chain: CreatorCalls, number: TaskId) -> None:
    """Call until the task is gone: each call removes a part of many records."""
    try:
        for _ in range(_MOST_CALLS):
            if chain.task(number) is None:
                return
            chain.purge_task(number)
    except ChainRefused as refused:
        if refused.rule != STILL_NEEDED:
            raise
        raise ChainRefused(
            refused.rule,
            f"can't purge task {number}: something that isn't over points to it [{refused.rule}]",
            remedy="purge it once the tasks made from its model are final, and the fees of its reports are settled",
        ) from None
