"""The demo's table fits a terminal of 80 columns."""

from decimal import Decimal

from examples.demo import Finished, tasks_table
from node_runtime.domain.assets import Account, Digest, SubmissionId
from node_runtime.domain.task import (
    Counters,
    Kind,
    Result,
    Review,
    Score,
    Standing,
    Submission,
    SubmissionState,
    Task,
    TaskId,
    TaskState,
    Terms,
    Voucher,
)

WORKER = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")


def finished(number: int, name: str, kind: Kind, score: Score | None) -> Finished:
    review = Review(judge=WORKER, window=0)
    terms = Terms(
        kind=kind, reward=1, bond=1, slots=1, max_rejects=0, max_failures=1, review=review, deadline=1, timeout=1
    )
    counters = Counters(live=0, submitted=0, accepted=1, rejected=0, failures=0)
    task = Task(
        id=TaskId(number), creator=WORKER, terms=terms, state=TaskState.DONE, counters=counters, held=0, created=0
    )
    submission = Submission(
        id=SubmissionId(number),
        task=task.id,
        worker=WORKER,
        epoch=1,
        result=Result(digest=Digest("0" * 64), outputs=(), uri="cas:"),
        state=SubmissionState.ACCEPTED,
        score=score,
    )
    return Finished(task=task, name=name, submission=submission, seconds=123.4)


def test_each_task_of_the_demo_is_one_line_of_80_columns() -> None:
    score = Score(value=Decimal("0.9611"), standing=Standing.CERTIFIED, voucher=Voucher.INDEPENDENT)
    rows = [
        finished(1, "digits-train", Kind.TRAINING, None),
        finished(2, "digits-score", Kind.SCORING, score),
    ]
    lines = [line.plain for line in tasks_table(rows).lines(80)]
    assert len(lines) == 4
    assert "1 digits-train" in lines[2]
    assert "certified" in lines[3]
    assert "0.9611" in lines[3]
