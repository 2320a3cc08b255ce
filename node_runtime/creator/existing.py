"""Tasks on chain that an interrupted submission of a file has created."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from node_runtime.domain.task import Plan, PlanId, Spec, Task, TaskId, Terms
from node_runtime.ports.chain import ChainReads

from .tasks import IN_VAIN


@dataclass(frozen=True)
class Identity:
    """By what a task on chain is recognised as one of a file: all but its deadline and who may take it.

    The chain itself offers a task on private data to their owner.
    """

    terms: Terms
    spec: Spec

    @classmethod
    def of(cls, terms: Terms, spec: Spec) -> "Identity":
        return cls(replace(terms, deadline=0, assignee=None), spec)


@dataclass(frozen=True, kw_only=True)
class Existing:
    """The account's tasks on chain that may be of this file, created by an interrupted submission."""

    tasks: Mapping[Identity, Task]

    def find(self, terms: Terms, spec: Spec) -> TaskId | None:
        task = self.tasks.get(Identity.of(terms, spec))
        return task.id if task is not None and terms.assignee in (None, task.terms.assignee) else None

    def plan_of(self, terms: Terms, spec: Spec) -> PlanId | None:
        """Return the plan of the task with these terms, in whatever plan it is."""
        plans = {task.terms.plan for task in self.tasks.values()} - {None}
        return next((plan for plan in plans if self.find(replace(terms, plan=plan), spec) is not None), None)


def created_since(newest: TaskId | None, chain: ChainReads) -> Existing:
    """Return the account's tasks created after ``newest`` that can still bring a result, in no cancelled plan."""
    if newest is None:
        return Existing(tasks={})
    numbers = [number for number in sorted(chain.tasks_of(chain.account), reverse=True) if number > newest]
    known = [one for one in chain.records(numbers) if one.task.state not in IN_VAIN]
    plans = {one.task.terms.plan for one in known} - {None}
    over = {plan for plan in plans if plan is not None and is_over(chain.plan(plan))}
    going_on = (one for one in known if one.task.terms.plan not in over)
    return Existing(tasks={Identity.of(one.task.terms, one.spec): one.task for one in going_on})


def is_over(plan: Plan | None) -> bool:
    """Return whether a plan takes no tasks any more."""
    return plan is None or plan.cancelled is not None
