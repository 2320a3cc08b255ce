"""Reads of tasks with their specs and one account's attempts; an earlier runtime knows neither roles nor rights."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import Any

from node_runtime.domain.assets import Account
from node_runtime.domain.task import Spec, TaskId
from node_runtime.ports.chain import TaskRecord

from . import convert, permissions
from .blocks import Snapshot, StorageItem


def records_of(snapshot: Snapshot, tasks: Sequence[TaskId], *, worker: Account) -> tuple[TaskRecord, ...]:
    """Return the tasks that are there, each with the worker's assignment, by one request per page of keys."""
    wanted = [_record_items(snapshot, task, worker) for task in tasks]
    values = iter(snapshot.values_of(list(chain.from_iterable(wanted))))
    rights = snapshot.codec.knows("Tasks", "TaskRights")
    found = (
        _record(number, list(islice(values, len(items))), worker=worker, rights=rights)
        for number, items in zip(tasks, wanted, strict=True)
    )
    return tuple(record for record in found if record is not None)


def spec_of(snapshot: Snapshot, task: TaskId) -> Spec | None:
    found, *more = snapshot.values_of(_spec_items(snapshot, task))
    return None if found is None else _spec(found, *more)


def _record_items(snapshot: Snapshot, task: TaskId, worker: Account) -> list[StorageItem]:
    """Return the storage items of a task's record."""
    items: list[StorageItem] = [("Tasks", "Tasks", (task,)), ("Tasks", "Assignments", (worker, task))]
    rights: list[StorageItem] = [("Tasks", "TaskRights", (task,))]
    known = snapshot.codec.knows("Tasks", "TaskRights")
    return [*items, *(rights if known else []), *_spec_items(snapshot, task)]


def _record(number: TaskId, values: Sequence[Any], *, worker: Account, rights: bool) -> TaskRecord | None:
    """Build the record of the values of `_record_items`; ``rights``: whether those of the inputs are among them."""
    task, hold, *more = values
    given = more.pop(0) if rights else None
    spec, *rest = more
    if task is None or spec is None:
        return None
    return TaskRecord(
        task=convert.task(number, task),
        spec=_spec(spec, *rest),
        assignment=None if hold is None else convert.assignment(worker, number, hold),
        rights=permissions.rights(given),
    )


def _spec_items(snapshot: Snapshot, task: TaskId) -> list[StorageItem]:
    """Return the storage items of a task's spec, and of its roles and rights where the runtime knows them."""
    names = [name for name in ("Specs", "TaskRoles", "OutputRights") if snapshot.codec.knows("Tasks", name)]
    return [("Tasks", name, (task,)) for name in names]


def _spec(value: Any, roles: Any = None, rights: Any = None) -> Spec:
    return replace(convert.spec(value, roles), rights=permissions.rights(rights))
