"""The rules of composites, as a creator is told them: by the file alone, and by the chain."""

from dataclasses import replace

import pytest

from node_runtime.creator.kept import stayed
from node_runtime.domain.task import OutputKind, OutputRole, Roles, Take, TaskId
from node_runtime.errors import ChainRefused, SpecError
from tests.scenarios.conftest import Desk

COMMON = "algo: algo/\nopener: opener.py\ndata: [train-0]\nreward: 1\n"
FIRST = f"kind: training\nname: first\ncomposite: {{}}\n{COMMON}"
PLAIN = f"kind: training\nname: plain\n{COMMON}"


def second(composite: str) -> str:
    return f"kind: training\nname: second\ncomposite: {composite}\n{COMMON}"


def only(desk: Desk, text: str) -> TaskId:
    (task,) = desk.submit(text).tasks
    return task.id


def test_a_composite_declares_its_trunk_and_its_private_head(desk: Desk) -> None:
    first, both, then = desk.submit(
        f"{FIRST}---\nkind: aggregation\nname: both\nmodels: [{{task: first}}]\nreward: 1\n---\n"
        + second("{head: {task: first}, trunk: {task: both}}")
    ).tasks
    specs = [desk.chain.spec(task.id) for task in (first, both, then)]
    outputs = (
        OutputRole(name="trunk", kind=OutputKind.MODEL),
        OutputRole(name="head", kind=OutputKind.MODEL, private=True),
    )
    assert [spec.roles for spec in specs if spec is not None] == [
        Roles(outputs=outputs),
        None,
        Roles(outputs=outputs, takes=(Take(parent=first.id, output=1), Take(parent=both.id))),
    ]


@pytest.mark.parametrize(
    ("parts", "told"),
    [
        ("{head: {task: first}}", "'trunk' is missing; a composite takes a head and a trunk, or neither"),
        ("{trunk: {task: first}}", "'head' is missing; a composite takes a head and a trunk, or neither"),
        ("{head: {task: plain}, trunk: {task: first}}", "the task 'plain' makes no model 'head'"),
        (
            "{head: {task: first}, trunk: {task: plain}}",
            "the task 'plain' makes no trunk: name a composite training, or an aggregation of trunks",
        ),
        ("{head: train-1, trunk: {task: first}}", "a head is a task's: name it by {task: …} or {submission: …}"),
        ("{head: {task: first}, trunk: {task: first}}\nmodels: [{task: plain}]", "leave it out"),
    ],
)
def test_what_no_composite_can_take_is_told_with_its_place(parts: str, told: str, desk: Desk) -> None:
    with pytest.raises(SpecError) as refused:
        desk.write(f"{FIRST}---\n{PLAIN}---\n{second(parts)}")
    assert told in str(refused.value)
    assert str(refused.value).startswith(f"{desk.folder}/task.yaml:")


def test_a_scoring_names_a_model_or_a_composite(desk: Desk) -> None:
    scoring = "kind: scoring\nname: score\nmetrics: metric/\n" + COMMON
    with pytest.raises(SpecError, match="name one 'model', or head and trunk of a 'composite'"):
        desk.write(f"{FIRST}---\n{scoring}")
    with pytest.raises(SpecError, match="name its head and its trunk"):
        desk.write(f"{FIRST}---\n{scoring}composite: {{}}\n")
    entries = desk.write(f"{FIRST}---\n{scoring}composite: {{head: {{task: first}}, trunk: {{task: first}}}}\n").entries
    assert len(entries) == 2


def test_the_head_of_a_task_on_chain_that_makes_none_is_refused_before_anything_is_paid(desk: Desk) -> None:
    plain, first = only(desk, PLAIN), only(desk, FIRST)
    held = desk.chain.balance(desk.chain.account).held
    with pytest.raises(SpecError, match=f"task {plain} makes no model 'head'"):
        desk.submit(second(f"{{head: {{task: {plain}}}, trunk: {{task: {first}}}}}"))
    assert desk.chain.balance(desk.chain.account).held == held


def refusal(desk: Desk, text: str) -> str:
    with pytest.raises(ChainRefused) as refused:
        desk.submit(text)
    return str(refused.value)


def test_the_chain_refuses_a_trunk_of_neither_a_composite_nor_an_aggregation(desk: Desk) -> None:
    plain, first = only(desk, PLAIN), only(desk, FIRST)
    told = refusal(desk, second(f"{{head: {{task: {first}}}, trunk: {{task: {plain}}}}}"))
    assert "a composite takes a head and the trunk of a composite or an aggregation, or neither" in told


def test_the_chain_refuses_a_head_as_the_model_of_an_aggregation(desk: Desk) -> None:
    first = only(desk, FIRST)
    both = only(desk, f"kind: aggregation\nname: both\nmodels: [{{task: {first}}}]\nreward: 1\n")
    task, spec = desk.chain.task(both), desk.chain.spec(both)
    assert task is not None
    assert spec is not None
    head = Roles(takes=(Take(parent=first, output=1),))
    with pytest.raises(ChainRefused) as refused:
        desk.chain.create_task(task.terms, replace(spec, roles=head))
    assert "a composite takes a head and the trunk of a composite or an aggregation, or neither" in str(refused.value)


def test_a_task_that_takes_a_head_is_for_its_worker_alone(desk: Desk) -> None:
    worker, other = desk.worker.account, desk.chain.account
    first = only(desk, FIRST.replace("name: first\n", f"name: first\nassign_to: {worker}\n"))
    composite = f"{{head: {{task: {first}}}, trunk: {{task: {first}}}}}"
    then = desk.chain.task(only(desk, second(composite)))
    assert then is not None
    assert then.terms.assignee == worker
    told = refusal(desk, second(composite).replace("name: second\n", f"name: second\nassign_to: {other}\n"))
    assert f"{worker} holds 'head' of task {first}, and the task is offered to {other}" in told


def test_logs_of_a_composite_stay_for_its_private_head_not_for_data_that_is_everyones(desk: Desk) -> None:
    told = stayed(desk.chain, only(desk, FIRST), ["logs"])
    assert told == "logs stayed with the worker, whose private model the task takes or makes"
    assert stayed(desk.chain, only(desk, PLAIN), ["logs"]) == "logs stayed with the worker"
