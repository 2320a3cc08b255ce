"""Comparison of scored results by the numbers of their perf.json."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from node_runtime.domain.assets import Account, SubmissionId
from node_runtime.domain.task import Score, TaskId
from node_runtime.errors import InputError

from .results import TaskResult, numbers_beside
from .tasks import TaskView

COLUMNS = ("task", "submission", "name", "worker", "standing", "voucher")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The numbers of one result: the chain's, exact, then those that its perf.json alone has. ``all`` is the score.

    ``trouble`` is why there is no perf.json.
    """

    task: TaskId
    name: str
    submission: SubmissionId
    worker: Account
    score: Score | None
    numbers: dict[str, Decimal]
    trouble: str


def measure(view: TaskView, result: TaskResult) -> Measured:
    """Return the numbers of a result. Raises `InputError` for a task that scores nothing."""
    submission = result.submission
    numbers = {perf.name: perf.value for perf in submission.result.perfs}
    if not numbers:
        raise InputError(
            f"task {view.task.id} is a {view.task.terms.kind} task, whose results have no numbers",
            remedy="name scoring tasks",
        )
    if result.document is not None:
        for name, value in numbers_beside(result.document):
            numbers.setdefault(name, Decimal(repr(value)))
    return Measured(
        task=view.task.id,
        name=view.name,
        submission=submission.id,
        worker=submission.worker,
        score=submission.score,
        numbers=numbers,
        trouble=result.trouble,
    )


def number_names(every: Sequence[Measured]) -> tuple[str, ...]:
    """Return the names of all numbers, each once, in the order in which they come."""
    return tuple(dict.fromkeys(name for one in every for name in one.numbers))


def comparison_rows(every: Sequence[Measured]) -> Iterator[tuple[object, ...]]:
    """Yield a row for each result: `COLUMNS`, then the `number_names`, None where it has no such number."""
    for one in every:
        decided = (one.score.standing, one.score.voucher) if one.score is not None else (None, None)
        numbers = (one.numbers.get(name) for name in number_names(every))
        yield (one.task, one.submission, one.name, one.worker, *decided, *numbers)
