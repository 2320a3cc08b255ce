"""What does a creator see when something goes wrong, and do the commands that the messages name work?"""

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node_runtime.errors import FailureCategory
from node_runtime.task import Asset, AssetKind, AssetRef, Digest, Kind, Label, Visibility
from tests.background import LIMIT, in_background
from tests.scenarios.conftest import Desk
from tests.scenarios.test_commands import TRAINING, Nrt, nrt, parsed
from tests.scenarios.test_results import stored, worked

__all__ = ["nrt"]

AUTO = TRAINING.replace("manual", "auto")


@contextmanager
def failing_worker(desk: Desk, category: FailureCategory) -> Iterator[None]:
    """A worker beside the test that takes the next task that opens, and reports that it failed."""
    known = set(desk.worker.open_tasks(Kind.TRAINING))
    over = threading.Event()

    def work() -> None:
        while not over.wait(0.1):
            for task in set(desk.worker.open_tasks(Kind.TRAINING)) - known:
                log = stored(
                    desk, "failed", {"failure.txt": f"{category}: stage train: exited with 3; see train.log\n"}
                )
                desk.worker.report_failure(task, desk.worker.assign_task(task).epoch, category, log)
                return

    working = in_background(work)
    try:
        yield
    finally:
        over.set()
    working.result(LIMIT)


def test_waiting_tells_each_failed_attempt_and_ends_with_what_can_be_done(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(AUTO)
    with failing_worker(desk, FailureCategory.TASK_ERROR):
        ended = nrt("submit", "task.yaml", "--wait")
    assert ended.returncode == 1
    assert "failed, task_error: stage train: exited with 3; see train.log" in ended.stdout
    number = max(desk.chain.tasks_of(desk.chain.account))
    for command in ("show", "logs", "resume", "cancel"):
        assert f"'node-runtime {command} {number}'" in ended.stdout


def test_a_result_under_review_names_the_commands_that_decide(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    which = f"{task}/{worked(desk, task).id}"
    for command in ("show", "results"):
        told = nrt(command, str(task)).stdout
        for decides in ("fetch", "accept", "reject"):
            assert f"'node-runtime {decides} {which}" in told
    assert nrt("fetch", which, str(tmp_path / "fetched")).returncode == 0
    assert "was paid 10 UNIT" in nrt("accept", which).stdout


def test_after_a_rejection_show_and_fetch_say_so(desk: Desk, nrt: Nrt) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    which = f"{task}/{worked(desk, task).id}"
    assert nrt("reject", which).returncode == 2
    assert "is rejected" in nrt("reject", which, "--reason", "it learnt nothing").stdout
    shown = nrt("show", str(task)).stdout
    assert "was rejected: it learnt nothing" in shown
    assert "no node has taken it" not in shown
    fetched = nrt("fetch", str(task))
    assert fetched.returncode == 2
    assert "was rejected: it learnt nothing" in fetched.stderr
    assert f"node-runtime fetch {which} FOLDER" in fetched.stderr


def test_show_tells_what_a_run_needed(desk: Desk, nrt: Nrt) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    worked(desk, task)
    shown = nrt("show", str(task), COLUMNS="160").stdout
    assert "train 1.5" in shown
    assert "1 MiB" in shown


@pytest.mark.parametrize("command", ["list", "show", "results", "logs", "fetch", "accept"])
def test_reading_from_a_storage_that_is_not_there_is_refused_and_makes_none(
    desk: Desk, nrt: Nrt, command: str, tmp_path: Path
) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    worked(desk, task)
    nowhere = tmp_path / "nowhere"
    ended = nrt(command, *(() if command == "list" else (str(task),)), "--storage", str(nowhere))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert f"there is no storage in {nowhere}" in ended.stderr
    assert not nowhere.exists()


def test_no_log_and_a_log_that_storage_does_not_have_are_told_apart(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    none = nrt("logs", str(task))
    assert (none.returncode, none.stdout) == (0, f"task {task} has no logs yet; it is open\n")
    worked(desk, task)
    other = nrt(
        "asset", "add", "train-0", "--kind", "data_sample", "--label", "train", "--storage", str(tmp_path / "2")
    )
    assert other.returncode == 0, other.stderr
    missing = nrt("logs", str(task), "--storage", str(tmp_path / "2"))
    assert missing.returncode == 3
    assert "its log can't be had: nothing is stored under" in missing.stdout
    assert parsed(nrt("logs", str(task), "--json"))[0]["name"] == "train.log"


def test_fetching_into_a_folder_that_cannot_be_made_is_told(desk: Desk, nrt: Nrt) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    worked(desk, task)
    for target in ("opener.py/here", "/proc/nowhere/here"):
        ended = nrt("fetch", str(task), target)
        assert ended.returncode == 4, ended.stderr
        assert f"working in {Path(target).parent} failed" in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("amount", "told"),
    [
        ("-5", "'-5' is not an amount; write UNIT as a number, e.g. 10 or 0.25"),
        ("1e3", "'1e3' is not an amount"),
        ("nan", "'nan' is not an amount"),
        ("٣", "'٣' is not an amount"),
        ("0", "'0' is nothing"),
    ],
)
def test_what_is_no_amount_is_not_paid(desk: Desk, nrt: Nrt, amount: str, told: str) -> None:
    ended = nrt("pay", desk.worker.account, amount)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr


def test_a_development_key_without_its_slashes_is_hinted_at(nrt: Nrt) -> None:
    ended = nrt("list", "--key", "Alice")
    assert ended.returncode == 2
    assert "the development account of that name is //Alice" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("show", "abc"), "'abc' is no task's number"),
        (("show", "--", "-1"), "'-1' is no task's number"),
        (("results", "9" * 30), "is no task's number"),
        (("accept", "12/"), "'12/' names no task"),
        (("accept", "12/3", "-s", "4"), "name two submissions"),
        (("reject", "12", "one", "--reason", "two"), "rejecting needs one reason"),
    ],
)
def test_what_names_no_task_is_refused_in_words(nrt: Nrt, arguments: tuple[str, ...], told: str) -> None:
    ended = nrt(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr


def test_help_says_where_what_is_not_named_comes_from(nrt: Nrt) -> None:
    assert "(default: the local network's creator)" in nrt("show", "--help", COLUMNS="200").stdout


def test_an_unknown_preset_is_refused_before_anything_starts(nrt: Nrt, tmp_path: Path) -> None:
    ended = nrt("devnet", "--preset", "foo", "--base-path", str(tmp_path / "chain"))
    assert ended.returncode == 2
    assert "local_testnet" in ended.stderr
    assert not (tmp_path / "chain").exists()


def test_a_short_deadline_is_warned_of_and_an_impossible_one_refused(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING + "deadline: 20m\n")
    warned = nrt("check", "task.yaml")
    assert (warned.returncode, warned.stderr) == (
        0,
        "warning: task.yaml:7:11: 20m is short: an attempt may need 25m, "
        "the 15m of its container and 10m to fetch and build before\n",
    )
    (desk.folder / "task.yaml").write_text(TRAINING + "deadline: 1m\n")
    refused = nrt("check", "task.yaml")
    assert refused.returncode == 2
    assert "task.yaml:7:11: 1m is over before the 15m of its container could be" in refused.stderr


def test_a_log_that_its_node_keeps_is_no_trouble(desk: Desk, nrt: Nrt) -> None:
    ref = AssetRef(owner=desk.worker.account, digest=Digest(secrets.token_hex(32)))
    sample = Asset(
        ref=ref, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN, visibility=Visibility.PRIVATE, uri="private:"
    )
    desk.worker.register_assets([sample])
    task = desk.submit(AUTO.replace("train-0", str(ref))).tasks[0].id
    epoch = desk.worker.assign_task(task).epoch
    desk.worker.report_failure(task, epoch, FailureCategory.TASK_ERROR, Digest("1" * 64))
    ended = nrt("logs", str(task))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "no log here: its node keeps it" in ended.stdout


def test_who_took_tasks_sees_how_each_own_attempt_stands(desk: Desk, nrt: Nrt) -> None:
    sent, failed = (desk.submit(TRAINING).tasks[0].id for _ in range(2))
    worked(desk, sent)
    log = stored(desk, "failed", {"failure.txt": "task_error\n"})
    desk.worker.report_failure(failed, desk.worker.assign_task(failed).epoch, FailureCategory.TASK_ERROR, log)
    listed = nrt("list", "--role", "worker", NODE_RUNTIME_KEY="//Bob", COLUMNS="120").stdout.splitlines()
    assert "your attempt" in listed[0]
    for number, state in ((sent, "submitted"), (failed, "failed, task_error")):
        assert any(row.split()[0] == str(number) and state in row for row in listed[1:])
