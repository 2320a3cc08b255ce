"""Submission of a person's result: validate the outputs as untrusted, store and submit them.

No file in them is executed and no link followed.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node_runtime.contributor.assign import bundle_digest, check_for_people, check_sharable
from node_runtime.contributor.folder import OWN, TaskFolder
from node_runtime.domain.admission import admit, admitted_document
from node_runtime.domain.assets import Digest, SubmissionId
from node_runtime.domain.document import Document
from node_runtime.domain.task import Assignment, AssignmentState, Kind, Submission, TaskId
from node_runtime.errors import InputError, TaskFailed
from node_runtime.kinds import Inputs, Stage, check_outputs, inputs_of, kind_of
from node_runtime.kinds.layouts.bundle import OUTPUTS
from node_runtime.platform.files import host_errors, scratch_folder
from node_runtime.platform.printable import Say
from node_runtime.ports.chain import WorkerCalls
from node_runtime.ports.engine import ContainerRun
from node_runtime.ports.store import AssetStore
from node_runtime.runner.result_document import FILE_NAME, Collected, describe, result_of
from node_runtime.stores.tree.manifest import TreeMissing, TreeRefused
from node_runtime.stores.tree.walk import FOUND_AFTER_RUN, manifest_of

from .attempts import check_live, existing_task, own_attempt

BY_HAND = "These outputs were made by a person, not by a container of a node: nobody saw how.\n"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """A submitted result. ``again`` is True if the same outputs were submitted before and nothing was sent."""

    submission: SubmissionId
    files: int
    again: bool


@dataclass(frozen=True, kw_only=True)
class Witnessed:
    """The container runs and logs of a result; empty for work by hand."""

    runs: Sequence[tuple[Stage, ContainerRun]] = ()
    logs: Path | None = None


BY_HAND_ONLY = Witnessed()


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """Validated outputs. ``before`` is an existing submission of the same outputs."""

    assignment: Assignment
    document: Document
    inputs: Inputs
    outputs: Collected
    files: int
    before: Submission | None


def check_result(chain: WorkerCalls, store: AssetStore, number: TaskId, outputs: Path) -> int:
    """Validate as `send_result` does, without sending; return the number of files."""
    with scratch_folder() as scratch:
        return _checked(chain, store, number, outputs, scratch).files


def send_result(
    chain: WorkerCalls,
    store: AssetStore,
    number: TaskId,
    outputs: Path,
    *,
    witnessed: Witnessed = BY_HAND_ONLY,
    say: Say = lambda _: None,
) -> Sent:
    """Validate and store the folder ``outputs``, and submit it as the result of this account's assignment.

    Idempotent for the same outputs. Raises `InputError` with the place for outputs that violate the task;
    `ChainRefused` for an attempt that has ended, is past due or is another's; `StorageError`.
    """
    with scratch_folder() as scratch:
        checked = _checked(chain, store, number, outputs, scratch)
        if checked.before is not None:
            return Sent(submission=checked.before.id, files=checked.files, again=True)
        say(f"storing {checked.files} {'file' if checked.files == 1 else 'files'}")
        logs = _logs(witnessed, scratch)
        written = _write(_described(checked, witnessed, logs), scratch / FILE_NAME)
        for one in (checked.outputs, logs, written):
            _store(store, one)
    result = result_of(written, [checked.outputs], uri=store.uri(written.digest), perf=None)
    submission = chain.send_task_result(number, checked.assignment.epoch, result)
    return Sent(submission=submission, files=checked.files, again=False)


def _checked(chain: WorkerCalls, store: AssetStore, number: TaskId, outputs: Path, scratch: Path) -> _Checked:
    assignment = own_attempt(chain, number)
    if assignment.state is not AssignmentState.SUBMITTED:
        check_live(assignment, chain)
    record = existing_task(chain, number)
    document = admitted_document(record.task, record.spec, store)
    check_for_people(document, number)
    check_sharable(chain, record)
    TaskFolder(outputs.absolute().parent).check_is_of(assignment)
    collected, files = collect_outputs(outputs, document)
    before = _sent_before(chain, assignment, collected) if assignment.state is AssignmentState.SUBMITTED else None
    if before is None:
        check_live(assignment, chain)
    inputs = _inputs(document, admit(document, record, chain).models, assignment, store, scratch)
    with _as_input():
        check_outputs(document, inputs, [collected.source])
    return _Checked(
        assignment=assignment, document=document, inputs=inputs, outputs=collected, files=files, before=before
    )


def _described(checked: _Checked, witnessed: Witnessed, logs: Collected) -> bytes:
    return describe(
        task=checked.assignment.task,
        epoch=checked.assignment.epoch,
        worker=checked.assignment.worker,
        kind=Kind(checked.document.kind),
        inputs=checked.inputs,
        runs=witnessed.runs,
        outputs=[checked.outputs],
        parameters=checked.document.parameters,
        perf=None,
        log=logs,
    ).encode()


def collect_outputs(outputs: Path, document: Document) -> tuple[Collected, int]:
    """Return the outputs and their number of files. Raises `InputError` at the first violated limit."""
    if os.path.lexists(outputs / OWN):
        raise InputError(
            f"{outputs} is the task's whole folder", remedy=f"name what is to be sent: {outputs / OUTPUTS}"
        )
    if not outputs.is_dir() or outputs.is_symlink():
        raise InputError(
            f"{outputs} is not a folder", remedy="do the work first, e.g. with ./start_task.sh, or name its outputs"
        )
    with _as_input():
        found = manifest_of(outputs, caps=FOUND_AFTER_RUN.with_bytes(document.limits.outputs))
    if not found.files:
        raise InputError(
            f"{outputs} is empty", remedy="do the work first, e.g. with ./start_task.sh, and write its results there"
        )
    return Collected(name=kind_of(document).output, source=outputs, digest=found.digest), len(found.files)


@contextmanager
def _as_input() -> Iterator[None]:
    """Convert failures of the output checks to `InputError`: here they are mistakes of the person."""
    try:
        yield
    except TreeMissing as error:
        raise InputError(error.message, remedy=error.remedy) from error
    except (TreeRefused, TaskFailed) as error:
        raise InputError(error.message, remedy=error.remedy) from error


def _sent_before(chain: WorkerCalls, assignment: Assignment, collected: Collected) -> Submission | None:
    """Return the attempt's submission if it has the same outputs."""
    sent = next((one for one in chain.submissions(assignment.task) if one.id == assignment.submission), None)
    return sent if sent is not None and sent.result.output(collected.name) == collected.digest else None


def _inputs(
    document: Document, models: Sequence[Digest], assignment: Assignment, store: AssetStore, scratch: Path
) -> Inputs:
    """Return the inputs by digest; only the original bundle is downloaded, if the output checks need it."""
    nothing = scratch / "nothing"
    nothing.mkdir()
    bundle = scratch / "bundle"
    if kind_of(document).check_outputs is not None:
        store.fetch(bundle_digest(document), bundle)

    def folder_of(digest: Digest) -> Path:
        return bundle if digest == bundle_digest(document) and bundle.exists() else nothing

    return inputs_of(document, models=models, folder_of=folder_of, worker=assignment.worker)


def _logs(witnessed: Witnessed, scratch: Path) -> Collected:
    folder = witnessed.logs
    if folder is None:
        folder = scratch / "logs"
        folder.mkdir()
        (folder / "by-hand.log").write_text(BY_HAND)
    return Collected(name="logs", source=folder, digest=manifest_of(folder).digest)


def _write(encoded: bytes, path: Path) -> Collected:
    with host_errors(path.parent):
        path.write_bytes(encoded)
    return Collected(name=path.name, source=path, digest=manifest_of(path).digest)


def _store(store: AssetStore, one: Collected) -> None:
    if not store.has(one.digest, own=True) and store.put(one.source) != one.digest:
        raise InputError(f"{one.source} changed while it was sent", remedy="send it again when nothing writes to it")
