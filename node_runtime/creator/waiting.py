"""Why a task does not go on, or how it ended, as far as the chain and this machine's nodes tell."""

from collections.abc import Callable, Iterator, Sequence

from node_runtime.domain.assets import Account
from node_runtime.domain.clock import time_before
from node_runtime.domain.task import AssignmentState, Submission, SubmissionState, TaskState
from node_runtime.domain.units import amount, duration, moment
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore

from .endings import failures, why_it_ended
from .mentions import MentionTask, numbered
from .node_reports import NodeReport, why_no_node_takes_it
from .tasks import TaskView
from .watch import stall_reason, unaffordable_offer

JUST_OPENED = 10_000  # ms

ReadNodes = Callable[[], Sequence[NodeReport] | None]
"""Reads what the nodes of this machine say; None where the chain's nodes are elsewhere."""


def _elsewhere() -> None:
    return None


def why_it_waits(
    view: TaskView,
    chain: ChainReads,
    *,
    now: int,
    store: AssetStore | None = None,
    nodes: ReadNodes = _elsewhere,
    mention: MentionTask = numbered,
) -> tuple[str, ...]:
    """Return the reasons, as sentences, why the task does not progress, or why it ended without a result.

    ``store`` has the logs of failed attempts, ``mention`` names other tasks. Of nodes elsewhere only what the chain
    knows is told.
    """
    task = view.task
    if task.state is TaskState.WAITING:
        return tuple(_parents(view, chain, mention))
    if task.state.final:
        return tuple(why_it_ended(view, chain, store, mention=mention))
    reasons = [*failures(view, store), _paused(view)] if task.state is TaskState.PAUSED else []
    if task.state is TaskState.CLOSING:
        reasons += _closing(view, chain.account)
    head = chain.now()
    reasons += _reviews(view, chain.account, now=now, head=head)
    if task.state is TaskState.OPEN and task.free_slots > 0:
        reasons += [*_rejections(view), *failures(view, store)]
        at = time_before(task.terms.deadline, estimate=now, head=head)
        reasons += _not_taken(view, chain, nodes, mention, now=at)
    return tuple(reasons)


def _paused(view: TaskView) -> str:
    number, until, deadline = view.task.id, view.task.paused_until or 0, view.task.terms.deadline
    blamed = sorted({str(one.category) for one in view.attempts if one.category is not None})
    end = f"it opens again by itself at {moment(until)}" if until < deadline else f"it fails at {moment(until)}"
    return (
        f"attempts failed ({', '.join(blamed)}): see 'node-runtime logs {number}', "
        f"then 'node-runtime resume {number}' or 'node-runtime cancel {number}'; else {end}. "
        f"Where the reports are right, 'node-runtime confirm {number}' gives back what is held for them"
    )


def _closing(view: TaskView, account: Account) -> Iterator[str]:
    """Yield what a closing task still waits for before it is final."""
    task, counters = view.task, view.task.counters
    ends = [f"{_are(counters.live, 'attempt at work', 'attempts at work')} over"] * bool(counters.live)
    ends += [f"{_are(counters.submitted, 'result', 'results')} decided"] * bool(counters.submitted)
    if ends:
        yield f"nobody can take it any more; it ends when {' and '.join(ends)}"
    due = [one.due for one in view.attempts if one.state is AssignmentState.LIVE]
    if due:
        stop = f"; 'node-runtime cancel {task.id} --abort' stops that" if task.creator == account else ""
        yield f"what is at work may finish until {moment(max(due))}, to be paid when it is accepted{stop}"


def _are(count: int, one: str, several: str) -> str:
    return f"1 {one} is" if count == 1 else f"{count} {several} are"


def _reviews(view: TaskView, account: Account, *, now: int, head: int) -> Iterator[str]:
    task, judge = view.task, view.task.terms.review.judge
    waiting = [one for one in view.submissions if one.state is SubmissionState.UNDER_REVIEW]
    over = {one.id for one in waiting if _is_over(one, now=now, head=head)}
    for one in waiting:
        until = moment(one.until or 0)
        if one.id in over:
            yield f"submission {one.id} counts as accepted since {until}: nobody decided it, the chain pays it itself"
        else:
            whom = "you" if judge == account else judge
            yield f"submission {one.id} waits for {whom} until {until}, then it counts as accepted"
    open_still = [f"{task.id}/{one.id}" for one in waiting if one.id not in over]
    if judge == account and open_still:
        which, shown = open_still[0], "it" if len(open_still) == 1 else "each"
        yield (
            f"to decide, 'node-runtime validate {task.id}' shows {shown} and asks; or look with 'node-runtime fetch "
            f"{which} FOLDER', then 'node-runtime accept {which}' or 'node-runtime reject {which} --reason ...'"
        )


def _is_over(submission: Submission, *, now: int, head: int) -> bool:
    """Return whether the review window has ended."""
    until = submission.until or 0
    return time_before(until, estimate=now, head=head) > until


def _parents(view: TaskView, chain: ChainReads, mention: MentionTask) -> Iterator[str]:
    for number in view.spec.parents if view.spec is not None else ():
        parent = chain.task(number)
        if parent is not None and parent.counters.accepted == 0:
            yield f"it waits for the model of {mention(number)}, which is {parent.state}"


def _not_taken(view: TaskView, chain: ChainReads, nodes: ReadNodes, mention: MentionTask, *, now: int) -> Iterator[str]:
    """Yield the one reason why a slot is free."""
    task, terms = view.task, view.task.terms
    here = nodes()
    if now > terms.deadline - chain.bounds().min_timeout:
        yield f"its deadline is too near for anybody to start: {moment(terms.deadline)}"
    elif here is None and (stalled := stall_reason(task, chain, now=now, mention=mention)) is not None:
        yield stalled
    elif view.document is None:
        yield "its document is not in this storage: nodes which use the same storage can't read it either"
    elif terms.assignee is not None:
        again = " again" if view.attempts or view.submissions else ""
        known = next((one for one in here or () if one.account == terms.assignee), None)
        lack = unaffordable_offer(task, chain, mention)
        yield (
            lack
            or (known and known.why_not(task))
            or (
                f"it is offered to {terms.assignee} only, which has not taken it{again}; "
                "why, its operator sees by 'node-runtime status'"
            )
        )
    elif view.document.person:
        yield f"it waits for a person, who does it with 'node-runtime work {task.id}'; nodes leave it alone"
    elif here is not None:
        yield why_no_node_takes_it(view, here)
    elif now - _opened(view, chain) < JUST_OPENED:
        yield "it was opened moments ago; nodes look every few seconds"
    elif not any(one.state is AssignmentState.LIVE for one in view.attempts):
        nobody = _nobody(view, now - _opened(view, chain))
        yield (
            f"{nobody}. It pays {amount(terms.reward)}, its bond is {amount(terms.bond)}; why a node "
            "leaves it alone only its operator sees, by 'node-runtime status'"
        )


def _opened(view: TaskView, chain: ChainReads) -> int:
    """Return when the task could first be claimed, as far as the chain shows it: once its parents were done, in ms."""
    parents = map(chain.task, view.spec.parents if view.spec is not None else ())
    return max(view.task.created, *((parent.ended or 0) for parent in parents if parent is not None), 0)


def _nobody(view: TaskView, waited: int) -> str:
    """Return why a slot is unclaimed after ``waited`` ms.

    An account takes at most one slot, so workers with a result don't count.
    """
    if view.submissions:
        return "a slot is free, and no other node has taken it"
    if view.attempts:
        return "no other node has taken it since"
    return f"no node has taken it in {duration(waited)}"


def _rejections(view: TaskView) -> Iterator[str]:
    for one in view.submissions:
        if one.state is SubmissionState.REJECTED:
            reason = f": {one.reason}" if one.reason else ""
            yield f"submission {one.id} of {one.worker} was rejected{reason}; the slot is free for another node"
