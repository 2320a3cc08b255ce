"""Results on chain with their result documents, their download into a folder, and the logs of results and attempts.

Results are untrusted: digests are verified while streaming, names are validated before they become paths, and a
document that contradicts the chain is refused.
"""

import errno
import os
import re
import tempfile
from collections.abc import Collection, Iterator, Set
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from node_runtime.domain.assets import Digest
from node_runtime.domain.task import Submission, TaskId
from node_runtime.errors import InputError, NodeRuntimeError, StorageError
from node_runtime.kinds import leaving_outputs
from node_runtime.platform.files import host_errors, scratch_folder
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore
from node_runtime.runner.result_document import FILE_NAME, MOST_FILES, ResultDocument
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.stores.tree.folders import remove_tree

from .kept import LOGS, PRIVATE, models_may_stay, why_logs_stay
from .log_files import log_names

_TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)

MAX_DOCUMENT = 8 << 20  # bytes
MOST_NUMBERS = 20  # values of a perf.json that are shown

MAX_LOG = 4 << 20  # bytes of each log
MOST_READ = 64 << 20  # bytes of all logs of an attempt
_LONGEST_NAME = 60  # characters
_OUTPUT = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{packaged_bounds().max_output_name - 1}}}")
_REMEDY = "reject the submission, or ask its worker"


def check_new(target: Path) -> None:
    """Raise `InputError` unless `target` is new or an empty folder, `HostError` if it can't be inspected."""
    with host_errors(target.parent):
        if os.path.lexists(target) and (target.is_symlink() or not target.is_dir() or any(target.iterdir())):
            raise _taken(target)


def take_place(made: Path, target: Path) -> None:
    """Rename the folder ``made`` to ``target`` on the same filesystem. Raises `InputError` if it exists meanwhile."""
    try:
        made.replace(target)
    except OSError as error:
        if error.errno in _TAKEN:
            raise _taken(target) from None
        raise


def _taken(target: Path) -> InputError:
    return InputError(f"{target} is there and not empty", remedy="name a new folder")


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """A submission with its result.json; without one ``trouble`` holds the reason."""

    submission: Submission
    document: ResultDocument | None
    trouble: str = ""


def list_task_results(chain: ChainReads, store: AssetStore, task: TaskId) -> tuple[TaskResult, ...]:
    """Return all results of the task, oldest first."""
    kept = models_may_stay(chain, task)
    return tuple(read_result(submission, store, models_stay=kept) for submission in chain.submissions(task))


def read_document(submission: Submission, store: AssetStore, *, models_stay: bool = True) -> ResultDocument:
    """Return the submission's result.json. Raises `StorageError`, or `InputError` if it contradicts the chain.

    ``models_stay``: whether its worker may keep models back.
    """
    document = ResultDocument.decode(store.read_file(submission.result.digest, FILE_NAME, limit=MAX_DOCUMENT))
    told = (document.task, document.epoch, document.worker, set(document.outputs.items()))
    outputs = {(output.name, output.digest) for output in submission.result.outputs}
    if told != (submission.task, submission.epoch, submission.worker, outputs):
        raise InputError(f"{FILE_NAME} of submission {submission.id} tells of something else", remedy=_REMEDY)
    must_come = leaving_outputs(document.kind) - (frozenset({"model"}) if models_stay else frozenset())
    if not must_come.isdisjoint(document.outputs_stay or ()):
        raise InputError(f"{FILE_NAME} of submission {submission.id} keeps back what must come", remedy=_REMEDY)
    return document


def fetch_result(
    submission: Submission, store: AssetStore, target: Path, *, dropped: Collection[str] = ()
) -> tuple[Path, ...]:
    """Write result.json, the outputs and the logs atomically to `target`, a new or empty folder.

    Outputs and logs that stay with the worker (`staying`) are left out, and outputs that were ``dropped``. An output
    folder that holds a single file of the output's name, e.g. ``perf.json``, becomes that file. Raises `InputError`,
    `StorageError`, and `HostError` when the folder is not writable.
    """
    check_new(target)
    document = read_document(submission, store)
    names = [*document.outputs, LOGS, FILE_NAME]
    odd = [name for name in document.outputs if not _OUTPUT.fullmatch(name)]
    if odd or len({name.lower() for name in names}) < len(names):
        raise InputError(f"submission {submission.id} names its outputs oddly: {names!a}", remedy=_REMEDY)
    with host_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            _fetch_all(submission, document, store, beside, dropped)
            beside.chmod(0o755)
            take_place(beside, target)
        except BaseException:
            remove_tree(beside)
            raise
        return tuple(sorted(target.iterdir()))


def staying(document: ResultDocument) -> tuple[str, ...]:
    """Return the names of outputs and logs that stay with the worker."""
    return (*(document.outputs_stay or ()), *((LOGS,) if document.log_stays else ()))


def numbers_beside(document: ResultDocument) -> Iterator[tuple[str, float]]:
    """Yield the numbers in perf.json besides the score, bounded in count and length since the file is untrusted."""
    every = (document.perf or {}).items()
    numbers = ((name, value) for name, value in every if isinstance(value, int | float) and name != "all")
    return ((name[:_LONGEST_NAME], value) for name, value in islice(numbers, MOST_NUMBERS))


def vanished(result: TaskResult) -> tuple[str, ...]:
    """Return the names of values that are non-zero in perf.json but rounded to zero at the chain's 18 decimals."""
    perf = (result.document.perf if result.document is not None else None) or {}
    return tuple(one.name for one in result.submission.result.perfs if not one.value and perf.get(one.name))


def tables_beside(document: ResultDocument) -> Iterator[str]:
    """Yield the names of the lists and objects in perf.json, bounded in count and length."""
    tables = (name for name, value in (document.perf or {}).items() if isinstance(value, list | dict))
    return (name[:_LONGEST_NAME] for name in islice(tables, MOST_NUMBERS))


def _fetch_all(
    submission: Submission, document: ResultDocument, store: AssetStore, folder: Path, dropped: Collection[str]
) -> None:
    for name, digest in document.outputs.items():
        if name not in (*staying(document), *dropped):
            _fetch_flat(store, Digest(digest), folder / name)
    if store.has(Digest(document.log)):  # logs of private data stay on the node
        store.fetch(Digest(document.log), folder / LOGS, most=MOST_FILES)
    _fetch_flat(store, submission.result.digest, folder / FILE_NAME)


def read_result(submission: Submission, store: AssetStore, *, models_stay: bool = True) -> TaskResult:
    """Return a submission with its result.json, or with the reason why there is none."""
    try:
        return TaskResult(submission=submission, document=read_document(submission, store, models_stay=models_stay))
    except NodeRuntimeError as error:
        return TaskResult(submission=submission, document=None, trouble=str(error))


def _fetch_flat(store: AssetStore, digest: Digest, target: Path) -> None:
    store.fetch(digest, target, most=MOST_FILES)
    alone = target / target.name
    if [entry.name for entry in target.iterdir()] == [target.name] and alone.is_file():
        moved = alone.rename(target.with_name(f".{target.name}.alone"))
        target.rmdir()
        moved.rename(target)


@dataclass(frozen=True, kw_only=True)
class Log:
    """The log of one stage of an attempt. ``source`` names the attempt, e.g. ``submission 3``."""

    source: str
    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class PrivateLog:
    """A log that stays on its node: it may disclose private data, or not everyone may read it."""

    source: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class LogTrouble:
    """A log that is unavailable; ``trouble`` holds the reason and the remedy."""

    source: str
    trouble: str


FoundLog: TypeAlias = Log | PrivateLog | LogTrouble


@dataclass(frozen=True, kw_only=True)
class AttemptLogs:
    """The logs of one attempt that ended: its containers', why it failed, then the builds of its images."""

    epoch: int
    logs: tuple[FoundLog, ...]


def logs_of(chain: ChainReads, store: AssetStore, task: TaskId) -> tuple[FoundLog, ...]:
    """Return the logs of all results and failed attempts, oldest first."""
    return tuple(log for one in logs_by_attempt(chain, store, task) for log in one.logs)


def logs_by_attempt(
    chain: ChainReads, store: AssetStore, task: TaskId, *, without: Set[int] = frozenset()
) -> Iterator[AttemptLogs]:
    """Yield the logs of all results and failed attempts, oldest first, but those of the epochs ``without``."""
    found: list[tuple[int, str, Digest | NodeRuntimeError]] = []
    for result in list_task_results(chain, store, task):
        log = Digest(result.document.log) if result.document is not None else InputError(result.trouble)
        found.append((result.submission.epoch, f"submission {result.submission.id}", log))
    for attempt in chain.attempts(task):
        if attempt.log is not None:
            found.append((attempt.epoch, f"attempt {attempt.epoch}, {attempt.category}", attempt.log))
    wanted = sorted((one for one in found if one[0] not in without), key=lambda one: one[:2])
    why = why_logs_stay(chain, task) if wanted else ""
    reason = f"its node keeps it: {f'the task uses {PRIVATE[why]}' if why in PRIVATE else why}"
    for epoch, source, known in wanted:
        yield AttemptLogs(epoch=epoch, logs=tuple(_found_logs(source, known, store, kept=reason if why else "")))


def _found_logs(source: str, known: Digest | NodeRuntimeError, store: AssetStore, *, kept: str) -> Iterator[FoundLog]:
    if isinstance(known, NodeRuntimeError):
        yield LogTrouble(source=source, trouble=known.message)
        return
    try:
        if kept and not store.has(known):
            yield PrivateLog(source=source, reason=kept)
            return
        yield from read_logs(source, known, store)
    except NodeRuntimeError as error:
        yield LogTrouble(source=source, trouble=str(error))


@contextmanager
def fetched_logs(digest: Digest, store: AssetStore) -> Iterator[Path]:
    """Yield the folder with the logs of an attempt. Raises `StorageError` for more than is read."""
    if (size := store.size(digest)) > MOST_READ:
        raise StorageError(f"{size} bytes are more than the {MOST_READ} of logs that are read")
    with scratch_folder() as folder:
        store.fetch(digest, folder / LOGS, most=MOST_FILES)
        yield folder / LOGS


def read_logs(source: str, digest: Digest, store: AssetStore) -> list[Log]:
    with fetched_logs(digest, store) as folder:
        return [Log(source=source, name=name, text=_head(folder / name)) for name in log_names(folder)]


def _head(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(MAX_LOG).decode(errors="replace")
