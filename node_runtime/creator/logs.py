"""What did the containers of a task print? The logs of its results and failed attempts, as far as they can be had."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from node_runtime.creator.results import LOGS, list_task_results
from node_runtime.errors import InputError, NodeRuntimeError, StorageError
from node_runtime.ports import AssetStore, Chain
from node_runtime.results import FAILURE_FILE, MOST_FILES
from node_runtime.task import Assignment, Digest, TaskId, Visibility

MAX_LOG = 4 << 20  # bytes of each log
MOST_READ = 64 << 20  # bytes of all logs of an attempt


@dataclass(frozen=True, kw_only=True)
class Log:
    """What one step of an attempt printed. ``source`` says whose: e.g. ``submission 3``."""

    source: str
    name: str
    text: str


@dataclass(frozen=True, kw_only=True)
class PrivateLog:
    """There is no log here to be read: it stays on its node, as the private data that it may tell of."""

    source: str
    reason: str = "its node keeps it, as the task's private data"


@dataclass(frozen=True, kw_only=True)
class LogTrouble:
    """A log that there is, but can't be had; ``trouble`` says why and what to try."""

    source: str
    trouble: str


FoundLog: TypeAlias = Log | PrivateLog | LogTrouble


def logs_of(chain: Chain, store: AssetStore, task: TaskId) -> tuple[FoundLog, ...]:
    """The logs of all results and failed attempts, oldest first."""
    found: list[tuple[int, str, Digest | NodeRuntimeError]] = []
    for result in list_task_results(chain, store, task):
        log = Digest(result.document.log) if result.document is not None else InputError(result.trouble)
        found.append((result.submission.epoch, f"submission {result.submission.id}", log))
    for attempt in chain.attempts(task):
        if attempt.log is not None:
            found.append((attempt.epoch, f"attempt {attempt.epoch}, {attempt.category}", attempt.log))
    private = _uses_private_data(chain, task) if found else False
    ordered = sorted(found, key=lambda one: one[:2])
    return tuple(log for _, source, known in ordered for log in _found(source, known, store, private=private))


def message_of(attempt: Assignment, store: AssetStore) -> str:
    """Why the attempt failed, in the node's words; empty when the node kept them, or storage doesn't have them."""
    if attempt.log is None:
        return ""
    try:
        logs = _read("", attempt.log, store)
    except NodeRuntimeError:
        return ""
    told = next((log.text for log in logs if log.name == FAILURE_FILE), "")
    first, more, _ = told.strip().partition("\n")
    return first.removeprefix(f"{attempt.category}: ") + (" ..." if more else "")


def _found(source: str, known: Digest | NodeRuntimeError, store: AssetStore, *, private: bool) -> Iterator[FoundLog]:
    if isinstance(known, NodeRuntimeError):
        yield LogTrouble(source=source, trouble=known.message)
        return
    try:
        if private and not store.has(known):
            yield PrivateLog(source=source)
            return
        yield from _read(source, known, store)
    except NodeRuntimeError as error:
        yield LogTrouble(source=source, trouble=str(error))


def _read(source: str, digest: Digest, store: AssetStore) -> list[Log]:
    if (size := store.size(digest)) > MOST_READ:
        raise StorageError(f"{size} bytes are more than the {MOST_READ} of logs that are read")
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as folder:
        tree = Path(folder) / LOGS
        store.fetch(digest, tree, most=MOST_FILES)
        files = sorted(path for path in tree.rglob("*") if path.is_file())
        return [Log(source=source, name=file.relative_to(tree).as_posix(), text=_head(file)) for file in files]


def _uses_private_data(chain: Chain, task: TaskId) -> bool:
    spec = chain.spec(task)
    assets = [chain.asset(ref) for ref in spec.assets] if spec is not None else []
    return any(asset is not None and asset.visibility is Visibility.PRIVATE for asset in assets)


def _head(file: Path) -> str:
    with file.open("rb") as opened:
        return opened.read(MAX_LOG).decode(errors="replace")
