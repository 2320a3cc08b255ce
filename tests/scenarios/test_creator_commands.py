"""Messages of the creator's commands on failures, and the commands that they recommend."""

import re
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Digest, Label, Visibility
from node_runtime.domain.task import Kind
from node_runtime.domain.units import amount
from node_runtime.errors import FailureCategory
from tests.background import LIMIT, in_background
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_commands import TRAINING, parsed
from tests.scenarios.test_results import stored, worked

AUTO = TRAINING.replace("manual", "auto")


@contextmanager
def failing_worker(desk: Desk, category: FailureCategory) -> Iterator[None]:
    """Run a worker that takes the next open task and reports it as failed."""
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


def test_waiting_prints_each_failed_attempt_and_ends_with_the_remedy(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(AUTO + "max_failures: 1\n")
    with failing_worker(desk, FailureCategory.TASK_ERROR):
        ended = nrt("submit", "task.yaml", "--wait")
    assert ended.returncode == 1
    assert "failed, task_error: stage train: exited with 3; see train.log" in ended.stdout
    number = max(desk.chain.tasks_of(desk.chain.account))
    for command in ("logs", "resume", "cancel", "confirm"):
        assert f"'node-runtime {command} {number}'" in ended.stdout


def test_a_result_under_review_names_the_commands_that_decide(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    which = f"{task}/{worked(desk, task).id}"
    for command in ("show", "results"):
        output = nrt(command, str(task)).stdout
        for decides in ("fetch", "accept", "reject"):
            assert f"'node-runtime {decides} {which}" in output
    assert nrt("fetch", which, str(tmp_path / "fetched")).returncode == 0
    assert "was paid 10 UNIT" in nrt("accept", which).stdout


def test_show_and_fetch_report_a_rejection(desk: Desk, nrt: Nrt) -> None:
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


def test_show_prints_the_resources_of_a_run(desk: Desk, nrt: Nrt) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    worked(desk, task)
    shown = nrt("show", str(task), COLUMNS="160").stdout
    assert "train 1.5" in shown
    assert "1 MiB" in shown


@pytest.mark.parametrize("command", ["list", "show", "results", "logs", "fetch", "accept"])
def test_reading_from_a_missing_storage_is_refused_and_creates_none(
    desk: Desk, nrt: Nrt, command: str, tmp_path: Path
) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    worked(desk, task)
    nowhere = tmp_path / "nowhere"
    ended = nrt(command, *(() if command == "list" else (str(task),)), "--storage", str(nowhere))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert f"there is no storage in {nowhere}" in ended.stderr
    assert not nowhere.exists()


def test_no_log_and_a_log_missing_in_storage_are_distinguished(desk: Desk, nrt: Nrt, tmp_path: Path) -> None:
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


def test_show_tells_until_when_a_final_tasks_records_are_kept_and_purge_refuses_until_then(
    desk: Desk, nrt: Nrt
) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    assert "records" not in nrt("show", str(task)).stdout
    refused = nrt("purge", str(task))
    assert refused.returncode == 2
    assert f"task {task} is open, and only the records of a final task can be purged" in refused.stderr
    desk.chain.cancel_task(task, abort=False)
    told = nrt("show", str(task)).stdout
    held = desk.chain.task(task)
    assert held is not None
    assert re.search(rf"records +kept until [-0-9: ]+, in 6d 23h; then 'node-runtime purge {task}' returns ", told)
    assert f"returns {amount(held.held_for_spec)}, held for its spec\n" in told
    refused = nrt("purge", str(task))
    assert (refused.returncode, refused.stdout) == (3, "")
    assert f"can't purge task {task}: its records are kept for 7d after its end" in " ".join(refused.stderr.split())
    assert "come back after " in refused.stderr
    assert parsed(nrt("show", str(task), "--json"))["records"]["held"] == held.held_for_spec


def test_fetching_into_a_folder_that_cannot_be_created_is_refused(desk: Desk, nrt: Nrt) -> None:
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
def test_invalid_amounts_are_not_paid(desk: Desk, nrt: Nrt, amount: str, told: str) -> None:
    ended = nrt("pay", desk.worker.account, amount)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr


def test_the_balance_of_a_development_account_is_told_by_its_name(nrt: Nrt) -> None:
    shown = nrt("balance", "//Alice")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == nrt("balance", "--key", "//Alice").stdout


def test_a_development_key_without_slashes_gets_a_hint(nrt: Nrt) -> None:
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
def test_an_invalid_task_number_is_refused_with_a_message(nrt: Nrt, arguments: tuple[str, ...], told: str) -> None:
    ended = nrt(*arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert told in ended.stderr


def test_help_states_the_default_key(nrt: Nrt) -> None:
    assert "(default: the local network's creator)" in nrt("show", "--help", COLUMNS="200").stdout


def test_an_unknown_preset_is_refused_before_anything_starts(nrt: Nrt, tmp_path: Path) -> None:
    ended = nrt("devnet", "--preset", "foo", "--base-path", str(tmp_path / "chain"))
    assert ended.returncode == 2
    assert "local_testnet" in ended.stderr
    assert not (tmp_path / "chain").exists()


def test_a_short_deadline_gets_a_warning_and_an_impossible_one_is_refused(desk: Desk, nrt: Nrt) -> None:
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


def test_several_slots_without_review_get_a_warning(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(AUTO + "slots: 3\n")
    warned = nrt("check", "task.yaml")
    assert warned.returncode == 0
    assert "3 results are accepted without a look, copies of one another too" in warned.stderr
    (desk.folder / "task.yaml").write_text(AUTO.replace("auto", "manual") + "slots: 3\n")
    assert nrt("check", "task.yaml").stderr == ""


def test_a_private_log_is_no_error(desk: Desk, nrt: Nrt) -> None:
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


def test_list_shows_a_worker_the_state_of_each_own_attempt(desk: Desk, nrt: Nrt) -> None:
    sent, failed = (desk.submit(TRAINING).tasks[0].id for _ in range(2))
    worked(desk, sent)
    log = stored(desk, "failed", {"failure.txt": "task_error\n"})
    desk.worker.report_failure(failed, desk.worker.assign_task(failed).epoch, FailureCategory.TASK_ERROR, log)
    listed = nrt("list", "--role", "worker", NODE_RUNTIME_KEY="//Bob", COLUMNS="120").stdout.splitlines()
    assert "your attempt" in listed[0]
    for number, state in ((sent, "submitted"), (failed, "failed, task_error")):
        assert any(row.split()[0] == str(number) and state in row for row in listed[1:])


def test_a_result_that_withholds_an_output_without_private_data_stays_undecided(desk: Desk, nrt: Nrt) -> None:
    task = desk.submit(TRAINING).tasks[0].id
    worked(desk, task, forge=lambda document: document.model_copy(update={"outputs_stay": ("pred",)}))
    ended = nrt("validate", str(task), "--auto")
    assert ended.returncode == 1
    assert "its worker keeps pred, although the task uses no private data" in ended.stdout


def test_an_asset_is_moved_only_by_its_owner(desk: Desk, nrt: Nrt) -> None:
    added = parsed(nrt("asset", "add", "train-0", "--kind", "data_sample", "--label", "train", "--json"))
    ref = AssetRef(owner=desk.chain.account, digest=Digest(added["ref"]["digest"]))
    for key, uri in ((str(ref), "store:elsewhere"), (ref.digest, "store:third")):
        moved = nrt("asset", "move", key, uri)
        assert (moved.returncode, moved.stdout) == (0, f"asset {ref} is at {uri}\n"), moved.stderr
        found = desk.worker.asset(ref)
        assert found is not None
        assert found.uri == uri
    foreign = nrt("asset", "move", str(ref), "store:taken", NODE_RUNTIME_KEY="//Bob")
    assert (foreign.returncode, foreign.stdout) == (2, "")
    assert f"sign with the key of {ref.owner}" in foreign.stderr
    mistyped = nrt("asset", "move", "train-0", "store:none")
    assert (mistyped.returncode, mistyped.stdout) == (2, "")
    assert "train-0' is no asset's key" in mistyped.stderr
    unknown = nrt("asset", "move", "0" * 64, "store:none")
    assert (unknown.returncode, unknown.stdout) == (3, "")
    assert "[NoSuchAsset]" in unknown.stderr


def test_an_offered_task_is_declined_by_its_assignee(desk: Desk, nrt: Nrt) -> None:
    offered = str(desk.submit(TRAINING + f"assign_to: {desk.worker.account}\n").tasks[0].id)
    before = desk.worker.balance(desk.worker.account)
    refused = nrt("decline", offered, NODE_RUNTIME_KEY="//Charlie")
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "[NotOffered]" in refused.stderr
    declined = nrt("decline", offered, NODE_RUNTIME_KEY="//Bob")
    assert (declined.returncode, declined.stdout) == (0, f"task {offered} is declined, and closed\n"), declined.stderr
    assert desk.worker.balance(desk.worker.account) == before
    assert f"task {offered}  round-1  training  cancelled" in nrt("show", offered).stdout
