"""The local folder of a plan on a node: turns, no trace of what failed, and its end."""

from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.domain.task import AssignmentState, SubmissionState, TaskState
from node_runtime.errors import FailureCategory
from node_runtime.runner.plan_folders import PlanFolders
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import SCORE, WAITS, World, open_world, wait_for

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]

SEES_NOTHING = 'test -z "$(ls /sandbox/local)" && ! touch /sandbox/local/x'
KEPT = "cp /sandbox/local/state /sandbox/model/model"


def adds(letter: str) -> str:
    """Return a script that adds a letter to the plan's state and leaves the whole of it as the model."""
    return f"printf {letter} >> /sandbox/local/state; {KEPT}"


def plans_of(daemon: DaemonProcess) -> PlanFolders:
    return PlanFolders(daemon.files.attempts / "plans")


def test_tasks_of_a_plan_take_turns_and_see_what_the_one_before_left(world: World, start_daemon: StartDaemon) -> None:
    world.plan = world.chain.create_plan()
    daemon = start_daemon(slots=3)
    first = world.train(f"{WAITS}; {adds('a')}")
    daemon.container_of(first)
    second = world.train(adds("b"))
    wait_for(lambda: "they take turns" in daemon.log_text(), "the second task to wait")
    assert world.chain.assignment(daemon.account, second) is None
    world.plan = None
    beside = world.train('test -z "$(ls /sandbox/local)" && ! touch /sandbox/local/x && echo 1 > /sandbox/model/model')
    assert world.model_of(beside) == "1\n", "a task outside the plan neither waits nor sees its folder"
    daemon.let_go(first)
    assert (world.model_of(first), world.model_of(second)) == ("a", "ab")


def test_a_scoring_reads_what_is_good_and_its_metric_sees_nothing(world: World, start_daemon: StartDaemon) -> None:
    world.plan = world.chain.create_plan()
    daemon = start_daemon()
    assert world.model_of(world.train(adds("a"))) == "a"
    predict = "! touch /sandbox/local/x && cp /sandbox/local/state /sandbox/pred/pred"
    metric = f'{SEES_NOTHING} && test "$(cat /sandbox/pred/pred)" = a && {SCORE}'
    score = world.submission(world.score(predict=predict, metric=metric))
    assert score.state is SubmissionState.ACCEPTED
    assert plans_of(daemon).turns() == {}


@pytest.mark.parametrize(
    ("script", "category"),
    [
        ("exit 1", FailureCategory.TASK_ERROR),
        ("dd if=/dev/zero of=/sandbox/local/big bs=1M count=20", FailureCategory.TASK_ERROR),
        ("ln -s /etc/passwd /sandbox/local/link", FailureCategory.OUTPUT_INVALID),
        ("rm /sandbox/model/model", FailureCategory.OUTPUT_INVALID),
    ],
    ids=["fails", "fills it", "leaves a link", "leaves no model"],
)
def test_a_task_that_fails_leaves_no_trace(
    script: str, category: FailureCategory, world: World, start_daemon: StartDaemon
) -> None:
    world.plan = world.chain.create_plan()
    daemon = start_daemon()
    assert world.model_of(world.train(adds("a"))) == "a"
    failing = world.train(f"{adds('x')} && {script}")
    assert world.failure(daemon.account, failing).category is category
    assert world.model_of(world.train(adds("b"))) == "ab"


def test_an_attempt_goes_on_with_its_copy_after_a_kill(world: World, start_daemon: StartDaemon) -> None:
    world.plan = world.chain.create_plan()
    daemon = start_daemon()
    assert world.model_of(world.train(adds("a"))) == "a"
    task = world.train(f"printf b >> /sandbox/local/state; {WAITS}; {KEPT}")
    daemon.container_of(task)
    daemon.kill()
    (kept,) = (daemon.files.attempts / "plans").glob("*/task-*/state")
    assert kept.read_text() == "a"
    daemon = start_daemon()
    daemon.let_go(task)
    assert world.model_of(task) == "ab"
    assert world.model_of(world.train(adds("c"))) == "abc"


def test_what_a_killed_daemon_had_in_its_outbox_is_good_once_it_is_delivered(
    world: World, start_daemon: StartDaemon
) -> None:
    world.plan = world.chain.create_plan()
    daemon = start_daemon()
    task = world.train(f"{WAITS}; {adds('a')}")
    daemon.container_of(task)
    world.restart_chain(lambda: daemon.kill_with_its_result_in_the_box(task))
    (key,) = plans_of(daemon).keys()
    state = plans_of(daemon).state(key)
    assert state is not None
    assert state.good is None
    start_daemon()
    assert world.model_of(task) == "a"
    assert world.model_of(world.train(adds("b"))) == "ab"


def test_a_turn_whose_commit_a_kill_prevented_is_committed_at_the_start(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    world.plan = world.chain.create_plan()
    daemon = start_daemon()
    task = world.train(adds("a"))
    assert world.model_of(task) == "a"
    wait_for(lambda: plans_of(daemon).turns() == {}, "the turn to end")
    daemon.kill()
    plans = plans_of(daemon)
    (key,) = plans.keys()
    assignment = world.chain.assignment(daemon.account, task)
    state = plans.state(key)
    assert assignment is not None
    assert state is not None
    assert state.good is not None
    # as it was between the submission and the commit
    content = tmp_path / "content"
    plans.snapshot(key, content)
    plans.remove(key)
    assert plans.take_turn(key, state.good, created=state.tasks[task])
    plans.hand_in(key, state.good, content)
    start_daemon()
    assert world.model_of(world.train(adds("b"))) == "ab"


def test_a_plan_of_that_number_on_a_chain_that_was_reset_begins_anew(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    world.plan = world.chain.create_plan()
    daemon = start_daemon()
    assert world.model_of(world.train(adds("a"))) == "a"
    daemon.stop()
    with open_world(tmp_path / "reset") as reset:
        reset.plan = reset.chain.create_plan()
        assert (reset.plan, reset.chain.genesis) == (world.plan, world.chain.genesis)
        start_daemon(chain=reset.devnet.url, storage=reset.storage)
        assert reset.model_of(reset.train(adds("b"))) == "b"


def test_the_folder_is_removed_when_its_plan_is_cancelled_and_by_gc(world: World, start_daemon: StartDaemon) -> None:
    world.plan = world.chain.create_plan()
    daemon = start_daemon()
    assert world.model_of(world.train(adds("a"))) == "a"
    waiting = world.train(f"{WAITS}; {adds('b')}")
    daemon.container_of(waiting)
    assert len(plans_of(daemon).keys()) == 1
    world.chain.cancel_plan(world.plan, abort=True)
    world.wait_for_attempt(daemon.account, waiting, AssignmentState.ABORTED)
    wait_for(lambda: plans_of(daemon).keys() == (), "the plan's folder to be removed")

    world.plan = world.chain.create_plan()
    assert world.model_of(world.train(adds("a"))) == "a"
    world.slots = 2  # open for another worker
    left = world.train(adds("b"))
    assert world.model_of(left) == "ab"
    daemon.stop()
    assert daemon.command("gc").returncode == 0
    assert len(plans_of(daemon).keys()) == 1, "gc keeps the folder of a plan with an open task"
    world.chain.cancel_plan(world.plan, abort=False)
    wait_for(lambda: world.chain.task(left).state is TaskState.CANCELLED, "the task to end")  # type: ignore[union-attr]
    told = daemon.command("gc")
    assert "removed the local folders of 1 ended plans" in told.stdout
    assert plans_of(daemon).keys() == ()
