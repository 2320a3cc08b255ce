"""What a person is shown of a result, and how the answers are read."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from node_runtime.creator.validation.judges import SHOWN_LOGS, ask_person
from node_runtime.creator.validation.strategies import AnswersEnded, Received, Verdict
from node_runtime.domain.assets import Account, Digest, SubmissionId
from node_runtime.domain.task import (
    Counters,
    Kind,
    Perf,
    Result,
    Review,
    Submission,
    SubmissionState,
    Task,
    TaskId,
    TaskState,
    Terms,
)
from node_runtime.runner.result_document import ResultDocument

ALICE, BOB = Account("alice's"), Account("bob's")
NOTHING = Digest("0" * 64)
QUESTION = "accept, reject, or later? [a/r/l] "


@pytest.fixture
def received(tmp_path: Path) -> Received:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "metrics.log").write_text("")
    (logs / "predict.log").write_text("".join(f"batch {number}\n" for number in range(9)) + "\x1b[1mpredicted\x1b[0m\n")
    (logs / "predict-image.log").write_text("Step 1/3\n")
    terms = Terms(
        kind=Kind.SCORING,
        reward=1,
        bond=1,
        slots=1,
        max_rejects=1,
        max_failures=1,
        review=Review(judge=ALICE, window=1),
        deadline=9,
        timeout=9,
    )
    counters = Counters(live=0, submitted=1, accepted=0, rejected=0, failures=0)
    task = Task(id=TaskId(7), creator=ALICE, terms=terms, state=TaskState.OPEN, counters=counters, held=1, created=0)
    perfs = (Perf(name="all", value=Decimal("0.123456789012345678")),)
    submission = Submission(
        id=SubmissionId(3),
        task=task.id,
        worker=BOB,
        epoch=1,
        result=Result(digest=NOTHING, outputs=(), uri="cas:", perfs=perfs),
        state=SubmissionState.UNDER_REVIEW,
    )
    document = ResultDocument(
        task=7,
        epoch=1,
        worker=BOB,
        kind=Kind.SCORING,
        inputs=(),
        stages=(),
        outputs={},
        log=NOTHING,
        perf={"all": 0.1, "loss": 0.12345678901},
    )
    return Received(task=task, submission=submission, document=document, folder=tmp_path)


def ask(received: Received, *answers: str) -> tuple[Verdict | None, list[str], list[str]]:
    """Return the verdict of a person who types these answers, what was shown, and what was asked."""
    shown, asked = list[str](), list[str]()
    left: Iterator[str] = iter(answers)

    def read(prompt: str) -> str:
        asked.append(prompt)
        try:
            return next(left)
        except StopIteration:
            raise EOFError from None

    return ask_person(received, say=shown.append, read=read), shown, asked


def test_the_score_and_the_ends_of_the_logs_are_shown(received: Received) -> None:
    verdict, shown, _ = ask(received, "a")
    assert verdict == Verdict(accept=True)
    assert shown == [
        f"submission 3 of {BOB}, in {received.folder}",
        "  score 0.123456789012345678; accepting decides who vouches for it",
        "  'loss' 0.12345678901",
        "  the end of 'logs/predict.log', all of which 'node-runtime logs 7' prints:",
        *(f"    batch {number}" for number in (5, 6, 7, 8)),
        "    predicted",
        "  'logs/metrics.log' is empty",
    ]


def test_of_many_logs_the_first_are_shown(received: Received) -> None:
    for number in range(SHOWN_LOGS):
        (received.folder / "logs" / f"predict-{number}.log").write_text("")
    _, shown, _ = ask(received, "l")
    assert shown[-1] == "  and 2 more logs in logs/"


def test_the_question_is_put_once_and_an_answer_that_is_none_is_told(received: Received) -> None:
    verdict, shown, asked = ask(received, "perhaps", "", "R", "", "a dog")
    assert verdict == Verdict(accept=False, reason="a dog")
    assert asked == [QUESTION, "[a/r/l] ", "[a/r/l] ", "reason, a sentence its worker reads: ", "reason: "]
    assert shown.count("type a (accept), r (reject) or l (later); Ctrl-D leaves the others as well") == 2
    assert ask(received, "later")[0] is None


@pytest.mark.parametrize("answers", [(), ("r",), ("r", "")])
def test_the_end_of_the_input_decides_nothing(received: Received, answers: tuple[str, ...]) -> None:
    with pytest.raises(AnswersEnded):
        ask(received, *answers)
