"""Federated averaging of the models in several results, on the creator's machine."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from node_runtime.domain.assets import Digest, SubmissionId
from node_runtime.domain.task import Submission, SubmissionState, TaskId
from node_runtime.errors import InputError, NoSuchSubmission, NoSuchTask
from node_runtime.federation.fedavg import federate as average
from node_runtime.federation.model_folder import MAX_INFO, MAX_STRUCTURE, MAX_WEIGHTS, ModelRefused, write_model
from node_runtime.kinds.stage import input_in, model_entry
from node_runtime.platform.files import host_errors
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore
from node_runtime.stores.tree.folders import remove_tree

from .results import check_new, take_place

LARGEST = MAX_WEIGHTS + MAX_STRUCTURE + MAX_INFO  # bytes of a model folder
_MODEL = "model"
_COPIES = 8  # of a model in memory at once; bounds the unpacked size, since a small archive can expand to gigabytes


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The selection of all accepted results of a task, or of one result that may still be under review."""

    task: TaskId
    submission: SubmissionId | None = None


@dataclass(frozen=True, kw_only=True)
class Federated:
    """The averaged model of ``submissions`` in ``folder``, trained on ``samples`` examples."""

    folder: Path
    submissions: tuple[Submission, ...]
    samples: int


def federate(chosen: Sequence[Chosen], chain: ChainReads, store: AssetStore, out: Path) -> Federated:
    """Write the average of the chosen results' models atomically to `out`, a new or empty folder.

    Raises `InputError` naming the result, file and layer that don't match, `StorageError`, and `HostError` when `out`
    is not writable.
    """
    check_new(out)
    submissions = {one.id: one for choice in chosen for one in _submissions(choice, chain)}
    models = {_called(one): _model_digest(one, store) for one in submissions.values()}
    with host_errors(out.parent):
        out.parent.mkdir(parents=True, exist_ok=True)
        with _scratch(out) as scratch:
            folders = {}
            for index, (called, digest) in enumerate(models.items()):
                store.fetch(digest, scratch / str(index))
                folders[called] = model_entry(input_in(scratch / str(index), digest))
            try:
                model = average(folders, limit=min(MAX_WEIGHTS, psutil.virtual_memory().available // _COPIES))
            except ModelRefused as refused:
                raise InputError(f"{refused.place}: {refused.reason}", remedy=refused.remedy) from refused
            write_model(model, scratch / _MODEL)
            take_place(scratch / _MODEL, out)
    return Federated(folder=out, submissions=tuple(submissions.values()), samples=model.info.samples)


def _submissions(choice: Chosen, chain: ChainReads) -> tuple[Submission, ...]:
    if chain.task(choice.task) is None:
        raise NoSuchTask(choice.task)
    every = chain.submissions(choice.task)
    if choice.submission is None:
        return _accepted(choice.task, every)
    named = next((one for one in every if one.id == choice.submission), None)
    if named is None:
        raise NoSuchSubmission(choice.task, choice.submission, (one.id for one in every))
    if named.state is SubmissionState.REJECTED:
        raise InputError(f"{_called(named)} was rejected", remedy="leave it out")
    return (named,)


def _accepted(task: TaskId, every: tuple[Submission, ...]) -> tuple[Submission, ...]:
    accepted = tuple(one for one in every if one.state is SubmissionState.ACCEPTED)
    if accepted:
        return accepted
    waiting = [one for one in every if one.state is SubmissionState.UNDER_REVIEW]
    remedy = f"see 'node-runtime show {task}'"
    if waiting:
        remedy = f"accept it, or name it to try it before: {waiting[0].task}/{waiting[0].id}"
    raise InputError(f"task {task} has no accepted result", remedy=remedy)


def _model_digest(submission: Submission, store: AssetStore) -> Digest:
    digest = submission.result.output(_MODEL)
    if digest is None:
        raise InputError(f"{_called(submission)} is no model", remedy="name trainings, restructurings or aggregations")
    size = store.size(digest)
    if size > LARGEST:
        raise InputError(f"{_called(submission)} has {size:,} bytes", remedy=f"models have at most {LARGEST:,}")
    return digest


def _called(submission: Submission) -> str:
    return f"result {submission.task}/{submission.id}"


@contextmanager
def _scratch(out: Path) -> Iterator[Path]:
    """Yield a scratch folder beside the target, so that a rename puts the result in place."""
    scratch = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield scratch
    finally:
        remove_tree(scratch)
