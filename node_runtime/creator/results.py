"""What did a task bring? Results as the chain holds them, with their documents and outputs, verified.

Everything comes from workers nobody has to trust: digests are verified while bytes stream, names are checked before
they become paths, and a document that tells otherwise than the chain is refused.
"""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from node_runtime.creator.folders import check_new, take_place
from node_runtime.errors import InputError, NodeRuntimeError
from node_runtime.ports import AssetStore, Chain
from node_runtime.results import FILE_NAME, MOST_FILES, ResultDocument
from node_runtime.storage.removal import remove_tree
from node_runtime.task import Digest, Submission, TaskId
from node_runtime.trouble import host_trouble

MAX_DOCUMENT = 8 << 20  # bytes
MOST_NUMBERS = 20  # shown of a perf.json
_LONGEST_NAME = 60  # characters
LOGS = "logs"
_OUTPUT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_REMEDY = "reject the submission, or ask its worker"


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """A submission, and its result.json unless that can't be had: then ``trouble`` says why."""

    submission: Submission
    document: ResultDocument | None
    trouble: str = ""


def list_task_results(chain: Chain, store: AssetStore, task: TaskId) -> tuple[TaskResult, ...]:
    """All results of the task, oldest first."""
    return tuple(_result(submission, store) for submission in chain.submissions(task))


def read_document(submission: Submission, store: AssetStore) -> ResultDocument:
    """The submission's result.json. Raises `StorageError`, or `InputError` when it tells otherwise than the chain."""
    document = ResultDocument.decode(store.read_file(submission.result.digest, FILE_NAME, limit=MAX_DOCUMENT))
    told = (document.task, document.epoch, document.worker, set(document.outputs.items()))
    outputs = {(output.name, output.digest) for output in submission.result.outputs}
    if told != (submission.task, submission.epoch, submission.worker, outputs):
        raise InputError(f"{FILE_NAME} of submission {submission.id} tells of something else", remedy=_REMEDY)
    return document


def fetch_result(submission: Submission, store: AssetStore, target: Path) -> tuple[Path, ...]:
    """Write result.json, the outputs and the logs into `target`, a new or empty folder; all of them or nothing.

    An output that is one file of its own name, as ``perf.json`` is, becomes that file. Raises `InputError`,
    `StorageError`, and `HostError` where this machine doesn't let us write.
    """
    check_new(target)
    document = read_document(submission, store)
    names = [*document.outputs, LOGS, FILE_NAME]
    odd = [name for name in document.outputs if not _OUTPUT.fullmatch(name)]
    if odd or len({name.lower() for name in names}) < len(names):
        raise InputError(f"submission {submission.id} names its outputs oddly: {names!a}", remedy=_REMEDY)
    with host_trouble(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            _fetch_all(submission, document, store, beside)
            beside.chmod(0o755)
            take_place(beside, target)
        except BaseException:
            remove_tree(beside)
            raise
        return tuple(sorted(target.iterdir()))


def numbers_beside(document: ResultDocument) -> Iterator[tuple[str, float]]:
    """What perf.json tells beside the score, as far as anybody reads it: a worker may have written anything."""
    every = (document.perf or {}).items()
    numbers = ((name, value) for name, value in every if isinstance(value, int | float) and name != "all")
    return ((name[:_LONGEST_NAME], value) for name, value in islice(numbers, MOST_NUMBERS))


def tables_beside(document: ResultDocument) -> Iterator[str]:
    """The names of the lists and objects in perf.json, as far as anybody reads them."""
    tables = (name for name, value in (document.perf or {}).items() if isinstance(value, list | dict))
    return (name[:_LONGEST_NAME] for name in islice(tables, MOST_NUMBERS))


def _fetch_all(submission: Submission, document: ResultDocument, store: AssetStore, folder: Path) -> None:
    for name, digest in document.outputs.items():
        _fetch_flat(store, Digest(digest), folder / name)
    if store.has(Digest(document.log)):  # logs on private data stay on the node
        store.fetch(Digest(document.log), folder / LOGS, most=MOST_FILES)
    _fetch_flat(store, submission.result.digest, folder / FILE_NAME)


def _result(submission: Submission, store: AssetStore) -> TaskResult:
    try:
        return TaskResult(submission=submission, document=read_document(submission, store))
    except NodeRuntimeError as error:
        return TaskResult(submission=submission, document=None, trouble=str(error))


def _fetch_flat(store: AssetStore, digest: Digest, target: Path) -> None:
    store.fetch(digest, target, most=MOST_FILES)
    alone = target / target.name
    if [entry.name for entry in target.iterdir()] == [target.name] and alone.is_file():
        moved = alone.rename(target.with_name(f".{target.name}.alone"))
        target.rmdir()
        moved.rename(target)
