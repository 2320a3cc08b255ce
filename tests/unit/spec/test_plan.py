"""Ranks of a plan's tasks."""

from typing import cast

from node_runtime.domain.task import PlanId, TaskId
from node_runtime.kinds import TaskSpec
from node_runtime.kinds.aggregation import AggregationSpec
from node_runtime.spec.common import ModelSpec
from node_runtime.spec.plan import ExtendedPlan, ranks_of


def task(name: str, *parents: str | int) -> TaskSpec:
    models = tuple(ModelSpec(task=parent) for parent in parents)
    return cast(TaskSpec, AggregationSpec.model_construct(name=name, models=models))


def test_a_root_has_rank_0_and_a_child_one_more_than_the_largest_of_its_parents() -> None:
    plan = [task("a"), task("b"), task("ab", "a", "b"), task("c", "a"), task("abc", "ab", "c", "a")]
    assert ranks_of(plan) == {"a": 0, "b": 0, "ab": 1, "c": 1, "abc": 2}


def test_a_parent_outside_the_plan_does_not_count() -> None:
    assert ranks_of([task("a", 7), task("b", "a", 7)]) == {"a": 0, "b": 1}


def test_tasks_that_extend_a_plan_continue_its_ranks() -> None:
    begun = ExtendedPlan(number=PlanId(1), name=None, tasks={"first": TaskId(7)}, ranks={TaskId(7): 4})
    assert ranks_of([task("a", 7), task("b", "a"), task("c", "first")], extends=begun) == {"a": 5, "b": 6, "c": 5}
