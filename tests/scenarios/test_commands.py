"""The creator's commands and their output, run as installed in separate processes."""

import json
import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import node_runtime
from node_runtime.domain.assets import Digest
from node_runtime.domain.clock import wall_clock
from node_runtime.domain.task import UNIT
from node_runtime.domain.units import amount
from node_runtime.errors import FailureCategory
from node_runtime.substrate.client import connect
from tests.docker_engine import DockerHost, docker_engine
from tests.e2e.persons_terminal import PersonsTerminal, at_terminal
from tests.later_devnet import later_devnet
from tests.scenarios.conftest import Desk, Nrt

__all__ = ["docker_engine"]

TRAINING = "kind: training\nname: round-1\nalgo: algo/\ndata: [train-0]\nreward: 10\nvalidation: manual\n"
AtDesk = Callable[..., AbstractContextManager[PersonsTerminal]]


@pytest.fixture
def at_desk(desk: Desk, environment: dict[str, str]) -> AtDesk:
    """Return a function that runs a command in the desk's folder at a terminal."""
    return partial(at_terminal, folder=desk.folder, environment=environment)


def parsed(ended: subprocess.CompletedProcess[str]) -> Any:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_task_is_checked_submitted_listed_shown_and_cancelled(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    checked = nrt("check", "task.yaml").stdout
    assert re.search(
        r"^training +round-1 +1 × 10 +2 × 1 +12 +14.4 a day", checked, re.MULTILINE
    )  # a bond of 1, for 25 m
    assert checked.endswith("task.yaml is fine; submitting it holds 12 UNIT\n")
    (task,) = parsed(nrt("submit", "task.yaml", "--json"))["tasks"]
    number = str(task["id"])
    assert parsed(nrt("list", "--status", "open", "--json"))[-1]["document"]["name"] == "round-1"
    assert f"{number}  round-1  training  open" in nrt("list").stdout.replace("  " * 2, "  ")
    shown = nrt("show", number).stdout
    assert f"task {number}  round-1  training  open" in shown
    assert "10 UNIT for each of 1; held now 12 UNIT, 2 UNIT of it for possible rejections\n" in shown
    assert parsed(nrt("show", number, "--json"))["task"]["task"]["held"] == 12 * 10**12
    assert f"task {number} is cancelled; held for it: 0 UNIT" in nrt("cancel", number).stdout
    assert "has no results; it is cancelled" in nrt("results", number).stdout
    assert parsed(nrt("results", number, "--json")) == {"results": [], "annotations": None}
    assert parsed(nrt("logs", number, "--json")) == []


def test_a_check_explains_what_each_task_and_all_of_them_hold(desk: Desk, nrt: Nrt) -> None:
    second = TRAINING.replace("round-1", "second-one").replace("manual", "auto") + "slots: 3\n"
    (desk.folder / "task.yaml").write_text(f"{TRAINING.replace('10', '5')}---\n{second}parameters: {{depth: 4}}\n")
    *shown, fine = nrt("check", "task.yaml").stdout.splitlines()
    assert fine == "task.yaml is fine; submitting it holds 36 UNIT"
    assert [row.rstrip() for row in shown] == [
        "kind      task        rewards  rejections  held    blocking",
        "training  round-1       1 × 5     2 × 0.5     6   7.2 a day",
        "training  second-one   3 × 10           –    30  14.4 a day",
        "in all                     35           1    36",
        "",
        "rewards     slots × the reward of an accepted result",
        "rejections  max_rejects × what rejecting a result costs you, 10 % of the reward",
        "held        their sum in UNIT, from submit on; what isn't spent comes back",
        "besides     the price of bytes and transactions; submit tells it before it sends",
        "blocking    what it costs somebody at least to keep a slot from others",
        "",
        "task        parameters",
        "second-one  depth 4",
        "",
    ]
    assert max(map(len, shown)) <= 80
    found = parsed(nrt("check", "task.yaml", "--json"))
    parts = {"slots": 1, "reward": 5 * UNIT, "rewards": 5 * UNIT, "max_rejects": 2, "rejection": UNIT // 2}
    assert found["tasks"][0]["held"] == parts | {"rejections": UNIT, "total": 6 * UNIT}
    assert (found["rewards"], found["rejections"], found["held"]) == (35 * UNIT, UNIT, 36 * UNIT)
    assert (found["tasks"][1]["parameters"], found["objectives"]) == ({"depth": 4}, [])


def test_a_cancel_tells_what_goes_on_and_a_second_one_how_it_ended(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    (task,) = parsed(nrt("submit", "task.yaml", "--json"))["tasks"]
    number = str(task["id"])
    desk.worker.assign_task(task["id"])
    state, *goes_on = nrt("cancel", number).stdout.splitlines()
    assert state.startswith(f"task {number} is closing; held for it: ")
    waits_for, ends = goes_on
    assert waits_for == "nobody can take it any more; it ends when 1 attempt at work is over"
    assert re.fullmatch(
        r"what is at work may finish until [0-9-]+ [0-9:]+, to be paid when it is accepted; "
        rf"'node-runtime cancel {number} --abort' stops that",
        ends,
    )
    shown = nrt("show", number).stdout
    assert all(f"  ▸ {reason}\n" in shown for reason in goes_on)
    nrt("cancel", number, "--abort")
    again = nrt("cancel", number)
    assert again.returncode == 3
    assert "[TaskFinal]" in again.stderr
    assert "see 'node-runtime show TASK' for how it ended" in again.stderr


def test_several_tasks_are_looked_at_as_a_plan(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING + "sweep: {depth: [1, 2]}\n")
    assert nrt("submit", "task.yaml").stdout.splitlines()[-1].startswith("next: node-runtime plan show ")


def test_an_abort_prints_its_price_before_it_is_paid(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    (task,) = parsed(nrt("submit", "task.yaml", "--json"))["tasks"]
    hold = desk.worker.assign_task(task["id"])
    output, state = nrt("cancel", str(task["id"]), "--abort").stdout.splitlines()
    assert output.startswith(f"aborting task {task['id']} pays 0.")
    assert output.endswith(" UNIT for 1 attempt at work, at most 10 UNIT later on")
    assert state == f"task {task['id']} is cancelled; held for it: 0 UNIT"
    ended = desk.worker.assignment(hold.worker, hold.task)
    assert ended is not None
    assert 0 < ended.paid < UNIT
    assert f"aborted, paid {amount(ended.paid)}" in " ".join(nrt("show", str(task["id"]), COLUMNS="200").stdout.split())


def test_the_creator_confirms_reports_of_failure(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    (task,) = parsed(nrt("submit", "task.yaml", "--json"))["tasks"]
    number = str(task["id"])
    assert "nothing is held for reports" in nrt("confirm", number).stderr
    hold = desk.worker.assign_task(task["id"])
    held = desk.chain.balance(desk.worker.account).held
    desk.worker.report_failure(hold.task, hold.epoch, FailureCategory.TASK_ERROR, Digest("1" * 64))
    assert "failed, task_error (EXECUTION_ERROR), 0.01 UNIT held" in " ".join(
        nrt("show", number, COLUMNS="200").stdout.split()
    )
    assert f"0.01 UNIT are {desk.worker.account}'s again" in nrt("confirm", number).stdout
    assert desk.chain.balance(desk.worker.account).held == held - hold.bond


def test_assets_and_objectives_are_added_and_listed(desk: Desk, nrt: Nrt) -> None:
    name = f"objective-{desk.folder.parent.name.replace('_', '-')}"
    text = f"kind: objective\nname: {name}\nmetric: metric/\nopener: opener.py\nsamples: [test-0]\n"
    (desk.folder / "objective.yaml").write_text(text)
    (created,) = parsed(nrt("objective", "create", "objective.yaml", "--json"))
    assert created in parsed(nrt("objective", "list", "--json"))
    added = parsed(nrt("asset", "add", "train-0", "--kind", "data_sample", "--label", "train", "--json"))
    assert added in parsed(nrt("asset", "list", "--kind", "data_sample", "--json"))
    assert added["ref"]["digest"] in nrt("asset", "list").stdout
    other = nrt("asset", "list", "--owner", desk.worker.account, "--kind", "algo")
    assert "no assets" in other.stdout
    relabelled = nrt("asset", "add", "train-0", "--kind", "data_sample", "--label", "test")
    assert (relabelled.returncode, relabelled.stdout) == (3, "")
    assert "train-0 is a Test sample here, but these bytes are registered as a Train sample" in relabelled.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("check", "nowhere.yaml"), 2, "nowhere.yaml: No such file or directory"),
        (("submit", "bad.yaml"), 2, "bad.yaml:3:1: unknown key 'rewrad'; did you mean 'reward'?"),
        (("show", "999999"), 2, "there is no task 999999 on this chain"),
        (("fetch", "twelve"), 2, "'twelve' names no task"),
        (("accept", "999999"), 2, "there is no task 999999"),
        (("asset", "add", "train-0", "--kind", "data_sample"), 2, "add --label train or --label test"),
        (("asset", "add", "train-0", "--kind", "algo"), 2, "train-0 has no Dockerfile"),
        (("objective", "list", "--owner", "5Grw"), 2, "'5Grw' is not an account's address"),
        (("list", "--chain", "ws://127.0.0.1:1"), 4, "no answer from the chain at ws://127.0.0.1:1"),
        (("list", "--key", "nowhere.json"), 2, "nowhere.json"),
        (("cancel", "999999"), 3, "cancel task 999999"),
    ],
)
def test_an_invalid_command_ends_with_place_reason_and_exit_code(
    desk: Desk, nrt: Nrt, arguments: tuple[str, ...], code: int, told: str
) -> None:
    (desk.folder / "bad.yaml").write_text("kind: training\nname: a\nrewrad: 1\nalgo: algo/\ndata: [train-0]\n")
    ended = nrt(*arguments)
    assert told in ended.stderr
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "Traceback" not in ended.stderr


def test_control_characters_are_escaped_in_errors(nrt: Nrt) -> None:
    ended = nrt("check", "\x1b]0;title\x07[red].yaml")
    assert ended.returncode == 2
    assert "\x1b" not in ended.stderr
    assert "]0;title" in ended.stderr
    assert "[red].yaml" in ended.stderr


def test_an_invalid_address_is_reported_once(nrt: Nrt) -> None:
    slipped = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ"
    ended = nrt("pay", slipped, "1")
    assert ended.returncode == 2
    assert ended.stderr.count(slipped) == 1


def test_the_version_is_printed_by_command_and_option(nrt: Nrt) -> None:
    assert nrt("--version").stdout == nrt("version").stdout == f"{node_runtime.__version__}\n"


def test_an_insufficient_balance_is_reported_with_the_missing_amount(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    ended = nrt("submit", "task.yaml", NODE_RUNTIME_KEY="//Pauper")
    assert ended.returncode == 3
    assert "has 0 UNIT free" in ended.stderr
    assert re.search(r"send at least 12\.0\d+ UNIT more to it, e\.g\. by 'node-runtime pay 5\w{47} 13'", ended.stderr)


def test_the_upper_bound_of_fees_is_printed_in_one_line_on_a_terminal(
    desk: Desk, at_desk: AtDesk, network: str
) -> None:
    with at_desk("pay", desk.worker.account, "1") as person:
        assert person.ends() == 0
    output = person.seen.splitlines()[-1]
    assert re.search(rf"fee of at most 0\.0+[1-9]\d{{0,3}} UNIT to pay {desk.worker.account}", output)
    (desk.folder / "task.yaml").write_text(TRAINING)
    with at_desk("submit", "task.yaml") as person:
        assert person.ends() == 0
    assert re.search(r"this costs at most 12\.0\d{1,3} UNIT", person.seen)
    assert "of at most" not in person.seen
    task = max(desk.chain.tasks_of(desk.chain.account))
    with closing(connect(network, "//Charlie")) as other:
        for worker in (desk.worker, other):
            hold = worker.assign_task(task)
            worker.report_failure(hold.task, hold.epoch, FailureCategory.TASK_ERROR, Digest("1" * 64))
    with at_desk("confirm", str(task)) as person:
        assert person.ends() == 0
    assert re.search(r"fees of at most 0\.0+[1-9]\d{0,3} UNIT for 2 transactions", person.seen.splitlines()[-1])
    assert person.seen.count("of at most") == 1


def test_standard_error_has_only_errors_and_warnings_without_a_terminal(desk: Desk, nrt: Nrt) -> None:
    assert nrt("pay", desk.worker.account, "1").stderr == ""
    (desk.folder / "task.yaml").write_text(TRAINING)
    assert nrt("submit", "task.yaml", "--json").stderr == ""


@pytest.mark.parametrize(
    ("off", "told"),
    [
        (600_000, "this machine's clock is 9m 5.*s ahead of the chain's"),
        (-600_000, "this machine's clock is (10m|9m 5.*s) behind the chain's"),
        (10_000, None),
    ],
)
def test_a_wrong_clock_is_warned_of_and_deadlines_follow_the_chains_clock(
    desk: Desk, nrt: Nrt, tmp_path: Path, off: int, told: str | None
) -> None:
    (desk.folder / "task.yaml").write_text(
        f"{TRAINING}deadline: 2h\n---\n{TRAINING.replace('round-1', 'round-2')}deadline: 2h\n"
    )
    with (
        later_devnet(tmp_path / "chain", begins=wall_clock() - off) as devnet,
        closing(connect(devnet.url, "//Alice")) as chain,
    ):
        chain.pay(desk.worker.account, UNIT)  # produces a block: a chain without blocks has no time
        submitted = nrt("submit", "task.yaml", "--json", NODE_RUNTIME_CHAIN=devnet.url)
        tasks = [chain.task(task["id"]) for task in parsed(submitted)["tasks"]]
    assert len(tasks) == 2
    for task in tasks:
        assert task is not None
        assert abs(task.terms.deadline - task.created - 2 * 3_600_000) < (60_000 if told else 20_000)
    assert bool(submitted.stderr) is bool(told)
    if told is not None:
        assert re.match(f"warning: {told}", submitted.stderr)
        assert "set-ntp" in submitted.stderr


@pytest.mark.docker
def test_run_executes_a_file_as_a_node_does(desk: Desk, nrt: Nrt, docker_engine: DockerHost) -> None:
    entry = """ENTRYPOINT ["sh", "-c", "ls /sandbox/data/*/a.csv && cp /sandbox/data/*/a.csv /sandbox/model/model"]\n"""
    dockerfile = "ARG BASE_IMAGE=python:3.11-slim-bookworm\nFROM ${BASE_IMAGE}\n" + entry
    (desk.folder / "algo" / "Dockerfile").write_text(dockerfile)
    (desk.folder / "task.yaml").write_text(TRAINING)
    ended = nrt("run", "task.yaml", DOCKER_HOST=docker_engine.url)
    assert ended.returncode == 0, ended.stderr
    assert "train | /sandbox/data/" in ended.stdout
    assert (desk.folder / "runs/round-1/model").read_bytes() == (desk.folder / "train-0/a.csv").read_bytes()
    (desk.folder / "algo" / "Dockerfile").write_text(dockerfile.replace("ls /sandbox", "exit 3; ls /sandbox"))
    failed = nrt("run", "task.yaml", DOCKER_HOST=docker_engine.url)
    assert failed.returncode == 1
    assert "stage train: exited with 3" in failed.stderr


@pytest.mark.docker
def test_run_takes_a_local_image_for_one_that_cant_be_pulled(desk: Desk, nrt: Nrt, docker_engine: DockerHost) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    name = "tools.invalid/substra-tools:0.6.1"
    entry = """ENTRYPOINT ["sh", "-c", "echo $TOOLS > /sandbox/model/model"]\n"""
    (desk.folder / "algo" / "Dockerfile").write_text(f"FROM {name}\n{entry}")
    (desk.folder / "tools").mkdir()
    (desk.folder / "tools" / "Dockerfile").write_text("FROM python:3.11-slim\nENV TOOLS=local\n")

    def run(*aliases: str) -> tuple[int, str, str]:
        words = [word for alias in aliases for word in ("--alias", alias)]
        ended = nrt("run", "task.yaml", *words, DOCKER_HOST=docker_engine.url)
        return ended.returncode, ended.stdout, ended.stderr

    code, _, told = run()
    assert code == 1
    assert f"its Dockerfile names the image {name}, which is not available here" in told
    assert "`--alias` of 'node-runtime run'" in " ".join(told.split())
    code, said, _ = run(f"{name}=./tools")
    assert (code, (desk.folder / "runs/round-1/model").read_text()) == (0, "local\n")
    assert re.search(rf"train \| {name} is the local image [0-9a-f]{{12}}, by its alias", said)
    code, _, told = run(f"{name}=./tool")
    assert (code, told.startswith(f"error: the alias {name}: ")) == (4, True)
    for wrong, reason in {
        name: "it has no '='",
        "a b=c": "'a b' is no name of an image; write it as its FROM does, e.g. python:3.12-slim",
        "a:1=a:1": "a:1 → a:1 has no end; name a local image there",
    }.items():
        code, _, told = run(wrong)
        assert (code, told) == (
            2,
            f"error: --alias {wrong}: {reason}\ntry:   write e.g. --alias python:3.12-slim=my-python:1\n",
        )
