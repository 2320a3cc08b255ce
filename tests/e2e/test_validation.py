"""The three strategies accept, reject or decide nothing, and never accept by accident."""

import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.creator.validation.judges import open_judge
from node_runtime.creator.validation.strategies import (
    MINUTES_10,
    AutoAccept,
    CustomAccept,
    ManualAccept,
    Received,
    Strategy,
    Verdict,
)
from node_runtime.creator.validation.validate import Desk, Outcome, Validated, validate
from node_runtime.domain.assets import Digest, SubmissionId
from node_runtime.domain.task import UNIT, Output, Result, SubmissionState, TaskId, TaskState
from node_runtime.errors import InputError
from tests.e2e.people import FOUND, REWARD, People
from tests.e2e.persons_terminal import at_terminal


def never(_: Received) -> Verdict | None:
    raise AssertionError("nobody is to be asked")


def judged(
    people: People, task: TaskId, strategy: Strategy, *, judge: str = "Alice", wait: bool = False
) -> list[Validated]:
    messages: list[Validated] = []
    desk = Desk(chain=people[judge], store=people.store)
    with open_judge(strategy, ask=never, say=print) as decide:
        done = validate(desk, task, decide, told=messages.append, wait=wait)
    assert list(done) == messages
    return messages


def states(people: People, task: TaskId) -> list[SubmissionState]:
    return [one.state for one in people.creator.submissions(task)]


def test_auto_accepts_whatever_came_whole_and_pays(people: People) -> None:
    task = people.offer("slots: 2\nvalidation: manual\n")
    people.deliver("Bob", task)
    before = people.wealth("Bob")
    attempt, nowhere = people["Charlie"].assign_task(task), Digest("0" * 64)
    outputs = (Output(name="outputs", digest=nowhere),)
    people["Charlie"].send_task_result(task, attempt.epoch, Result(digest=nowhere, outputs=outputs, uri="cas:"))
    whole, broken = judged(people, task, AutoAccept())
    assert (whole.outcome, broken.outcome) == (Outcome.ACCEPTED, Outcome.UNDECIDED)
    assert people.wealth("Bob") == before + REWARD * UNIT
    assert f"node-runtime reject {task}/{broken.submission} --reason" in str(broken)
    assert states(people, task) == [SubmissionState.ACCEPTED, SubmissionState.UNDER_REVIEW]


def test_a_callable_sees_the_verified_files_and_decides(people: People) -> None:
    task = people.offer("slots: 2\nvalidation: manual\n")
    people.deliver("Bob", task)
    people.deliver("Charlie", task, {"a_annotations.json": "rubbish"})

    def looks(folder: Path) -> tuple[bool, str]:
        found = (folder / "outputs" / "a_annotations.json").read_text()
        return found == FOUND["a_annotations.json"], f"{found} is no annotation"

    first, second = judged(people, task, CustomAccept(looks))
    assert (first.outcome, second.outcome) == (Outcome.ACCEPTED, Outcome.REJECTED)
    assert people.submission(task, second.submission).reason == "rubbish is no annotation"


def hangs(_: Path) -> bool:
    return threading.Event().wait()


def crashes(_: Path) -> bool:
    raise KeyError("annotations")


def leaves(_: Path) -> bool:
    sys.exit(0)


@pytest.mark.parametrize(
    ("validator", "told"),
    [
        (hangs, "no answer within 20 s"),
        (crashes, "raised KeyError: 'annotations'"),
        (leaves, "raised SystemExit: 0"),
        (lambda _: None, "answered None, which is no verdict"),
        (lambda _: 1, "answered 1, which is no verdict"),
        (lambda _: "accept", "answered 'accept', which is no verdict"),
        (lambda _: (True, None), "which is no verdict"),
        (lambda _: False, "rejects without a reason"),
        (lambda _: Verdict("yes"), "which is no verdict"),  # type: ignore[arg-type]
    ],
)
def test_a_callable_that_does_not_judge_decides_nothing_and_the_others_go_on(
    people: People, validator: Callable[[Path], object], told: str
) -> None:
    task = people.offer("slots: 2\nvalidation: manual\n")
    people.deliver("Bob", task, {"broken": "yes"})
    people.deliver("Charlie", task)

    def judge(folder: Path) -> object:
        return validator(folder) if (folder / "outputs" / "broken").exists() else True

    timeout = 20.0 if validator is hangs else MINUTES_10  # long enough for the other validators on a slow machine
    first, second = judged(people, task, CustomAccept(judge, timeout=timeout))
    assert first.outcome is Outcome.UNDECIDED
    assert told in first.reason
    assert "then silence accepts it" in str(first)
    assert second.outcome is Outcome.ACCEPTED
    assert states(people, task) == [SubmissionState.UNDER_REVIEW, SubmissionState.ACCEPTED]
    (again,) = judged(people, task, CustomAccept(lambda _: True))  # resumes
    assert (again.submission, again.outcome) == (first.submission, Outcome.ACCEPTED)


def test_a_reason_too_long_for_the_chain_is_cut(people: People) -> None:
    task = people.offer()
    people.deliver("Bob", task)
    (one,) = judged(people, task, CustomAccept(lambda _: (False, "ż" * 200)))
    assert one.outcome is Outcome.REJECTED
    assert people.submission(task, one.submission).reason == "ż" * 126 + "…"


def test_the_judge_of_a_task_validates_with_its_own_key(people: People) -> None:
    task = people.offer(f"validation: {{custom: {{judge: {people['Eve'].account}}}}}\n")
    people.deliver("Bob", task)
    with pytest.raises(InputError, match=f"judged by {people['Eve'].account}"):
        judged(people, task, AutoAccept())
    (one,) = judged(people, task, AutoAccept(), judge="Eve")
    assert one.outcome is Outcome.ACCEPTED


def test_an_outcome_that_was_decided_meanwhile_is_told_as_it_is(people: People) -> None:
    task = people.offer()
    number = people.deliver("Bob", task)

    def slow(_: Path) -> bool:
        people.creator.reject_task_results(task, number, "somebody was faster")
        return True

    (one,) = judged(people, task, CustomAccept(slow))
    assert (one.outcome, one.reason) == (Outcome.REJECTED, "somebody was faster")


def test_waiting_judges_what_comes_until_nothing_can_come(people: People) -> None:
    task = people.offer("slots: 2\nvalidation: manual\n")
    people.deliver("Bob", task)
    people["Charlie"]  # connect before another thread uses it

    def judge(_: Path) -> bool:
        if not people.task(task).counters.accepted:
            threading.Thread(target=people.deliver, args=("Charlie", task)).start()
        return True

    done = judged(people, task, CustomAccept(judge), wait=True)
    assert [one.outcome for one in done] == [Outcome.ACCEPTED, Outcome.ACCEPTED]
    assert people.task(task).state is TaskState.DONE


def test_a_result_larger_than_its_task_allows_is_not_downloaded(people: People) -> None:
    task = people.offer("validation: manual\nlimits: {outputs: 1MiB}\n")
    people.deliver("Bob", task, {"a_annotations.json": "x" * (2 << 20)})
    (one,) = judged(people, task, CustomAccept(never))  # type: ignore[arg-type]
    assert one.outcome is Outcome.UNDECIDED
    assert "its outputs have 2 MiB, more than the task's 1 MiB" in one.reason


def test_annotations_that_are_not_what_was_asked_are_not_accepted_by_themselves(people: People) -> None:
    task = people.offer("slots: 2\nvalidation: manual\n")
    people.deliver("Bob", task, {"a_annotations.json": '{"file": "a.txt", "label": "cow"}'})
    people.deliver("Charlie", task)
    wrong, right = judged(people, task, AutoAccept())
    assert (wrong.outcome, right.outcome) == (Outcome.UNDECIDED, Outcome.ACCEPTED)
    assert "outputs/a_annotations.json: label: 'cow' is none of the task's class_labels" in wrong.reason


def test_the_command_decides_what_it_is_told_and_nothing_else(people: People) -> None:
    task = people.offer("slots: 3\nvalidation: manual\n")
    first, second, third = (people.deliver(name, task) for name in ("Bob", "Charlie", "Dave"))
    refused = people.run("validate", str(task), "--accept", str(first), "--reject", "999999", "--reason", "no")
    assert refused.returncode == 2
    assert f"task {task} has no submission 999999" in refused.stderr
    assert set(states(people, task)) == {SubmissionState.UNDER_REVIEW}
    ended = people.run(
        "validate", str(task), "--accept", str(first), "--reject", str(second), "--reason", "a dog", "--json"
    )
    assert ended.returncode == 0, ended.stderr
    assert [one["outcome"] for one in json.loads(ended.stdout)] == ["accepted", "rejected"]
    assert people.submission(task, third).state is SubmissionState.UNDER_REVIEW
    assert people.submission(task, second).reason == "a dog"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--auto", "--accept", "1"), "three ways to judge"),
        (("--reject", "1"), "--reject and --reason go together"),
        (("--script", "nowhere.py"), "nowhere.py: there is no such script"),
        (("--script", "x.py", "--timeout", "soon"), "'soon' is not a duration"),
    ],
)
def test_a_command_that_makes_no_sense_decides_nothing(people: People, arguments: tuple[str, ...], told: str) -> None:
    task = people.offer()
    people.deliver("Bob", task)
    ended = people.run("validate", str(task), *arguments)
    assert told in ended.stderr
    assert (ended.returncode, states(people, task)) == (2, [SubmissionState.UNDER_REVIEW])


def test_without_a_terminal_nobody_can_be_asked_and_nothing_is_decided(people: People) -> None:
    task = people.offer()
    people.deliver("Bob", task)
    ended = people.run("validate", str(task))
    assert (ended.returncode, states(people, task)) == (2, [SubmissionState.UNDER_REVIEW])
    assert "there is no terminal to ask at" in ended.stderr


def test_at_a_terminal_a_person_sees_what_came_and_decides(people: People) -> None:
    task = people.offer("slots: 3\nvalidation: manual\n")
    for name in ("Bob", "Charlie", "Dave"):
        people.deliver(name, task)
    with at_terminal("validate", str(task), folder=people.folder, environment=people.environment("//Alice")) as alice:
        for question, answer in (
            ("? [a/r/l] ", "maybe"),
            ("\n[a/r/l] ", "a"),
            ("? [a/r/l] ", "r"),
            ("worker reads: ", ""),
            ("\nreason: ", "a dog"),
            ("? [a/r/l] ", "l"),
        ):
            alice.waits_for(question, again=True)
            alice.types(f"{answer}\n")
        assert alice.ends() == 0
    assert "'outputs/a_annotations.json'" in alice.seen
    assert "Cohen's kappa with submission" in alice.seen
    assert f"  the end of 'logs/work.log', all of which 'node-runtime logs {task}' prints:\n    done\n" in alice.seen
    assert alice.seen.count("accept, reject, or later?") == 3
    assert "type a (accept), r (reject) or l (later); Ctrl-D leaves the others as well\n" in alice.seen
    assert "a reason has between 1 and 256 bytes" in alice.seen
    assert states(people, task) == [SubmissionState.ACCEPTED, SubmissionState.REJECTED, SubmissionState.UNDER_REVIEW]


def test_ctrl_d_at_a_question_leaves_the_others_without_asking(people: People) -> None:
    task = people.offer("slots: 2\nvalidation: manual\n")
    for name in ("Bob", "Charlie"):
        people.deliver(name, task)
    with at_terminal("validate", str(task), folder=people.folder, environment=people.environment("//Alice")) as alice:
        alice.waits_for("? [a/r/l] ")
        alice.types("\x04")
        assert alice.ends() == 0
    assert alice.seen.count("accept, reject, or later?") == 1
    assert alice.seen.count(" is left for later. Decide it until ") == 2
    assert states(people, task) == [SubmissionState.UNDER_REVIEW] * 2


def test_ctrl_c_at_the_question_keeps_what_is_decided_and_says_how_to_go_on(people: People) -> None:
    task = people.offer("slots: 2\nvalidation: manual\n")
    for name in ("Bob", "Charlie"):
        people.deliver(name, task)
    with at_terminal("validate", str(task), folder=people.folder, environment=people.environment("//Alice")) as alice:
        alice.waits_for("? [a/r/l] ", again=True)
        alice.types("a\n")
        alice.waits_for("? [a/r/l] ", again=True)
        alice.interrupts()
        assert alice.ends() == 130
    assert f"'node-runtime validate {task}' goes on with the rest\n" in alice.seen
    assert states(people, task) == [SubmissionState.ACCEPTED, SubmissionState.UNDER_REVIEW]


def test_manual_decisions_in_python_are_checked_before_anything_is_decided() -> None:
    with pytest.raises(InputError, match="between 1 and 256 bytes"):
        ManualAccept(reject={SubmissionId(1): " "})
    with pytest.raises(InputError, match="both accepted and rejected"):
        ManualAccept(accept={SubmissionId(1)}, reject={SubmissionId(1): "no"})
