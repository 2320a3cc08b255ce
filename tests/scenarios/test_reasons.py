"""Why a task waits or ended, what waits for approval, and that no text sends its reader in a circle."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from node_runtime.cli.commands import COMMANDS
from node_runtime.cli.lazy_group import command_of
from node_runtime.creator.mentions import Mentions
from node_runtime.creator.tasks import view_task
from node_runtime.creator.waiting import why_it_waits
from node_runtime.domain.task import TaskId
from node_runtime.errors import FailureCategory
from node_runtime.worker.reasons import Reason
from node_runtime.worker.state_dir import mark_of
from node_runtime.worker.status_file import NodeState, Refused, StatusFile
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_commands import TRAINING, parsed
from tests.scenarios.test_results import FAILURE, LOG, stored, submitted, worked


def child_of(desk: Desk, parent: TaskId) -> TaskId:
    return desk.submit(TRAINING + f"models: [{{task: {parent}}}]\n").tasks[0].id


def failed(desk: Desk) -> TaskId:
    task = desk.submit(TRAINING + "max_failures: 1\n").tasks[0].id
    log = stored(desk, "failed", {"train.log": LOG, "failure.txt": FAILURE})
    desk.worker.report_failure(task, desk.worker.assign_task(task).epoch, FailureCategory.TASK_ERROR, log)
    return task


def why(desk: Desk, task: TaskId) -> str:
    view = view_task(desk.chain, desk.store, task)
    mention = Mentions(desk.chain, desk.store).task
    told = why_it_waits(view, desk.chain, now=desk.chain.now(), store=desk.store, mention=mention)
    return re.sub(r"[0-9]{4}-[0-9-]+ [0-9:]+", "T", "\n".join(told))


def test_a_cancelled_child_names_the_parent_that_ended_and_how(desk: Desk) -> None:
    parent = failed(desk)
    child = child_of(desk, parent)
    grandchild = child_of(desk, child)
    desk.chain.cancel_task(parent, abort=False)
    root = f"task {parent} round-1 was cancelled by its creator at T; see 'node-runtime show {parent}'"
    assert why(desk, child) == f"it was cancelled at T with task {parent} round-1, whose model it needs: {root}"
    assert why(desk, grandchild) == (
        f"it was cancelled at T with task {child} round-1, whose model it needs; that one with "
        f"task {parent} round-1: {root}"
    )
    assert why(desk, parent) == (
        f"{desk.worker.account} took it, but its attempt failed (task_error): stage train: exited with 3; "
        "see train.log; its last line: ModuleNotFoundError: No module named 'keras'; "
        f"see 'node-runtime logs {parent}'\n"
        "it was cancelled at T by its creator"
    )


def test_a_child_that_its_creator_cancelled_before_its_parent_ended_says_so(desk: Desk) -> None:
    parent = submitted(desk)
    child = child_of(desk, parent)
    desk.chain.cancel_task(child, abort=False)
    desk.chain.cancel_task(parent, abort=False)
    assert why(desk, child) == "it was cancelled at T by its creator"


def test_a_closing_task_says_what_it_still_waits_for(desk: Desk) -> None:
    task = desk.submit(TRAINING + "slots: 2\n").tasks[0].id
    desk.worker.assign_task(task)
    desk.chain.cancel_task(task, abort=False)
    at_work, *others = why(desk, task).splitlines()
    assert at_work == "nobody can take it any more; it ends when 1 attempt at work is over"
    assert others == [
        f"what is at work may finish until T, to be paid when it is accepted; 'node-runtime cancel {task} --abort' "
        "stops that"
    ]
    reviewed = submitted(desk)
    worked(desk, reviewed)
    desk.chain.cancel_task(reviewed, abort=False)
    judged, waits, _ = why(desk, reviewed).splitlines()
    assert judged == "nobody can take it any more; it ends when 1 result is decided"
    assert waits.endswith("waits for you until T, then it counts as accepted")


def test_an_offer_whose_account_cannot_pay_the_bond_is_told_at_once(desk: Desk) -> None:
    poor = "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM"
    task = desk.submit(TRAINING + f"assign_to: {poor}\n").tasks[0].id
    assert why(desk, task) == (
        f"task {task} round-1 is offered to {poor} only, which has 0 UNIT free, and the bond is 1 UNIT: "
        f"fund that account, or give the task up with 'node-runtime cancel {task}'"
    )


@pytest.mark.parametrize("makes", [submitted, failed])
def test_no_command_on_a_task_refers_to_itself(desk: Desk, nrt: Nrt, makes: object) -> None:
    task = makes(desk)  # type: ignore[operator]
    worked_on = submitted(desk)
    worked(desk, worked_on)
    child = child_of(desk, task)
    for number in (task, worked_on, child):
        for command in ("show", "results", "logs", "fetch", "accept", "resume", "confirm"):
            told = nrt(command, str(number))
            assert f"'node-runtime {command} {number}'" not in told.stdout + told.stderr
    assert "'node-runtime list'" not in nrt("list").stdout


@pytest.mark.parametrize("name", [one.name for commands in COMMANDS.values() for one in commands])
def test_no_message_in_a_command_says_to_look_at_that_command(name: str) -> None:
    again = re.compile(rf"(see|look at|with) '?node-runtime {name}( \{{\}})*(?=['`.;,]|$)", re.IGNORECASE)
    found = [text for text in _texts(command_of(name)) if again.search(text)]
    assert found == []


def _texts(command: object) -> Iterator[str]:
    """Yield every text in the functions that the command's callback calls in its own module."""
    callback = getattr(command, "callback", None)
    if callback is None:
        return
    module = inspect.getmodule(inspect.unwrap(callback))
    assert module is not None
    tree = ast.parse(inspect.getsource(module))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    waiting, seen = [inspect.unwrap(callback).__name__], set[str]()
    while waiting:
        current = waiting.pop()
        if current in seen or current not in functions:
            continue
        seen.add(current)
        for node in ast.walk(functions[current]):
            if isinstance(node, ast.Name):
                waiting.append(node.id)
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_approve_lists_what_waits_and_how_to_approve_it(desk: Desk, nrt: Nrt, network: str, tmp_path: Path) -> None:
    task = submitted(desk)
    (desk.folder / "node.yaml").write_text(
        f"node: n\nchain: {network}\nkey: //Bob\nstorage: {tmp_path / 'store'}\nwork: work\n"
        "policy: {kinds: any, creators: any, algos: any, datasets: any, approve: manual}\n"
    )
    (desk.folder / "work").mkdir()
    key = {"NODE_RUNTIME_KEY": "//Bob"}
    assert nrt("approve", **key).stdout.startswith("no task waits for approval; ")
    refused = Refused(task=task, reason=Reason.APPROVAL, message="approve it", since=0)
    mark = mark_of(desk.chain.genesis)
    StatusFile(desk.folder / "work").write(NodeState(chain=mark, account=desk.worker.account, refused=(refused,)))
    (waits,) = parsed(nrt("approve", "--json", **key))
    spec = desk.chain.spec(task)
    assert spec is not None
    listed = nrt("approve", **key, COLUMNS="200")
    rows = [re.sub(r" {2,}", "  ", row.strip()) for row in listed.stdout.splitlines()]
    assert rows == [
        f"task {task}  round-1  training",
        f"creator  {desk.chain.account}",
        "reward  10 UNIT for each result, bond 1 UNIT",
        f"algo  {waits['code']['algo']}",
        f"wants  {waits['wants']}",
        f"approve  node-runtime approve {task}",
    ]
    assert "1 data sample" in waits["wants"]
    approved = nrt("approve", str(task), **key)
    assert approved.stdout == f"task {task} is approved, document {spec.digest}\n"
    assert (desk.folder / "work" / f"approved-{mark}" / str(task)).read_text() == f"{spec.digest}\n"
