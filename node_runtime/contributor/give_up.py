"""How does a person give a task up? Hand the slot back, or tell why the task can't be done."""

import tempfile
from pathlib import Path

from node_runtime.contributor.folder import TaskFolder
from node_runtime.contributor.holds import check_live, own_attempt
from node_runtime.errors import FailureCategory, InputError
from node_runtime.ports import AssetStore, Chain
from node_runtime.results import FAILURE_FILE
from node_runtime.storage.removal import remove_tree
from node_runtime.storage.walk import FOUND_AFTER_RUN, tree_files
from node_runtime.task import Assignment, AssignmentState, TaskId

MAX_LOGS = 4 << 20  # bytes
MAX_REASON = 2000  # characters


def hand_back(chain: Chain, number: TaskId) -> Assignment:
    """Somebody else may have the slot. May be repeated. Raises `ChainRefused` when there is nothing to hand back."""
    hold = own_attempt(chain, number)
    if hold.state is not AssignmentState.HANDED_BACK:
        check_live(hold)
        chain.hand_back(number, hold.epoch)
    return hold


def report_failure(
    chain: Chain, store: AssetStore, number: TaskId, category: FailureCategory, reason: str, *, folder: Path
) -> Assignment:
    """Tell the chain that the attempt failed and why; the logs of the last run in ``folder``, if any, go along.

    Costs a small fee unless the task turns out to be at fault. May be repeated.
    """
    hold = own_attempt(chain, number)
    if hold.state is AssignmentState.FAILED:
        return hold
    check_live(hold)
    if not reason.strip() or len(reason) > MAX_REASON:
        raise InputError(
            f"a failure needs a reason of up to {MAX_REASON} characters", remedy="--reason 'what is wrong'"
        )
    TaskFolder(folder).check_is_of(hold)
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as scratch:
        told = Path(scratch) / "logs"
        told.mkdir()
        _copy_logs(TaskFolder(folder).logs, told)
        sentence = f"{category}: {' '.join(reason.split())}\n"
        (told / FAILURE_FILE).write_text(sentence, encoding="utf-8", errors="replace")
        log = store.put(told)
    chain.report_failure(number, hold.epoch, category, log)
    return hold


def _copy_logs(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    for file in tree_files(source, caps=FOUND_AFTER_RUN.with_bytes(MAX_LOGS)):
        if "/" not in file.path:
            remove_tree(target / file.path)
            with (target / file.path).open("wb") as copied:
                for chunk in file.chunks():
                    copied.write(chunk)
