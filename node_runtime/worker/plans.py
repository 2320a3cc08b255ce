"""Plans at work on this node: the turns to write their local folders, and the removal of folders at their end."""

from collections.abc import Iterable, Set

import structlog

from node_runtime.domain.document import Document
from node_runtime.domain.task import AssignmentState, Task, TaskState
from node_runtime.errors import HostError
from node_runtime.kinds import Stage, kind_of
from node_runtime.ports.chain import ChainReads
from node_runtime.runner.attempt_id import AttemptId
from node_runtime.runner.plan_folders import PlanFolderState, PlanKey
from node_runtime.runner.workspace import Workspace

from .attempt import Attempt
from .inputs import plan_of
from .node import Node
from .rights import stays_by_inputs

log = structlog.get_logger()

_TURN_INTERVAL = 0.2  # seconds between looks at whether the turn has come


def written_plan(task: Task, document: Document) -> PlanKey | None:
    """Return the plan whose local folder the task writes."""
    return plan_of(task, document) if kind_of(document).writes_local else None


def begin_in_plan(attempt: Attempt, workspace: Workspace, node: Node) -> bool:
    """Put the content of its plan's local folder into the workspace; return False for a task that sees none.

    An attempt that writes it waits for its turn. What has to stay of the content is noted in the workspace. Raises as
    `Cancellation.check` does.
    """
    key = plan_of(attempt.task, attempt.document)
    if key is None:
        return False
    plans = node.workspaces.plans
    state = plans.state(key)
    if state is not None and not _is_of_chain(state, key, node.chain):
        log.info("plan_folder_removed", plan=str(key), reason="it is of a chain that was reset")
        plans.remove(key)
    if kind_of(attempt.document).writes_local:
        stays = stays_by_inputs(attempt, node) | node.workspaces.stays(attempt.id)
        while not plans.take_turn(key, attempt.id, created=attempt.task.created, stays=stays):
            attempt.cancellation.check(missing="it was its turn to write its plan's local folder")
            attempt.cancellation.event.wait(_TURN_INTERVAL)
    plans.snapshot(key, workspace.local, note=workspace.note)
    return True


def hand_in_local(attempt: Attempt, stages: Iterable[Stage], workspace: Workspace, node: Node) -> None:
    """Keep what the stages left in the plan's local folder until the result is sent. Raises `TaskFailed`."""
    key = written_plan(attempt.task, attempt.document)
    for stage in stages:
        written = workspace.written_local(stage)
        if key is not None and written is not None:
            node.workspaces.plans.hand_in(key, attempt.id, written)


def settle_turns(node: Node, keep: Set[AttemptId]) -> None:
    """End the turns of all attempts but those in ``keep``: the chain tells whether a result was sent."""
    for attempt in node.workspaces.plans.turns().values():
        if attempt in keep:
            continue
        known = node.chain.assignment(node.chain.account, attempt.task)
        same = known is not None and known.epoch == attempt.epoch
        if same and known is not None and known.state is AssignmentState.LIVE:
            continue  # it is going to be resumed
        node.workspaces.plans.end_turn(attempt, commit=same and known is not None and known.submission is not None)


def remove_ended(node: Node, keys: Iterable[PlanKey]) -> int:
    """Remove the folders of plans that have ended, or are of a chain that was reset; return their number.

    That of a plan with a workspace stays.
    """
    removed = 0
    for key in keys:
        try:
            state = node.workspaces.plans.state(key)
            if state is None or state.writer is not None or _is_at_work(key, node) or not _has_ended(state, key, node):
                continue
            log.info("plan_folder_removed", plan=str(key), reason="the plan has ended")
            node.workspaces.plans.remove(key)
            removed += 1
        except HostError as error:
            log.warning("plan_folder_unreadable", plan=str(key), reason=error.message, remedy=error.remedy)
    return removed


def _is_of_chain(state: PlanFolderState, key: PlanKey, chain: ChainReads) -> bool:
    """Return whether the chain knows a task that wrote the folder, as it was then, or has purged them all."""
    known = [task for task in map(chain.task, state.tasks) if task is not None]
    if not known:  # a chain that was reset hasn't come to these numbers
        return max(chain.tasks_of(key.creator), default=-1) > min(state.tasks, default=0)
    return any(
        (task.creator, task.terms.plan, task.created) == (key.creator, key.plan, state.tasks[task.id]) for task in known
    )


def _is_at_work(key: PlanKey, node: Node) -> bool:
    """Return whether an attempt of the plan has a workspace here, or one whose task the chain doesn't know."""
    tasks = (node.chain.task(attempt.task) for attempt in node.workspaces.attempts())
    return any(task is None or (task.creator, task.terms.plan) == (key.creator, key.plan) for task in tasks)


def _has_ended(state: PlanFolderState, key: PlanKey, node: Node) -> bool:
    """Return whether no task of the plan is open, since a while ago unless one failed or was cancelled."""
    if not _is_of_chain(state, key, node.chain):
        return True
    ends, failed = [0], False
    for number in sorted(node.chain.tasks_of(key.creator), reverse=True):
        task = node.chain.task(number)
        if task is None or task.terms.plan != key.plan:
            continue
        if not task.state.final:
            return False
        ends.append(task.ended or 0)
        failed = failed or task.state is not TaskState.DONE
    # a submit that was interrupted may go on and add tasks
    return failed or max(ends) + node.times.plan_rest * 1000 < node.time.now()
