"""The one reason why no node of this machine takes a task."""

from dataclasses import replace

import pytest

from node_runtime.creator.node_reports import NodeReport, why_no_node_takes_it
from node_runtime.creator.tasks import TaskView
from node_runtime.domain.assets import Account, Digest, SubmissionId
from node_runtime.domain.task import (
    Assignment,
    AssignmentState,
    Counters,
    Kind,
    Result,
    Review,
    Submission,
    SubmissionState,
    Task,
    TaskId,
    TaskState,
    Terms,
)
from node_runtime.errors import FailureCategory

BOB, CHARLIE = Account("bob's"), Account("charlie's")
SIZE = "64 CPUs asked, the whole pool has 2"
TERMS = Terms(
    kind=Kind.TRAINING,
    reward=1,
    bond=1,
    slots=1,
    max_rejects=1,
    max_failures=1,
    review=Review(judge=BOB, window=0),
    deadline=9,
    timeout=9,
)
TASK = Task(
    id=TaskId(7),
    creator=Account("alice's"),
    terms=TERMS,
    state=TaskState.OPEN,
    counters=Counters(live=0, submitted=0, accepted=0, rejected=0, failures=0),
    held=1,
    created=0,
)
VIEW = TaskView(task=TASK, spec=None, document=None, submissions=(), attempts=())


def node(name: str = "bob", refusal: str = "", **changed: object) -> NodeReport:
    report = NodeReport(
        name=name,
        account=Account(f"{name}'s"),
        running=True,
        obstacles=(),
        refusals={TaskId(7): refusal} if refusal else {},
        free_slots=1,
        works_on=(),
    )
    return replace(report, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        ((), "no node is known here: 'node-runtime down', then 'node-runtime up --nodes 1' brings one"),
        ((node(refusal=SIZE),), f"node bob refuses it: {SIZE}"),
        ((node(refusal=SIZE), node("charlie", SIZE)), f"nodes bob and charlie refuse it: {SIZE}"),
        (
            (node(refusal=SIZE), node("charlie", "policy.kinds doesn't name training")),
            f"node bob refuses it: {SIZE}; node charlie refuses it: policy.kinds doesn't name training",
        ),
        ((node(refusal=SIZE, running=False),), "node bob isn't running"),
        ((node(running=False), node("charlie", running=False)), "nodes bob and charlie aren't running"),
        (
            (node(obstacles=("the engine hangs",)),),
            "node bob claims nothing: the engine hangs",
        ),
        (
            (node(free_slots=0, works_on=("task 3 first", "task 4 second")),),
            "node bob has no free slot: it works on task 3 first and task 4 second",
        ),
        ((node(),), "node bob has not looked at it yet"),
        (
            (node(kinds=frozenset({Kind.SCORING})), node("charlie", kinds=frozenset())),
            "nodes bob and charlie refuse it: policy.kinds doesn't name training",
        ),
        ((node(late=frozenset({TaskId(7)})),), "node bob lost it to a faster node a moment ago"),
        (
            (node(late=frozenset({TaskId(7)})), node("charlie", late=frozenset({TaskId(7)}))),
            "nodes bob and charlie lost it to a faster node a moment ago",
        ),
    ],
)
def test_each_reason_is_told_once_with_its_nodes(nodes: tuple[NodeReport, ...], told: str) -> None:
    assert why_no_node_takes_it(VIEW, nodes) == told


def attempt(worker: Account, state: AssignmentState) -> Assignment:
    return Assignment(task=TaskId(7), worker=worker, epoch=1, since=0, due=9, bond=1, state=state)


def test_nodes_that_may_not_try_again_are_out_of_attempts() -> None:
    tried = tuple(attempt(worker, AssignmentState.FAILED) for worker in (BOB, CHARLIE))
    stalled = replace(VIEW, task=replace(TASK, stalled_since=5), attempts=tried)
    assert why_no_node_takes_it(stalled, (node(), node("charlie"))) == (
        "every node is out of attempts (bob, charlie): "
        "'node-runtime down', then 'node-runtime up --nodes 3' brings another"
    )
    assert why_no_node_takes_it(replace(stalled, attempts=tried[:1]), (node(), node("charlie", SIZE))) == (
        f"node bob has not looked at it yet; node charlie refuses it: {SIZE}"
    )


@pytest.mark.parametrize(
    ("category", "told"),
    [
        (FailureCategory.TASK_ERROR, "'node-runtime cancel 7', mend what its logs show, and submit it again"),
        (FailureCategory.NODE_ERROR, "'node-runtime down', then 'node-runtime up --nodes 2' brings another"),
    ],
)
def test_another_node_is_a_remedy_only_where_the_task_itself_is_well(category: FailureCategory, told: str) -> None:
    failed = replace(attempt(BOB, AssignmentState.FAILED), category=category)
    stalled = replace(VIEW, task=replace(TASK, stalled_since=5), attempts=(failed,))
    assert why_no_node_takes_it(stalled, (node(),)) == f"every node is out of attempts (bob): {told}"


def test_a_rejected_result_of_the_only_node_leaves_nobody() -> None:
    sent = Submission(
        id=SubmissionId(1),
        task=TaskId(7),
        worker=BOB,
        epoch=1,
        result=Result(digest=Digest("0" * 64), outputs=(), uri=""),
        state=SubmissionState.REJECTED,
    )
    view = replace(
        VIEW,
        task=replace(TASK, stalled_since=5),
        attempts=(attempt(BOB, AssignmentState.SUBMITTED),),
        submissions=(sent,),
    )
    assert why_no_node_takes_it(view, (node(),)) == (
        "rejected, and no other node is here: 'node-runtime down', then 'node-runtime up --nodes 2' brings another"
    )
