"""Reports of the daemon to its status file: attempts under way, refusals, and why nothing is claimed."""

from collections.abc import Iterable
from dataclasses import dataclass

from node_runtime.domain.clock import CLOCK_REMEDY, wall_clock
from node_runtime.errors import ChainUnavailable, NodeRuntimeError

from .attempt import Attempt
from .claims import Claims
from .node import Node
from .selection import ENGINE_REMEDY, TaskSelector
from .status_file import NodeState, Obstacle, StatusFile, Working


@dataclass(frozen=True, kw_only=True)
class _Found:
    reason: str
    message: str
    remedy: str


class Reporter:
    """Writes the node's state when it changed. Belongs to the polling thread."""

    def __init__(self, node: Node, selector: TaskSelector, claims: Claims) -> None:
        self._node = node
        self._selector = selector
        self._claims = claims
        self._file = StatusFile(node.work)
        self._obstacles: tuple[Obstacle, ...] = ()

    def report(self, running: Iterable[Attempt], error: Exception | None = None) -> None:
        """Write the state after a poll; ``error`` is what ended the poll early."""
        known = {one.reason: one.since for one in self._obstacles}
        self._obstacles = tuple(
            Obstacle(
                reason=one.reason,
                message=one.message,
                remedy=one.remedy,
                since=known.get(one.reason) or wall_clock(),
            )
            for one in self._found(error)
        )
        state = NodeState(
            chain=self._node.files.mark,
            account=self._node.chain.account,
            obstacles=self._obstacles,
            refused=self._selector.refused,
            working=tuple(_working(attempt) for attempt in running),
        )
        self._file.write(state)

    def _found(self, error: Exception | None) -> Iterable[_Found]:
        if error is not None:
            reason = "chain_unavailable" if isinstance(error, ChainUnavailable) else "poll_failed"
            if isinstance(error, NodeRuntimeError):
                yield _Found(reason=reason, message=error.message, remedy=error.remedy)
            else:
                message = f"{type(error).__name__}: {error}"
                yield _Found(reason=reason, message=message, remedy="report this bug of the daemon, with its log")
        if self._selector.unable is not None:
            yield _Found(reason="engine_unable", message=self._selector.unable, remedy=ENGINE_REMEDY)
        if self._claims.clock_wrong is not None:
            yield _Found(reason="clock_wrong", message=self._claims.clock_wrong, remedy=CLOCK_REMEDY)


def _working(attempt: Attempt) -> Working:
    demand = attempt.reservation.demand
    return Working(
        task=attempt.task.id,
        epoch=attempt.assignment.epoch,
        step=attempt.progress.step,
        since=attempt.assignment.since,
        due=attempt.assignment.due,
        cpus=demand.cpus,
        memory=demand.memory,
        disk=demand.disk,
        gpus=attempt.reservation.gpus,
    )
