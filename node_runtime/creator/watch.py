"""Polling of tasks until each is final or stalled."""

import threading
from collections.abc import Callable, Sequence

from node_runtime.domain.clock import ChainTime, Clock
from node_runtime.domain.task import Assignment, AssignmentState, Task, TaskId, TaskState
from node_runtime.domain.units import amount, moment
from node_runtime.ports.chain import ChainReads

from .mentions import MentionTask, numbered

STALLED_AFTER = 60_000  # ms without a new claim after which a task counts as stalled


def stall_reason(task: Task, chain: ChainReads, *, now: int, mention: MentionTask = numbered) -> str | None:
    """Return the reason why the task is stalled, with a remedy; None while it is worked on or may be claimed."""
    match task.state:
        case TaskState.PAUSED:
            return (
                f"{mention(task.id)} is paused: {_remedy(task)}, or open it again with 'node-runtime resume {task.id}'"
            )
        case TaskState.OPEN:
            patient = now < task.created + STALLED_AFTER
            return _stalled(task, now, mention) or (None if patient else unaffordable_offer(task, chain, mention))
        case TaskState.WAITING:
            return _parent_stalled(task, chain, now, mention)
    return None


def _stalled(task: Task, now: int, mention: MentionTask) -> str | None:
    if task.stalled_since is None or now < task.stalled_since + STALLED_AFTER:
        return None
    since = moment(task.stalled_since)
    return (
        f"{mention(task.id)}: since {since} everyone who took it is out of attempts, and nobody else came: "
        f"{_remedy(task)}"
    )


def unaffordable_offer(task: Task, chain: ChainReads, mention: MentionTask) -> str | None:
    """Return a message for an offer whose assignee can't afford the bond."""
    assignee, bond = task.terms.assignee, task.terms.bond
    if assignee is None or task.counters.live:
        return None
    free = chain.balance(assignee).free
    if free >= bond:
        return None
    return (
        f"{mention(task.id)} is offered to {assignee} only, which has {amount(free)} free, and the bond is "
        f"{amount(bond)}: fund that account, or give the task up with 'node-runtime cancel {task.id}'"
    )


def _parent_stalled(task: Task, chain: ChainReads, now: int, mention: MentionTask) -> str | None:
    """Return a message for a task that waits for the model of a stalled task."""
    spec = chain.spec(task.id)
    parents = [chain.task(number) for number in spec.parents] if spec is not None else []
    reasons = [stall_reason(parent, chain, now=now, mention=mention) for parent in parents if parent is not None]
    reason = next((reason for reason in reasons if reason is not None), None)
    return None if reason is None else f"{mention(task.id)} waits for a model: {reason}"


def _remedy(task: Task) -> str:
    return (
        f"see 'node-runtime logs {task.id}', then cancel it with 'node-runtime cancel {task.id}' "
        "and submit what is mended"
    )


POLL = 0.3  # seconds
_WENT_WRONG = (AssignmentState.FAILED, AssignmentState.LAPSED, AssignmentState.HANDED_BACK, AssignmentState.ABORTED)

Seen = Callable[[tuple[Task, ...]], None]
WentWrong = Callable[[Assignment], None]


def follow(
    chain: ChainReads, tasks: Sequence[TaskId], *, seen: Seen, went_wrong: WentWrong, stop: threading.Event
) -> tuple[Task, ...]:
    """Poll until every task is final or stalled, or `stop` is set; return the last state.

    Call `seen` with each polled state, `went_wrong` once for each attempt that ended without a result.
    """
    told: set[tuple[TaskId, int]] = set()
    time = ChainTime(Clock(), slot=chain.slot_duration())
    while True:
        found = tuple(task for task in map(chain.task, tasks) if task is not None)
        for attempt in _attempts(chain, found):
            if attempt.state in _WENT_WRONG and (attempt.task, attempt.epoch) not in told:
                told.add((attempt.task, attempt.epoch))
                went_wrong(attempt)
        seen(found)
        time.saw_head(chain.now())
        now = time.at_least()  # the timeout must not depend on this machine's clock
        ended = (task.state.final or stall_reason(task, chain, now=now) is not None for task in found)
        if all(ended) or stop.wait(POLL):
            return found


def _attempts(chain: ChainReads, tasks: Sequence[Task]) -> list[Assignment]:
    """Return the latest attempt of each worker; one claimed again between two polls hides the end of the previous."""
    return [attempt for task in tasks if task.state is not TaskState.WAITING for attempt in chain.attempts(task.id)]
