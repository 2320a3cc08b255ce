"""A person takes a task, works on it by hand or in its container, sends the result, and is paid."""

import json
from collections.abc import Callable

import pytest

from node_runtime.domain.task import UNIT, AssignmentState, SubmissionState
from tests.e2e.persons_desk import ASKS, CAT, KNOWS, REWARD, TERMS, Desk, desk, sit
from tests.e2e.persons_terminal import PersonsTerminal

__all__ = ["desk", "sit"]

MAKES = """\
#!/bin/sh
set -e
made="outputs/${TASK_NAME}_${CONTRIBUTOR_ID}"
mkdir -p "$made"
cat data/*/part > "$made/parts"
"""


def test_by_hand_from_the_list_to_the_payment(desk: Desk) -> None:
    before, task = desk.wealth(), desk.offer()
    listed = json.loads(desk.done("list", "--role", "open", "--kind", "annotation", "--json"))
    assert [view["task"]["id"] for view in listed] == [task]
    output = desk.done("assign", str(task))
    for words in ("0.3 UNIT of yours", "question  Which animal?", "labels    cat, dog", "send by", "start_task.sh"):
        assert words in output
    assert desk.outputs(task) == {}
    desk.by_hand(task)
    held = json.loads(desk.done("list", "--role", "worker", "--status", "open", "--json"))
    assert [view["task"]["id"] for view in held] == [task]
    assert "is sent, as submission" in desk.done("send-result", str(task))
    (submission,) = desk.world.chain.submissions(task)
    assert submission.state is SubmissionState.UNDER_REVIEW
    desk.folder /= f"task-{task}"  # commands in the task's folder use it by default
    assert "was sent before" in desk.done("send-result", str(task))
    desk.done("accept", str(task), key="//Alice")
    assert desk.wealth() > before + (REWARD - 1) * UNIT
    assert set(desk.world.logs_of(submission)) == {"by-hand.log"}


@pytest.mark.docker
@pytest.mark.slow
def test_in_the_container_a_question_is_answered_at_the_terminal_and_the_answer_is_sent(
    desk: Desk, sit: Callable[..., PersonsTerminal]
) -> None:
    before, task = desk.wealth(), desk.offer(ASKS)
    terminal = sit("work", str(task))
    terminal.waits_for('Which animal? Is one.txt one of ["cat", "dog"]?')
    assert terminal.settings() != terminal.unused
    terminal.types("cat\r")
    terminal.waits_for("Send 1 file of outputs/")
    assert terminal.settings() == terminal.unused
    terminal.types("y\r")
    assert terminal.ends() == 0, terminal.seen
    assert desk.outputs(task) == CAT
    (submission,) = desk.world.chain.submissions(task)
    assert "Which animal?" in desk.world.logs_of(submission)["work.log"]
    desk.done("accept", str(task), key="//Alice")
    assert desk.wealth() > before + (REWARD - 1) * UNIT
    assert not (desk.folder.parent / "home" / "work").exists() or not any((desk.folder.parent / "home/work").iterdir())


@pytest.mark.docker
@pytest.mark.slow
def test_interrupted_work_keeps_the_hold_and_what_was_done(desk: Desk, sit: Callable[..., PersonsTerminal]) -> None:
    task = desk.offer("echo half > outputs/half.txt; " + ASKS)
    terminal = sit("work", str(task))
    terminal.waits_for("Is one.txt")
    terminal.types("\x03")
    assert terminal.ends() == 1, terminal.seen
    assert "start_task.sh was interrupted" in terminal.seen
    for command in (f"work {task}", f"send-result {task}", f"report-failure {task} task_error", f"hand-back {task}"):
        assert f"node-runtime {command}" in terminal.seen
    assert desk.state(task) is AssignmentState.LIVE
    assert desk.outputs(task) == {"half.txt": "half\n"}
    assert "is handed back" in desk.done("hand-back", str(task))
    assert desk.state(task) is AssignmentState.HANDED_BACK


@pytest.mark.docker
@pytest.mark.slow
def test_a_closed_terminal_ends_the_container_and_keeps_what_was_done(
    desk: Desk, sit: Callable[..., PersonsTerminal]
) -> None:
    task = desk.offer("ls outputs; echo half > outputs/half.txt; " + ASKS)
    terminal = sit("work", str(task))
    terminal.waits_for("Is one.txt")
    terminal.closes()
    terminal.ends()
    assert desk.outputs(task) == {"half.txt": "half\n"}
    again = sit("work", str(task))
    again.waits_for("half.txt")
    again.waits_for("Is one.txt")
    again.types("cat\r")
    again.waits_for("outputs/half.txt belongs to no file")
    assert again.ends() == 2, again.seen
    (desk.folder / f"task-{task}" / "outputs" / "half.txt").unlink()
    assert "is sent" in desk.done("send-result", str(task))


@pytest.mark.docker
@pytest.mark.slow
def test_work_is_done_once_at_a_time_and_goes_on_after_it_was_killed(
    desk: Desk, sit: Callable[..., PersonsTerminal]
) -> None:
    task = desk.offer("cat outputs/half.txt && rm outputs/half.txt || echo half done > outputs/half.txt\n" + ASKS)
    terminal = sit("work", str(task))
    terminal.waits_for("Is one.txt")
    assert "is being worked on already" in desk.refused("work", str(task), code=2)
    terminal.process.kill()
    terminal.process.wait()
    again = sit("work", str(task), "--yes")
    again.waits_for("half done")
    again.waits_for("Is one.txt")
    again.types("cat\r")
    assert again.ends() == 0, again.seen
    assert desk.state(task) is AssignmentState.SUBMITTED


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.usefixtures("sit")
def test_outputs_that_lead_elsewhere_are_not_brought_back(desk: Desk) -> None:
    task = desk.offer("ln -sf /etc/passwd outputs/one_annotations.json")
    desk.done("assign", str(task))
    desk.by_hand_instead(task)
    assert "one_annotations.json is a symbolic link" in desk.refused("work", str(task), "--yes", code=1)
    assert desk.outputs(task) == CAT
    assert desk.state(task) is AssignmentState.LIVE


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.usefixtures("sit")
def test_without_a_terminal_it_works_unattended_and_sends_when_told_beforehand(desk: Desk) -> None:
    task = desk.offer(f"exit 3\n{KNOWS}")
    assert "start_task.sh exited with 3" in desk.refused("work", str(task), "--yes", code=1)
    script = desk.folder / f"task-{task}" / "start_task.sh"
    script.write_text(script.read_text().replace("exit 3", ""))
    assert f"not sent; when you want to: node-runtime send-result {task}" in desk.done("work", str(task))
    assert "is sent" in desk.done("work", str(task), "--yes")
    assert desk.outputs(task) == CAT
    assert "has sent its result already" in desk.refused("work", str(task), code=3)


def test_an_engineer_finds_data_and_model_and_sends_a_model(desk: Desk) -> None:
    shard = desk.world.folder / "shard"
    shard.mkdir()
    (shard / "part").write_text("data\n")
    for name, adds in (("first", ""), ("engineer", 'cat models/*/parts >> "$made/parts"\n')):
        (desk.world.folder / name).mkdir()
        (desk.world.folder / name / "start_task.sh").write_text(MAKES + adds)
    terms = TERMS.replace("manual", "auto")
    first = desk.submit(f"kind: training\nname: first\nbundle: first/\ndata: [shard]\n{terms}")
    second = desk.submit(
        f"kind: restructuring\nname: second\nbundle: engineer/\ndata: [shard]\nmodels: [{{task: {first}}}]\n{terms}"
    )
    for task in (first, second):
        desk.done("assign", str(task))
        desk.by_hand(task)
        assert "it is accepted, and paid: 3 UNIT" in desk.done("send-result", str(task))
    made = desk.folder / f"task-{second}" / "outputs" / f"second_{desk.account}" / "parts"
    assert made.read_text() == "data\ndata\n"
