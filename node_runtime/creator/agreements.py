"""Several annotators worked on a task: whose results keep to what it asks, and how far do they agree?"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from node_runtime.creator.annotators import Annotators, open_annotators
from node_runtime.creator.tasks import TaskView
from node_runtime.errors import StorageError
from node_runtime.ports import AssetStore
from node_runtime.stages.bundle import OUTPUTS
from node_runtime.task import Submission, SubmissionId, SubmissionState, TaskId
from node_runtime.units import size

if TYPE_CHECKING:
    from node_runtime.agreement import Agreement  # numpy is slow to import

MOST_FETCHED = 1 << 30  # bytes of a bundle: who only lists results doesn't wait for more


@dataclass(frozen=True, kw_only=True)
class Unfit:
    """A result that isn't as the task asks, or can't be had, and why."""

    submission: SubmissionId
    reason: str


@dataclass(frozen=True, kw_only=True)
class Compared:
    """``agreement`` counts ``submissions`` from 0; None with less than two. Rejected ones aren't looked at."""

    submissions: tuple[SubmissionId, ...]
    agreement: "Agreement | None"
    unfit: tuple[Unfit, ...]


def compare_annotations(view: TaskView, store: AssetStore) -> Compared | None:
    """None where the task is no annotation. Raises `StorageError` when its bundle can't be had, or is large."""
    with open_annotators(view, store) as annotators:
        if annotators is None:
            return None
        _fetch_bundle(annotators, view.task.id)
        standing = [one for one in view.submissions if one.state is not SubmissionState.REJECTED]
        judged = [(one, _mistakes(one, annotators)) for one in standing]
        fit = [one for one, mistakes in judged if not mistakes]
        return Compared(
            submissions=tuple(one.id for one in fit),
            agreement=_agreement(fit, annotators) if len(fit) > 1 else None,
            unfit=tuple(Unfit(submission=one.id, reason=mistakes) for one, mistakes in judged if mistakes),
        )


def _fetch_bundle(annotators: Annotators, task: TaskId) -> None:
    """Without it nothing can be said of anybody."""
    found = annotators.store.size(annotators.bundle)
    if found > MOST_FETCHED:
        raise StorageError(
            f"the bundle has {size(found)}, more than is fetched for a listing",
            remedy=f"'node-runtime validate {task}' fetches it",
        )
    annotators.fetched(annotators.bundle)


def _agreement(submissions: list[Submission], annotators: Annotators) -> "Agreement":
    from node_runtime.agreement import agreement

    digests = [one.result.output(OUTPUTS) for one in submissions]
    return agreement([annotators.fetched(digest) for digest in digests if digest is not None], annotators.annotation)


def _mistakes(submission: Submission, annotators: Annotators) -> str:
    digest = submission.result.output(OUTPUTS)
    if digest is None:
        return f"it has no output {OUTPUTS}"
    try:
        found = annotators.store.size(digest)
        if found > annotators.limit:
            return f"its outputs have {size(found)}, more than the task's {size(annotators.limit)}"
        return annotators.mistakes(annotators.fetched(digest))
    except StorageError as error:
        return str(error)
