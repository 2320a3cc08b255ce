"""Refusals and recovery in a person's work, so that neither the bond nor the outputs are lost."""

import json
import time

import pytest

from node_runtime.domain.task import AssignmentState
from tests.e2e.daemon_world import wait_for
from tests.e2e.persons_desk import BOXES, Desk, desk

__all__ = ["desk"]


def test_outputs_that_are_not_what_was_asked_are_named_and_not_sent(desk: Desk) -> None:
    task = desk.offer(asked=BOXES)
    desk.done("assign", str(task))
    outputs = desk.folder / f"task-{task}" / "outputs"
    send = ("send-result", str(task))
    assert "outputs is empty" in desk.refused(*send, code=2)
    box = {"label": "coin", "box": [1, 1, 8, 2]}
    (outputs / "one_annotations.json").write_text(json.dumps({"file": "one.png", "annotations": [box]}))
    output = desk.refused(*send, code=2)
    assert "outputs/one_annotations.json: annotations[0].box: it is 8 × 2 pixels" in output
    assert "outside its picture of 8 × 6 pixels" in output
    box = {"label": "coyn", "box": [1, 1, 2, 2]}
    (outputs / "one_annotations.json").write_text(json.dumps({"file": "one.png", "annotations": [box]}))
    output = desk.refused(*send, code=2)
    assert "annotations[0].label: 'coyn' is none of the task's class_labels; did you mean 'coin'?" in output
    with (outputs / "huge.bin").open("wb") as sparse:
        sparse.truncate(5 << 30)
    assert "huge.bin: the files claim more than 8 MiB together" in desk.refused(*send, code=2)
    (outputs / "huge.bin").unlink()
    (outputs / "passwords").symlink_to("/etc/passwd")
    assert "passwords is a symbolic link" in desk.refused(*send, code=2)
    for path, output in (
        (f"task-{task}", f"is the task's whole folder; name what is to be sent: task-{task}/outputs"),
        ("nowhere", "nowhere is not a folder"),
    ):
        assert output.split(";")[0] in desk.refused(*send, "--path", path, code=2)
    assert desk.world.chain.submissions(task) == ()
    assert desk.state(task) is AssignmentState.LIVE


def test_a_bundle_without_its_script_is_not_taken_and_costs_no_bond(desk: Desk) -> None:
    task = desk.offer()
    bundle = desk.world.folder / "bundle"
    (bundle / "start_task.sh").unlink()
    broken = desk.with_another_bundle(task, bundle)
    assert "the bundle has no start_task.sh" in desk.refused("assign", str(broken), code=1)
    assert desk.state(broken) is None


@pytest.mark.parametrize("place", [".git/config", "inner/.git/config", ".node-runtime/hold.json"])
def test_a_bundle_that_would_act_on_who_goes_into_its_folder_is_not_taken(desk: Desk, place: str) -> None:
    task = desk.offer()
    bundle = desk.world.folder / "bundle"
    (bundle / place).parent.mkdir(parents=True)
    (bundle / place).write_text("[core]\nfsmonitor = touch stolen\n")
    hostile = desk.with_another_bundle(task, bundle)
    assert "of its own" in desk.refused("assign", str(hostile), code=2)
    assert desk.state(hostile) is None
    assert list(desk.folder.iterdir()) == []


def test_a_task_for_nodes_is_not_taken_by_a_person(desk: Desk) -> None:
    task = desk.world.train()
    assert "has no bundle that a person could open" in desk.refused("assign", str(task), code=2)
    assert desk.state(task) is None


def test_what_others_hold_is_refused_in_the_chains_words(desk: Desk) -> None:
    task = desk.offer()
    desk.done("assign", str(task), "--into", "dave", key="//Dave")
    assert "all slots are taken" in desk.refused("assign", str(task), code=3)
    assert f"task {task} isn't yours" in desk.refused("send-result", str(task), "--path", "dave/outputs", code=2)
    assert f"task {task} isn't yours" in desk.refused("hand-back", str(task), code=2)
    assert "there is no task 999" in desk.refused("assign", "999", code=2)
    assert not (desk.folder / f"task-{task}").exists()


def test_assign_again_completes_what_a_crash_left_and_keeps_what_was_changed(desk: Desk) -> None:
    task = desk.offer()
    desk.done("assign", str(task))
    folder = desk.folder / f"task-{task}"
    (folder / "start_task.sh").write_text("echo mine\n")
    desk.done("assign", str(task))
    assert (folder / "start_task.sh").read_text() == "echo mine\n"
    (folder / ".node-runtime" / "ready").unlink()  # as after a kill before the last step
    (folder / "start_task.sh").unlink()
    (folder / ".node-runtime" / "incoming").mkdir()
    desk.done("assign", str(task))
    desk.by_hand(task)
    desk.done("send-result", str(task))


def test_a_folder_with_other_things_in_it_is_left_alone(desk: Desk) -> None:
    task = desk.offer()
    (desk.folder / f"task-{task}").mkdir()
    (desk.folder / f"task-{task}" / "diary.txt").write_text("dear diary")
    assert "is there and not empty" in desk.refused("assign", str(task), code=2)
    assert desk.state(task) is None
    desk.done("assign", str(task), "--into", "elsewhere/here")
    assert [path.name for path in (desk.folder / f"task-{task}").iterdir()] == ["diary.txt"]


def test_a_folder_of_an_earlier_attempt_is_not_sent_for_this_one(desk: Desk) -> None:
    task = desk.offer()
    desk.done("assign", str(task))
    desk.by_hand(task)
    output = desk.done("hand-back", str(task))
    assert "it cost 0.0" in output
    assert "the rest of your bond is yours again" in output
    assert "is handed back" in desk.done("hand-back", str(task))
    assert "was handed back" in desk.refused("send-result", str(task), code=3)
    assert "an attempt at task" in desk.refused("assign", str(task), code=2)
    desk.done("assign", str(task), "--into", "again")
    assert "of an earlier attempt" in desk.refused("send-result", str(task), code=2)


def test_what_comes_too_late_is_told_so(desk: Desk) -> None:
    task = desk.hurried(desk.offer(), timeout=20_000)  # ms for claim and work
    desk.done("assign", str(task))
    desk.by_hand(task)
    hold = desk.world.chain.assignment(desk.account, task)
    assert hold is not None
    wait_for(lambda: time.time() * 1000 > hold.due, "the attempt's time to be over")
    assert "its bond is lost" in desk.refused("send-result", str(task), code=3)
    desk.world.chain.settle(task)
    assert "brought nothing in time, and its bond is lost" in desk.refused("send-result", str(task), code=3)
    assert "brought nothing in time" in desk.refused("assign", str(task), code=3)


def test_a_failure_is_reported_with_its_reason(desk: Desk) -> None:
    task = desk.offer()
    desk.done("assign", str(task))
    report = ("report-failure", str(task), "task_error", "--reason", "the pictures are blank")
    assert "is reported as failed: task_error" in desk.done(*report)
    assert "task_error: the pictures are blank" in desk.done("logs", str(task), key="//Alice")
    assert "was reported as failed" in desk.refused("send-result", str(task), code=3)


def test_nobody_works_with_a_guessed_key(desk: Desk) -> None:
    task = desk.offer()
    del desk.environment["NODE_RUNTIME_KEY"]
    assert "no --key given" in desk.refused("assign", str(task), code=2)
