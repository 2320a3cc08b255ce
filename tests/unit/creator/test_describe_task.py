"""What a followed task is at, in words, in every state and at every moment between two."""

from dataclasses import replace

import pytest

from node_runtime.creator.live import AttemptProgress
from node_runtime.creator.news import describe_task
from node_runtime.domain.assets import Account
from node_runtime.domain.task import Counters, Task, TaskState
from tests.unit.creator.test_node_reports import TASK

NONE = Counters(live=0, submitted=0, accepted=0, rejected=0, failures=0)
TRAINS = AttemptProgress(task=TASK.id, epoch=1, worker=Account("bob's"), elapsed=1, left=2, stage="train")
THREE = replace(TASK, terms=replace(TASK.terms, slots=3))
OFFERED = replace(TASK, terms=replace(TASK.terms, assignee=Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")))


def at(task: Task = TASK, **counters: int) -> Task:
    return replace(task, counters=replace(NONE, **counters))


@pytest.mark.parametrize(
    ("task", "progress", "told"),
    [
        (at(), (), "waits for a node to take it"),
        (at(OFFERED), (), "waits for 5FHneW…94ty to take it"),
        (at(live=1), (), "at work"),
        (at(live=1), (TRAINS,), "train"),
        (at(submitted=1), (), "under review"),
        (at(accepted=1), (), "its last result is being settled"),
        (at(THREE, accepted=1), (), "1 of 3 accepted; waits for a node to take it"),
        (at(THREE, live=1, submitted=1), (TRAINS,), "train; 1 under review; 0 of 3 accepted"),
        (replace(TASK, state=TaskState.PAUSED), (), "paused"),
        (replace(TASK, state=TaskState.DONE), (), "done"),
    ],
)
def test_an_open_task_is_never_just_open(task: Task, progress: tuple[AttemptProgress, ...], told: str) -> None:
    assert describe_task(task, progress, waits_for=(), failed=False) == told


def test_a_waiting_task_names_what_it_waits_for() -> None:
    waiting = replace(TASK, state=TaskState.WAITING)
    both = ("task 3 train", "task 4 other")
    assert (
        describe_task(waiting, (), waits_for=both, failed=False)
        == "waits for the model of task 3 train and task 4 other"
    )
    assert describe_task(waiting, (), waits_for=(), failed=False) == "about to open"


def test_after_a_failure_the_commands_that_help_are_named() -> None:
    told = describe_task(at(), (), waits_for=(), failed=True)
    assert told == "open for another try; see 'node-runtime logs 7', or give up with 'node-runtime cancel 7'"
