"""What is told of annotations before they are judged? Whether they keep to the schema, and who else found the same.

Bundle and results are downloaded once for all of a task's results.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from node_runtime.annotations import check_annotations
from node_runtime.creator.tasks import TaskView
from node_runtime.document import Annotation, asset_ref
from node_runtime.errors import NodeRuntimeError, TaskFailed
from node_runtime.ports import AssetStore
from node_runtime.results import MOST_FILES
from node_runtime.stages.bundle import OUTPUTS
from node_runtime.task import Digest, Submission, SubmissionId, SubmissionState


@dataclass(frozen=True, kw_only=True)
class Agreed:
    """How far a result says the same as ``other``. ``measure`` says what ``score`` is; 1 is the same."""

    other: SubmissionId
    measure: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Annotators:
    """A task's annotations side by side. ``work`` keeps what was downloaded."""

    annotation: Annotation
    bundle: Digest
    store: AssetStore
    limit: int  # bytes of a result's outputs
    work: Path

    def mistakes(self, outputs: Path) -> str:
        """What in the outputs isn't as the task asks; empty when all is. Raises `StorageError` without the bundle."""
        try:
            check_annotations(outputs, self.fetched(self.bundle), self.annotation)
        except TaskFailed as failed:
            return failed.message
        return ""

    def agreements(self, outputs: Path, submission: SubmissionId, others: tuple[Submission, ...]) -> Iterator[Agreed]:
        """With each of the others that was not rejected and keeps to what the task asks.

        Only these are read: others may have more files, and more in them, than this machine has memory for.
        """
        from node_runtime.agreement import agreement  # numpy is slow to import

        for other in others:
            digest = other.result.output(OUTPUTS)
            if other.id == submission or other.state is SubmissionState.REJECTED or digest is None:
                continue
            try:
                if self.store.size(digest) > self.limit or self.mistakes(self.fetched(digest)):
                    continue
                found = agreement([outputs, self.fetched(digest)], self.annotation)
            except NodeRuntimeError:
                continue  # its own turn tells what is wrong with it
            yield Agreed(other=other.id, measure=found.measure, score=found.score)

    def fetched(self, digest: Digest) -> Path:
        """Its folder. Raises `StorageError`."""
        folder = self.work / digest
        if not folder.exists():
            self.store.fetch(digest, folder, most=MOST_FILES)
        return folder


@contextmanager
def open_annotators(view: TaskView, store: AssetStore) -> Iterator[Annotators | None]:
    """None where the task is no annotation, or its document can't be had."""
    document = view.document
    if document is None or document.annotation is None or document.bundle is None:
        yield None
        return
    with TemporaryDirectory(prefix="node-runtime-") as work:
        yield Annotators(
            annotation=document.annotation,
            bundle=asset_ref(document.bundle).digest,
            store=store,
            limit=document.limits.outputs,
            work=Path(work),
        )
