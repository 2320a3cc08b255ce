"""What goes into the outbox: an attempt's result, or the category and log of its failure."""

import shutil
from collections.abc import Sequence

from node_runtime.daemon.attempt import Attempt
from node_runtime.daemon.fetch import uses_private_data
from node_runtime.daemon.node import Node
from node_runtime.daemon.outbox import Parcel, Upload
from node_runtime.document import Document
from node_runtime.errors import TaskFailed
from node_runtime.ports import ContainerRun
from node_runtime.results import (
    FAILURE_FILE,
    Collected,
    check_outputs,
    collect,
    collect_logs,
    describe,
    perf_of,
    result_of,
    write_result,
)
from node_runtime.stages import Inputs, Stage
from node_runtime.storage.prune import MONTH, prune
from node_runtime.task import Assignment, Task
from node_runtime.trouble import host_trouble
from node_runtime.workspace import AttemptId, Workspace

PRIVATE_LOGS = "private-logs"  # in the work folder, each attempt's under its digest


def pack_result(
    attempt: Attempt, inputs: Inputs, runs: Sequence[tuple[Stage, ContainerRun]], workspace: Workspace, node: Node
) -> Parcel:
    """A parcel with everything the stages left; already in the outbox. May be repeated.

    Raises `TaskFailed`: output_invalid or output_too_large; `StorageError` soon after the attempt is over.
    """
    hold, stages = attempt.assignment, [stage for stage, _ in runs]
    perf = perf_of(stages, workspace)
    outputs = collect(stages, workspace, stop=attempt.ending.over)
    check_outputs(outputs, document=attempt.document, inputs=inputs)
    logs = collect_logs(workspace)
    shared = shared_logs(logs, attempt.document, node)
    document = describe(
        task=hold.task,
        epoch=hold.epoch,
        worker=hold.worker,
        kind=attempt.document.kind,
        inputs=inputs,
        runs=runs,
        outputs=outputs,
        perf=perf,
        log=logs,
        log_stays=not shared,
    )
    written = write_result(document, workspace)
    parcel = Parcel(
        task=hold.task,
        epoch=hold.epoch,
        worker=hold.worker,
        due=hold.due,
        reward=attempt.task.terms.reward,
        log=logs.digest,
        uploads=uploads_of([written, *outputs, *shared]),
        result=result_of(written, outputs, uri=node.store.uri(written.digest), perf=perf),
    )
    node.outbox.pack(parcel)
    return parcel


def pack_failure(
    assignment: Assignment, task: Task, failure: TaskFailed, document: Document | None, node: Node
) -> Parcel:
    """A parcel that tells why the attempt failed, with its logs; already in the outbox. May be repeated."""
    workspace = node.workspaces.open(AttemptId(task=assignment.task, epoch=assignment.epoch))
    reason = f"{failure.category}: {failure}\n"
    (workspace.logs / FAILURE_FILE).write_text(reason, encoding="utf-8", errors="replace")
    logs = collect_logs(workspace)
    parcel = Parcel(
        task=assignment.task,
        epoch=assignment.epoch,
        worker=assignment.worker,
        due=assignment.due,
        reward=task.terms.reward,
        log=logs.digest,
        uploads=uploads_of(shared_logs(logs, document, node)),
        category=failure.category,
        message=str(failure),
    )
    node.outbox.pack(parcel)
    return parcel


def shared_logs(logs: Collected, document: Document | None, node: Node) -> tuple[Collected, ...]:
    """The logs, unless they may tell of private data: then they stay in this node's log folder, for a while.

    Without a ``document`` nobody knows what the task has seen, so its logs stay here too.
    """
    if node.share_private_logs or (document is not None and not uses_private_data(document, node.private)):
        return (logs,)
    with host_trouble(node.work / PRIVATE_LOGS):
        shutil.copytree(logs.source, node.work / PRIVATE_LOGS / logs.digest, dirs_exist_ok=True)
    prune(node.work / PRIVATE_LOGS, MONTH)
    return ()


def uploads_of(collected: Sequence[Collected]) -> tuple[Upload, ...]:
    return tuple(Upload(path=one.source, digest=one.digest) for one in collected)
