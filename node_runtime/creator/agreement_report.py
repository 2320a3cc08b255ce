"""Reports on annotation results: conformance to the schema, and agreement between annotators.

The bundle and each result are downloaded once per report.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from node_runtime.creator.results import read_document, staying
from node_runtime.creator.tasks import TaskView
from node_runtime.domain.assets import AssetKind, Digest, SubmissionId
from node_runtime.domain.document import asset_ref
from node_runtime.domain.task import Submission, SubmissionState, TaskId
from node_runtime.domain.units import size
from node_runtime.errors import InputError, NodeRuntimeError, StorageError, TaskFailed
from node_runtime.kinds import annotation_of
from node_runtime.kinds.annotation.definition import Annotation
from node_runtime.kinds.annotation.outputs import check_annotations
from node_runtime.kinds.layouts.bundle import OUTPUTS
from node_runtime.platform.files import scratch_folder
from node_runtime.ports.store import AssetStore
from node_runtime.runner.result_document import MOST_FILES

if TYPE_CHECKING:
    from node_runtime.kinds.annotation.agreement import Agreement  # numpy is slow to import


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """The agreement of a result with ``other``. ``measure`` names what ``score`` is; 1 means identical."""

    other: SubmissionId
    measure: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Annotators:
    """The annotations of one task and their checks. ``work`` caches the downloads."""

    annotation: Annotation
    bundle: Digest
    store: AssetStore
    limit: int  # bytes of a result's outputs
    work: Path

    def mistakes(self, outputs: Path) -> str:
        """Return where the outputs violate the schema, empty if valid. Raises `StorageError` without the bundle."""
        try:
            check_annotations(outputs, self.fetched(self.bundle), self.annotation)
        except TaskFailed as failed:
            return failed.message
        return ""

    def agreements(self, outputs: Path, submission: SubmissionId, others: tuple[Submission, ...]) -> Iterator[Agreed]:
        """Yield the agreement with each other result that is valid and not rejected.

        Invalid results are never parsed: they may exceed the memory of this machine.
        """
        from node_runtime.kinds.annotation.agreement import agreement  # numpy is slow to import

        for other in others:
            digest = other.result.output(OUTPUTS)
            if other.id == submission or other.state is SubmissionState.REJECTED or digest is None:
                continue
            try:
                if self.store.size(digest) > self.limit or self.mistakes(self.fetched(digest)):
                    continue
                found = agreement([outputs, self.fetched(digest)], self.annotation)
            except NodeRuntimeError:
                continue  # reported when that result itself is checked
            yield Agreed(other=other.id, measure=found.measure, score=found.score)

    def fetched(self, digest: Digest) -> Path:
        """Return the folder of the asset, downloaded on first use. Raises `StorageError`."""
        folder = self.work / digest
        if not folder.exists():
            self.store.fetch(digest, folder, most=MOST_FILES)
        return folder


@contextmanager
def open_annotators(view: TaskView, store: AssetStore) -> Iterator[Annotators | None]:
    """Yield the task's `Annotators`; None if it is no annotation task or its document is unavailable."""
    document = view.document
    annotation = annotation_of(document) if document is not None else None
    if document is None or annotation is None:
        yield None
        return
    bundle = document.asset_of(AssetKind.BUNDLE)
    assert bundle is not None  # it holds the files that are annotated
    with scratch_folder() as work:
        yield Annotators(
            annotation=annotation,
            bundle=asset_ref(bundle).digest,
            store=store,
            limit=document.limits.outputs,
            work=work,
        )


MOST_FETCHED = 1 << 30  # bytes of a bundle; a listing downloads no more


@dataclass(frozen=True, kw_only=True)
class Unfit:
    """A result that is invalid or unavailable, and the reason."""

    submission: SubmissionId
    reason: str


@dataclass(frozen=True, kw_only=True)
class Compared:
    """The comparison of a task's annotations. ``agreement`` indexes ``submissions`` from 0; None with fewer than two.

    Rejected results are left out, and those whose outputs stay with their worker because it used private data.
    """

    submissions: tuple[SubmissionId, ...]
    agreement: "Agreement | None"
    unfit: tuple[Unfit, ...]


def compare_annotations(view: TaskView, store: AssetStore) -> Compared | None:
    """Compare a task's annotations; None if it is no annotation task.

    Raises `StorageError` when the bundle is unavailable or too large for a listing.
    """
    with open_annotators(view, store) as annotators:
        if annotators is None:
            return None
        _fetch_bundle(annotators, view.task.id)
        standing = [one for one in view.submissions if one.state is not SubmissionState.REJECTED]
        standing = [one for one in standing if not _outputs_stay(one, store)]
        judged = [(one, _mistakes(one, annotators)) for one in standing]
        fit = [one for one, mistakes in judged if not mistakes]
        return Compared(
            submissions=tuple(one.id for one in fit),
            agreement=_agreement(fit, annotators) if len(fit) > 1 else None,
            unfit=tuple(Unfit(submission=one.id, reason=mistakes) for one, mistakes in judged if mistakes),
        )


def _fetch_bundle(annotators: Annotators, task: TaskId) -> None:
    """Download the bundle, which every check needs."""
    found = annotators.store.size(annotators.bundle)
    if found > MOST_FETCHED:
        raise StorageError(
            f"the bundle has {size(found)}, more than is fetched for a listing",
            remedy=f"'node-runtime validate {task}' fetches it",
        )
    annotators.fetched(annotators.bundle)


def _agreement(submissions: list[Submission], annotators: Annotators) -> "Agreement":
    from node_runtime.kinds.annotation.agreement import agreement

    digests = [one.result.output(OUTPUTS) for one in submissions]
    return agreement([annotators.fetched(digest) for digest in digests if digest is not None], annotators.annotation)


def _outputs_stay(submission: Submission, store: AssetStore) -> bool:
    try:
        return OUTPUTS in staying(read_document(submission, store))
    except (StorageError, InputError):  # reported by the check of its outputs
        return False


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
