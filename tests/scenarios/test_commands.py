"""What does a creator type, and what comes back? The commands as they are installed, in processes of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import node_runtime
from tests.docker_engine import DockerHost, docker_engine
from tests.scenarios.conftest import Desk

__all__ = ["docker_engine"]

TRAINING = "kind: training\nname: round-1\nalgo: algo/\ndata: [train-0]\nreward: 10\nvalidation: manual\n"
Nrt = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def nrt(desk: Desk, network: str, tmp_path: Path) -> Nrt:
    """Runs a command beside the desk's files, for the desk's chain, key and storage."""
    named = {"CHAIN": network, "KEY": "//Alice", "STORAGE": str(tmp_path / "store"), "HOME": str(tmp_path / "home")}
    environment = os.environ | {f"NODE_RUNTIME_{name}": value for name, value in named.items()} | {"COLUMNS": "80"}

    def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "node_runtime", *arguments]
        return subprocess.run(
            command,
            cwd=desk.folder,
            env=environment | changed,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,  # reached in a failure only
            check=False,
        )

    return run


def parsed(ended: subprocess.CompletedProcess[str]) -> Any:
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_a_task_is_checked_submitted_listed_shown_and_cancelled(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    assert "round-1: 10 UNIT for each of 1, holds 12 UNIT" in nrt("check", "task.yaml").stdout
    (task,) = parsed(nrt("submit", "task.yaml", "--json"))["tasks"]
    number = str(task["id"])
    assert parsed(nrt("list", "--status", "open", "--json"))[-1]["document"]["name"] == "round-1"
    assert f"{number}  round-1  training  open" in nrt("list").stdout.replace("  " * 2, "  ")
    shown = nrt("show", number).stdout
    assert f"task {number}  round-1  training  open" in shown
    assert "10 UNIT for each of 1; held now 12 UNIT" in shown
    assert parsed(nrt("show", number, "--json"))["task"]["task"]["held"] == 12 * 10**12
    assert f"task {number} is cancelled; held for it: 0 UNIT" in nrt("cancel", number).stdout
    assert "has no results; it is cancelled" in nrt("results", number).stdout
    assert parsed(nrt("results", number, "--json")) == {"results": [], "annotations": None}
    assert parsed(nrt("logs", number, "--json")) == []


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
def test_a_wrong_command_ends_with_place_reason_and_exit_code(
    desk: Desk, nrt: Nrt, arguments: tuple[str, ...], code: int, told: str
) -> None:
    (desk.folder / "bad.yaml").write_text("kind: training\nname: a\nrewrad: 1\nalgo: algo/\ndata: [train-0]\n")
    ended = nrt(*arguments)
    assert told in ended.stderr
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "Traceback" not in ended.stderr


def test_what_a_terminal_would_obey_is_not_printed_in_an_error(nrt: Nrt) -> None:
    ended = nrt("check", "\x1b]0;title\x07[red].yaml")
    assert ended.returncode == 2
    assert "\x1b" not in ended.stderr
    assert "]0;title" in ended.stderr
    assert "[red].yaml" in ended.stderr


def test_an_address_with_a_slip_is_told_once(nrt: Nrt) -> None:
    slipped = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQZ"
    ended = nrt("pay", slipped, "1")
    assert ended.returncode == 2
    assert ended.stderr.count(slipped) == 1


def test_the_version_is_told_by_command_and_option(nrt: Nrt) -> None:
    assert nrt("--version").stdout == nrt("version").stdout == f"{node_runtime.__version__}\n"


def test_a_poor_account_is_told_what_is_missing(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "task.yaml").write_text(TRAINING)
    ended = nrt("submit", "task.yaml", NODE_RUNTIME_KEY="//Pauper")
    assert ended.returncode == 3
    assert "has 0 UNIT free" in ended.stderr
    assert "send at least 12 UNIT more" in ended.stderr


@pytest.mark.docker
def test_a_file_runs_here_as_a_node_would_run_it(desk: Desk, nrt: Nrt, docker_engine: DockerHost) -> None:
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
