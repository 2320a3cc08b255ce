"""How does a person's work reach storage and chain? Look at the outputs as if a stranger had made them, store, submit.

Nothing in them is executed or followed.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node_runtime.admission import admitted_document, model_digests
from node_runtime.contributor.assign import bundle_digest, check_for_people
from node_runtime.contributor.folder import OWN, TaskFolder
from node_runtime.contributor.holds import check_live, existing_task, own_attempt
from node_runtime.document import Document
from node_runtime.errors import InputError, TaskFailed
from node_runtime.ports import AssetStore, Chain, ContainerRun, Say
from node_runtime.results import FILE_NAME, Collected, check_outputs, describe, result_of
from node_runtime.stages import Inputs, Stage, inputs_of
from node_runtime.stages.bundle import OUTPUTS
from node_runtime.storage.manifest import TreeMissing, TreeRefused
from node_runtime.storage.walk import FOUND_AFTER_RUN, manifest_of
from node_runtime.task import Assignment, AssignmentState, Digest, Kind, Submission, SubmissionId, TaskId
from node_runtime.trouble import host_trouble

BY_HAND = "These outputs were made by a person, not by a container of a node: nobody saw how.\n"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """``again`` says that these outputs were sent before, and nothing was done."""

    submission: SubmissionId
    files: int
    again: bool


@dataclass(frozen=True, kw_only=True)
class Witnessed:
    """What containers did for it and printed; nothing of the kind when a person worked by hand."""

    runs: Sequence[tuple[Stage, ContainerRun]] = ()
    logs: Path | None = None


BY_HAND_ONLY = Witnessed()


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """Outputs that may be sent. ``before`` is the submission that brought just these already."""

    hold: Assignment
    document: Document
    inputs: Inputs
    outputs: Collected
    files: int
    before: Submission | None


def check_result(chain: Chain, store: AssetStore, number: TaskId, outputs: Path) -> int:
    """How many files `send_result` would send. Raises what it would raise, and sends nothing."""
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as scratch:
        return _checked(chain, store, number, outputs, Path(scratch)).files


def send_result(
    chain: Chain,
    store: AssetStore,
    number: TaskId,
    outputs: Path,
    *,
    witnessed: Witnessed = BY_HAND_ONLY,
    say: Say = lambda _: None,
) -> Sent:
    """Check ``outputs``, a folder, store it and send it as the result of the task that this account holds.

    May be repeated: the same outputs again are success. Raises `InputError` for outputs that aren't what the task asks
    for, naming the place; `ChainRefused` for an attempt that is over, late or another's; `StorageError`.
    """
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as scratch:
        checked = _checked(chain, store, number, outputs, Path(scratch))
        if checked.before is not None:
            return Sent(submission=checked.before.id, files=checked.files, again=True)
        say(f"storing {checked.files} {'file' if checked.files == 1 else 'files'}")
        logs = _logs(witnessed, Path(scratch))
        written = _write(_described(checked, witnessed, logs), Path(scratch) / FILE_NAME)
        for one in (checked.outputs, logs, written):
            _store(store, one)
    result = result_of(written, [checked.outputs], uri=store.uri(written.digest), perf=None)
    submission = chain.send_task_result(number, checked.hold.epoch, result)
    return Sent(submission=submission, files=checked.files, again=False)


def _checked(chain: Chain, store: AssetStore, number: TaskId, outputs: Path, scratch: Path) -> _Checked:
    hold = own_attempt(chain, number)
    if hold.state is not AssignmentState.SUBMITTED:
        check_live(hold)
    task, spec = existing_task(chain, number)
    document = admitted_document(task, spec, store)
    check_for_people(document, number)
    TaskFolder(outputs.absolute().parent).check_is_of(hold)
    collected, files = collect_outputs(outputs, document)
    before = _sent_before(chain, hold, collected) if hold.state is AssignmentState.SUBMITTED else None
    if before is None:
        check_live(hold)
    inputs = _inputs(document, model_digests(document, chain), hold, store, scratch)
    with _as_input():
        check_outputs([collected], document=document, inputs=inputs)
    return _Checked(hold=hold, document=document, inputs=inputs, outputs=collected, files=files, before=before)


def _described(checked: _Checked, witnessed: Witnessed, logs: Collected) -> bytes:
    return describe(
        task=checked.hold.task,
        epoch=checked.hold.epoch,
        worker=checked.hold.worker,
        kind=checked.document.kind,
        inputs=checked.inputs,
        runs=witnessed.runs,
        outputs=[checked.outputs],
        perf=None,
        log=logs,
    ).encode()


def collect_outputs(outputs: Path, document: Document) -> tuple[Collected, int]:
    """What is to be sent and how many files it has. Raises `InputError` for what can't be, before all of it is read."""
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
    if not found.entries:
        raise InputError(
            f"{outputs} is empty", remedy="do the work first, e.g. with ./start_task.sh, and write its results there"
        )
    name = OUTPUTS if document.kind is Kind.ANNOTATION else "model"
    return Collected(name=name, source=outputs, digest=found.digest), len(found.entries)


@contextmanager
def _as_input() -> Iterator[None]:
    """What would be a container's failure is the person's own mistake, told before anything is sent."""
    try:
        yield
    except TreeMissing as error:
        raise InputError(error.message, remedy=error.remedy) from error
    except (TreeRefused, TaskFailed) as error:
        raise InputError(error.message, remedy=error.remedy) from error


def _sent_before(chain: Chain, hold: Assignment, collected: Collected) -> Submission | None:
    """The attempt's submission when it brought just these outputs."""
    sent = next((one for one in chain.submissions(hold.task) if one.id == hold.submission), None)
    return sent if sent is not None and sent.result.output(collected.name) == collected.digest else None


def _inputs(document: Document, models: Sequence[Digest], hold: Assignment, store: AssetStore, scratch: Path) -> Inputs:
    """The inputs by their digests; of them only an annotation's bundle is looked into, as it was given out."""
    nothing = scratch / "nothing"
    nothing.mkdir()
    bundle = scratch / "bundle"
    if document.annotation is not None:
        store.fetch(bundle_digest(document), bundle)

    def folder_of(digest: Digest) -> Path:
        return bundle if digest == bundle_digest(document) and bundle.exists() else nothing

    return inputs_of(document, models=models, folder_of=folder_of, worker=hold.worker)


def _logs(witnessed: Witnessed, scratch: Path) -> Collected:
    folder = witnessed.logs
    if folder is None:
        folder = scratch / "logs"
        folder.mkdir()
        (folder / "by-hand.log").write_text(BY_HAND)
    return Collected(name="logs", source=folder, digest=manifest_of(folder).digest)


def _write(encoded: bytes, path: Path) -> Collected:
    with host_trouble(path.parent):
        path.write_bytes(encoded)
    return Collected(name=path.name, source=path, digest=manifest_of(path).digest)


def _store(store: AssetStore, one: Collected) -> None:
    if not store.has(one.digest) and store.put(one.source) != one.digest:
        raise InputError(f"{one.source} changed while it was sent", remedy="send it again when nothing writes to it")
