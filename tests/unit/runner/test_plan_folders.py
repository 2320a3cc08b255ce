"""The local folders of plans: one attempt at a time writes, and only a committed one leaves a trace."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.domain.assets import Account
from node_runtime.domain.task import PlanId, TaskId
from node_runtime.errors import HostError
from node_runtime.runner.attempt_id import AttemptId
from node_runtime.runner.plan_folders import PlanFolders, PlanKey
from node_runtime.runner.stays import EVERYTHING, NOTHING, Stays, note_stays, read_stays

CREATOR = Account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
PLAN = PlanKey(creator=CREATOR, plan=PlanId(7))
FIRST, SECOND = AttemptId(task=TaskId(9), epoch=1), AttemptId(task=TaskId(12), epoch=3)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "plans"


@pytest.fixture
def plans(root: Path) -> PlanFolders:
    return PlanFolders(root)


def left(folder: Path, text: str) -> Path:
    """Write what a container leaves in the folder."""
    (folder / "inner").mkdir(parents=True, exist_ok=True)
    (folder / "inner" / "state").write_text(text)
    return folder


def seen(plans: PlanFolders, place: Path) -> str | None:
    plans.snapshot(PLAN, place)
    file = place / "inner" / "state"
    return file.read_text() if file.exists() else None


def write(plans: PlanFolders, attempt: AttemptId, text: str, scratch: Path) -> None:
    assert plans.take_turn(PLAN, attempt, created=int(attempt.task))
    plans.hand_in(PLAN, attempt, left(scratch / text, text))
    plans.end_turn(attempt, commit=True)


def test_a_plan_begins_with_an_empty_folder(plans: PlanFolders, tmp_path: Path) -> None:
    assert seen(plans, tmp_path / "seen") is None
    assert (tmp_path / "seen").stat().st_mode & 0o777 == 0o555
    assert plans.keys() == ()


def test_what_a_task_left_is_seen_by_the_next_and_without_a_copy(
    plans: PlanFolders, tmp_path: Path, root: Path
) -> None:
    write(plans, FIRST, "one", tmp_path)
    assert seen(plans, tmp_path / "seen") == "one"
    kept = root / str(PLAN) / str(FIRST) / "inner" / "state"
    assert kept.samefile(tmp_path / "seen" / "inner" / "state")
    assert kept.stat().st_mode & 0o777 == 0o444


def test_one_attempt_at_a_time_has_the_turn(plans: PlanFolders) -> None:
    assert plans.take_turn(PLAN, FIRST, created=1)
    assert plans.take_turn(PLAN, FIRST, created=1), "again after a restart"
    assert not plans.take_turn(PLAN, SECOND, created=2)
    assert plans.turns() == {PLAN: FIRST}
    plans.end_turn(SECOND, commit=True)  # it has none
    assert not plans.take_turn(PLAN, SECOND, created=2)
    plans.end_turn(FIRST, commit=False)
    assert plans.take_turn(PLAN, SECOND, created=2)


def test_plans_of_one_number_of_two_creators_are_apart(plans: PlanFolders, tmp_path: Path) -> None:
    write(plans, FIRST, "one", tmp_path)
    other = PlanKey(creator=Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"), plan=PLAN.plan)
    plans.snapshot(other, tmp_path / "other")
    assert list((tmp_path / "other").iterdir()) == []
    assert plans.take_turn(other, SECOND, created=1)
    assert plans.take_turn(PLAN, AttemptId(task=TaskId(20), epoch=1), created=1)


def test_an_attempt_that_failed_leaves_no_trace(plans: PlanFolders, tmp_path: Path, root: Path) -> None:
    write(plans, FIRST, "one", tmp_path)
    plans.take_turn(PLAN, SECOND, created=12)
    plans.hand_in(PLAN, SECOND, left(tmp_path / "bad", "two"))
    plans.end_turn(SECOND, commit=False)
    assert seen(plans, tmp_path / "seen") == "one"
    assert {entry.name for entry in (root / str(PLAN)).iterdir()} == {"plan.json", str(FIRST)}


def test_a_reader_keeps_what_it_began_with(plans: PlanFolders, tmp_path: Path) -> None:
    write(plans, FIRST, "one", tmp_path)
    assert seen(plans, tmp_path / "before") == "one"
    write(plans, SECOND, "two", tmp_path)
    assert seen(plans, tmp_path / "before") == "one"
    assert seen(plans, tmp_path / "after") == "two"


def test_an_attempt_that_runs_again_replaces_what_it_handed_in(plans: PlanFolders, tmp_path: Path) -> None:
    plans.take_turn(PLAN, FIRST, created=1)
    plans.hand_in(PLAN, FIRST, left(tmp_path / "a", "a"))
    plans.hand_in(PLAN, FIRST, left(tmp_path / "b", "b"))
    plans.end_turn(FIRST, commit=True)
    assert seen(plans, tmp_path / "seen") == "b"


def taken(plans: PlanFolders, _: Path) -> None:
    plans.take_turn(PLAN, SECOND, created=12)


def half_copied(plans: PlanFolders, tmp_path: Path) -> None:
    taken(plans, tmp_path)
    left(tmp_path / "plans" / str(PLAN) / f"{SECOND}.part", "half")


def handed_in(plans: PlanFolders, tmp_path: Path) -> None:
    taken(plans, tmp_path)
    plans.hand_in(PLAN, SECOND, left(tmp_path / "work", "two"))


def half_snapshot(_: PlanFolders, tmp_path: Path) -> None:
    left(tmp_path / "seen.part", "half")


@pytest.mark.parametrize("moment", [taken, half_copied, handed_in, half_snapshot])
def test_a_kill_before_the_commit_leaves_no_trace_and_the_attempt_goes_on(
    moment: Callable[[PlanFolders, Path], None], plans: PlanFolders, tmp_path: Path, root: Path
) -> None:
    write(plans, FIRST, "one", tmp_path)
    moment(plans, tmp_path)
    later = PlanFolders(root)
    assert seen(later, tmp_path / "seen") == "one"
    assert later.take_turn(PLAN, SECOND, created=12)
    later.hand_in(PLAN, SECOND, left(tmp_path / "again", "again"))
    later.end_turn(SECOND, commit=True)
    assert seen(later, tmp_path / "after") == "again"
    assert {entry.name for entry in (root / str(PLAN)).iterdir()} == {"plan.json", str(SECOND)}


def test_a_kill_after_the_commit_leaves_what_the_next_change_removes(
    plans: PlanFolders, tmp_path: Path, root: Path
) -> None:
    write(plans, FIRST, "one", tmp_path)
    write(plans, SECOND, "two", tmp_path)
    left(root / str(PLAN) / str(FIRST), "one")  # as if its removal had not come to pass
    later = PlanFolders(root)
    assert seen(later, tmp_path / "seen") == "two"
    later.end_turn(SECOND, commit=True)  # again: the delivery is repeated
    assert later.take_turn(PLAN, AttemptId(task=TaskId(13), epoch=1), created=13)
    assert not (root / str(PLAN) / str(FIRST)).exists()
    assert seen(later, tmp_path / "after") == "two"


def test_what_stays_of_a_plan_stays_for_good_and_is_noted_before_a_reader_sees_it(
    plans: PlanFolders, tmp_path: Path
) -> None:
    plans.take_turn(PLAN, FIRST, created=9, stays=Stays(private=True))
    plans.end_turn(FIRST, commit=False)
    plans.take_turn(PLAN, FIRST, created=9, stays=Stays(logs=True))
    plans.end_turn(FIRST, commit=False)
    write(plans, SECOND, "two", tmp_path)
    noted = []
    plans.snapshot(PLAN, tmp_path / "seen", note=lambda stays: noted.append((stays, (tmp_path / "seen").exists())))
    assert noted == [(Stays(private=True, logs=True), False)]
    state = plans.state(PLAN)
    assert state is not None
    assert state.stays == noted[0][0]
    assert state.tasks == {FIRST.task: 9, SECOND.task: 12}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"version": 1}', '{"version": 1, "tasks": {}, "good": "x", "writer": null}']
)
def test_an_unreadable_state_fails_its_own_plan_only(text: str, plans: PlanFolders, tmp_path: Path, root: Path) -> None:
    write(plans, FIRST, "one", tmp_path)
    (root / str(PLAN) / "plan.json").write_text(text)
    with pytest.raises(HostError, match=r"plan\.json can't be read") as raised:
        plans.snapshot(PLAN, tmp_path / "seen")
    assert "remove its folder" in raised.value.remedy
    assert plans.turns() == {}
    plans.end_turn(FIRST, commit=True)
    plans.remove(PLAN)
    assert seen(plans, tmp_path / "after") is None


def test_a_state_of_a_newer_release_is_refused(plans: PlanFolders, tmp_path: Path, root: Path) -> None:
    write(plans, FIRST, "one", tmp_path)
    path = root / str(PLAN) / "plan.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 3}))
    with pytest.raises(HostError, match="a newer release wrote"):
        plans.state(PLAN)


def test_what_is_stored_says_its_version(plans: PlanFolders, tmp_path: Path, root: Path) -> None:
    write(plans, FIRST, "one", tmp_path)
    assert json.loads((root / str(PLAN) / "plan.json").read_text()) == {
        "version": 2,
        "tasks": {"9": 9},
        "good": str(FIRST),
        "writer": None,
        "private": False,
        "models": False,
        "logs": False,
    }


@pytest.mark.parametrize("version", [{}, {"version": 1}])
def test_of_what_an_earlier_release_left_all_stays(
    version: dict[str, int], plans: PlanFolders, tmp_path: Path, root: Path
) -> None:
    write(plans, FIRST, "one", tmp_path)
    before = {**version, "tasks": {"9": 9}, "good": str(FIRST), "writer": None, "private": False}
    (root / str(PLAN) / "plan.json").write_text(json.dumps(before))
    state = plans.state(PLAN)
    assert state is not None
    assert (state.tasks, state.good, state.stays) == ({FIRST.task: 9}, FIRST, EVERYTHING)
    write(plans, SECOND, "two", tmp_path)
    later = plans.state(PLAN)
    assert later is not None
    assert later.stays == EVERYTHING


def test_a_note_is_widened_and_one_that_is_missing_or_unreadable_keeps_all(tmp_path: Path) -> None:
    folder = tmp_path / "task-9-epoch-1"
    assert read_stays(folder) == NOTHING, "without a workspace"
    folder.mkdir()
    assert read_stays(folder) == EVERYTHING
    note_stays(folder, Stays(models=True), seen=False)
    note_stays(folder, Stays(private=True), seen=True)
    assert read_stays(folder) == Stays(models=True, private=True)
    (file,) = folder.iterdir()
    assert json.loads(file.read_text()) == {"version": 1, "private": True, "models": True, "logs": False}
    file.write_text("{")
    assert read_stays(folder) == EVERYTHING
    file.unlink()
    note_stays(folder, NOTHING, seen=True)  # an earlier release noted nothing
    assert read_stays(folder) == EVERYTHING
