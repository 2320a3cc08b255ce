"""Plans on the command line: drawn, listed, extended, cancelled."""

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import pytest

from node_runtime.creator.plans import PlanReader, PlanState, plan_to_extend
from node_runtime.creator.submit import SubmitJournal, Submitted, submit
from node_runtime.domain.task import Perf, PlanId, Result, TaskId, TaskState
from node_runtime.errors import ChainRefused, InputError, SpecError
from node_runtime.spec.read import read_specs
from tests.e2e.persons_terminal import at_terminal
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_commands import parsed
from tests.scenarios.test_progress import at_work
from tests.scenarios.test_results import sent, stored, worked
from tests.scenarios.test_submit import TRAINING, fresh_name, whole_round
from tests.scenarios.test_submit_again import Interrupted

SECOND = TRAINING.replace("round-1", "round-2") + "models: [{task: round-1}]\n"


def rounds(turns: int) -> str:
    """Return a plan of trainings, each from the transient model of the one before."""
    documents = [
        f"{TRAINING.replace('round-1', f'round-{turn}')}keep: false\n"
        + f"models: [{{task: round-{turn - 1}}}]\n" * (turn > 1)
        for turn in range(1, turns + 1)
    ]
    return "---\n".join(documents)


def named_plan(desk: Desk) -> tuple[str, Submitted]:
    """Submit a plan of a training and its certified score; return it with its objective's name."""
    name = fresh_name()
    return name, desk.submit(f"kind: plan\nname: digits\n---\n{whole_round(name)}")


def scored(desk: Desk, task: TaskId) -> None:
    perfs = (Perf(name="all", value=Decimal("0.75")),)
    result = Result(digest=stored(desk, "perf", {"result.json": "{}"}), outputs=(), uri="cas:", perfs=perfs)
    desk.worker.send_task_result(task, desk.worker.assign_task(task).epoch, result)


def extended(
    desk: Desk, plan: PlanId, text: str, chain: object = None, journal: SubmitJournal | None = None
) -> Submitted:
    file = desk.folder / "more.yaml"
    file.write_text(text)
    read = read_specs(file, extends=plan_to_extend(plan, desk.chain, desk.store))
    return submit(read, chain or desk.chain, desk.store, say=desk.said.append, journal=journal)  # type: ignore[arg-type]


def plan_of(done: Submitted) -> PlanId:
    assert done.plan is not None
    return done.plan


def test_a_plan_is_drawn_with_states_nodes_and_times(desk: Desk, nrt: Nrt) -> None:
    _, done = named_plan(desk)
    (train, score), plan = (task.id for task in done.tasks), plan_of(done)
    begun = nrt("plan", "show", str(plan)).stdout.splitlines()
    assert begun[0] == f"plan {plan}  digits  waiting"
    assert re.fullmatch(rf"●  +{train}  round-1  open", begun[3])
    assert re.fullmatch(rf"●  +{score}  score-1  waiting", begun[4])
    worked(desk, train)
    scored(desk, score)
    shown = nrt("plan", "show", str(plan)).stdout.splitlines()
    assert shown[0] == f"plan {plan}  digits  done"
    assert shown[1].startswith("2 of 2 tasks done, 0 UNIT held, begun ")
    assert all(re.search(r"done    5FHneW…94ty  [0-9.]+s", row) for row in shown[3:5])
    assert shown[4].endswith("0.7500")
    assert max(map(len, shown)) <= 80
    watched = nrt("plan", "show", str(plan), "--watch").stdout.splitlines()
    assert watched[:2] == [f"task {train} round-1: done, 5FHneW…94ty", f"task {score} score-1: done, 5FHneW…94ty"]


def test_a_plan_is_watched_on_a_screen_that_is_lower_than_it(
    desk: Desk, environment: dict[str, str], tmp_path: Path
) -> None:
    done = desk.submit(rounds(9))
    plan, tasks = str(plan_of(done)), [task.id for task in done.tasks]
    at = {"folder": desk.folder, "environment": environment | {"LINES": "12"}}
    with at_terminal("plan", "show", plan, "--watch", **at) as person:  # type: ignore[arg-type]
        person.waits_for("3 tasks after these")
        for task in tasks[:4]:
            worked(desk, task)
        person.waits_for("1 task before these is done, 2 tasks after these")
        node = at_work(desk, tasks[4], tmp_path)
        node.stage("train")
        person.waits_for("train")
        sent(desk, node.hold)
        for task in tasks[5:]:
            worked(desk, task)
        assert person.ends() == 0
    end = person.seen.rindex("1049l")
    last = person.seen[end:]
    shown = re.sub(r"\x1b\[[0-9;]*m", "", person.seen[:end])
    *heads, _ = re.findall(r"task +name +status +node +time", shown)
    assert len({*heads}) == 1, "columns keep their widths until all tasks are final"
    assert re.search(r"9 of 9 tasks done, 0 UNIT held, begun \S+ \S+, took [0-9.]+s", last)
    assert [f"round-{turn}  " in last for turn in range(1, 10)] == [True] * 9, "all of it stays on the terminal"
    assert "these" not in last


@pytest.mark.parametrize("local", ["", "limits: {local: 0MiB}\n", "limits: {local: 8MiB}\n"])
def test_check_tells_of_branches_that_take_turns_on_a_node_unless_they_say_so(local: str, desk: Desk, nrt: Nrt) -> None:
    other = TRAINING.replace("round-1", "other").replace("train-0, ", "")
    (desk.folder / "task.yaml").write_text(f"{TRAINING}{local}---\n{other}---\n{SECOND}")
    told = nrt("check", "task.yaml").stderr
    expected = (
        "warning: task.yaml:1:1: round-1, other don't need each other but take turns on a node, since each may write "
        "the plan's local folder; write limits: {local: 0MiB} in tasks that don't use it\n"
    )
    assert told == ("" if local else expected)


def test_performances_have_the_columns_of_substras_table(desk: Desk, nrt: Nrt) -> None:
    _, done = named_plan(desk)
    plan = str(plan_of(done))
    assert nrt("plan", "results", plan).stdout.startswith(f"plan {plan} (waiting) has no performances yet.")
    worked(desk, done.tasks[0].id)
    scored(desk, done.tasks[1].id)
    head, row = csv.reader(io.StringIO(nrt("plan", "results", plan, "--csv").stdout))
    assert head == [
        *("plan_key", "tag", "status", "start", "end", "worker", "task_key", "task_rank", "round", "identifier"),
        "performance",
    ]
    assert (row[:3], row[6:]) == ([plan, "digits", "done"], [str(done.tasks[1].id), "1", "", "all", "0.75"])
    as_json = parsed(nrt("plan", "show", plan, "--json"))
    assert list(as_json["performances"][0]) == head
    assert as_json["performances"] == parsed(nrt("plan", "results", plan, "--json"))
    listed = [one for one in parsed(nrt("plan", "list", "--json")) if one["plan"]["id"] == int(plan)]
    assert [(one["name"], one["state"], one["tasks"], one["done"]) for one in listed] == [("digits", "done", 2, 2)]


def test_a_further_file_extends_a_plan_and_names_its_tasks(desk: Desk, nrt: Nrt) -> None:
    plan = plan_of(desk.submit(f"kind: plan\nname: digits\n---\n{TRAINING}"))
    (desk.folder / "more.yaml").write_text(SECOND)
    told = nrt("submit", "more.yaml", "--plan", str(plan)).stdout.splitlines()
    assert told[-2:] == [f"submitted: 1 task in plan {plan}", f"next: node-runtime plan show {plan}"]
    view = PlanReader(chain=desk.chain, store=desk.store, number=plan).read()
    assert [(one.name, one.rank) for one in view.tasks] == [("round-1", 0), ("round-2", 1)]
    assert [one.document.plan for one in view.tasks if one.document is not None] == ["digits", "digits"]
    assert view.tasks[1].parents == (view.tasks[0].task.id,)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (SECOND.replace("{task: round-1}", "{task: round-0}"), "no task 'round-0' in this file"),
        (f"kind: plan\nname: other\n---\n{SECOND}", "plan {plan} is called 'digits', which stays"),
    ],
)
def test_an_extension_that_does_not_fit_its_plan_is_refused(desk: Desk, text: str, reason: str) -> None:
    plan = plan_of(desk.submit(f"kind: plan\nname: digits\n---\n{TRAINING}"))
    with pytest.raises(SpecError, match=re.escape(reason.replace("{plan}", str(plan)))):
        extended(desk, plan, text)


def test_a_file_that_extends_a_plan_again_goes_on_from_its_newest_tasks(desk: Desk) -> None:
    plan = plan_of(desk.submit(f"kind: plan\nname: digits\n---\n{TRAINING}"))
    again = SECOND + "---\n" + TRAINING.replace("name: round-1", "name: merged") + "models: [{task: round-2}]\n"
    first, second = (extended(desk, plan, again).tasks for _ in range(2))
    (one,) = extended(desk, plan, SECOND.replace("round-2", "last").replace("round-1", "round-2")).tasks
    view = PlanReader(chain=desk.chain, store=desk.store, number=plan).read()
    parents = {each.task.id: each.parents for each in view.tasks}
    assert (parents[first[1].id], parents[second[1].id]) == ((first[0].id,), (second[0].id,))
    assert parents[one.id] == (second[0].id,)


def test_only_ones_own_plan_that_goes_on_is_extended(desk: Desk) -> None:
    plan = plan_of(desk.submit(f"kind: plan\nname: digits\n---\n{TRAINING}"))
    with pytest.raises(InputError, match="there is no plan 999"):
        plan_to_extend(PlanId(999), desk.chain, desk.store)
    with pytest.raises(InputError, match="is 5Grwva"):
        plan_to_extend(plan, desk.worker, desk.store)
    desk.chain.cancel_plan(plan, abort=False)
    with pytest.raises(InputError, match="is cancelled, so it takes no tasks"):
        plan_to_extend(plan, desk.chain, desk.store)


def test_of_a_refused_extension_nothing_stays_and_the_plan_goes_on(desk: Desk) -> None:
    plan = plan_of(desk.submit(f"kind: plan\nname: digits\n---\n{TRAINING}"))
    third = SECOND.replace("round-2", "round-3").replace("round-1", "round-2")
    with pytest.raises(ChainRefused):
        extended(desk, plan, f"{SECOND}---\n{third}", RefusedSecond(desk))
    view = PlanReader(chain=desk.chain, store=desk.store, number=plan).read()
    assert [one.task.state for one in view.tasks] == [TaskState.OPEN, TaskState.CANCELLED]
    assert view.plan.cancelled is None


def test_a_killed_extension_is_gone_on_with(desk: Desk) -> None:
    plan, journal = (
        plan_of(desk.submit(f"kind: plan\nname: digits\n---\n{TRAINING}")),
        SubmitJournal(folder=desk.folder / "j"),
    )
    third = SECOND.replace("round-2", "round-3").replace("round-1", "round-2")
    with pytest.raises(KeyboardInterrupt):
        extended(
            desk, plan, f"{SECOND}---\n{third}", Interrupted(desk.chain, "create_task", KeyboardInterrupt()), journal
        )
    extended_anew = extended(desk, plan, f"{SECOND}---\n{third}", journal=journal)
    view = PlanReader(chain=desk.chain, store=desk.store, number=plan).read()
    assert [one.task.id for one in view.tasks[1:]] == [task.id for task in extended_anew.tasks]


def test_a_cancelled_plan_returns_what_is_held_but_for_what_is_at_work(desk: Desk, nrt: Nrt) -> None:
    _, done = named_plan(desk)
    desk.worker.assign_task(done.tasks[0].id)
    plan = str(plan_of(done))
    told = nrt("plan", "cancel", plan).stdout
    assert (
        told
        == f"plan {plan} is cancelled: what is held for the rest of it returns; 1 attempt at work goes on and is paid\n"
    )
    assert desk.chain.task(done.tasks[0].id).counters.live == 1  # type: ignore[union-attr]
    again = nrt("plan", "cancel", plan)
    assert (again.returncode, again.stderr.splitlines()[0]) == (2, f"error: plan {plan} is cancelled already")


def test_an_aborted_plan_stops_what_is_at_work_and_tells_the_price_first(desk: Desk, nrt: Nrt) -> None:
    _, done = named_plan(desk)
    attempt = desk.worker.assign_task(done.tasks[0].id)
    plan = str(plan_of(done))
    price, told = nrt("plan", "cancel", plan, "--abort").stdout.splitlines()
    assert re.fullmatch(
        rf"aborting plan {plan} pays [0-9.]+ UNIT for 1 attempt at work, at most 10 UNIT later on", price
    )
    assert told == f"plan {plan} is cancelled: what is held for the rest of it returns"
    desk.chain.settle(attempt.task)
    view = PlanReader(chain=desk.chain, store=desk.store, number=plan_of(done)).read()
    assert (view.state, view.tasks[0].task.state) == (PlanState.CANCELLED, TaskState.CANCELLED)


class RefusedSecond:
    """The desk's chain, which refuses every task but the first."""

    def __init__(self, desk: Desk) -> None:
        self._chain, self._made = desk.chain, list[TaskId]()

    def __getattr__(self, name: str) -> object:
        return getattr(self._chain, name)

    def create_task(self, *given: object) -> TaskId:
        if self._made:
            raise ChainRefused("Some", "no")
        self._made.append(self._chain.create_task(*given))  # type: ignore[arg-type]
        return self._made[0]
