"""`status` of a running daemon: attempts, refusals, and why nothing is claimed; and the warning of an unfunded node."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from node_runtime.domain.task import TaskId
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import WAITS, World, wait_for

pytestmark = pytest.mark.docker
StartDaemon = Callable[..., DaemonProcess]


def status(daemon: DaemonProcess) -> dict[str, Any]:
    told = daemon.command("status", "--json")
    assert told.returncode == 0, told.stderr
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def refusal(daemon: DaemonProcess, task: TaskId) -> str | None:
    return next((str(one["message"]) for one in status(daemon)["refused"] if one["task"] == task), None)


def test_a_running_node_tells_its_attempt_and_the_step_of_it(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    task = world.train(f"{WAITS}; echo trained > /sandbox/model/model")
    daemon.container_of(task)

    def at_its_container() -> dict[str, Any] | None:
        found = status(daemon)
        return found if [one["step"] for one in found["running"]] == ["run_train"] else None

    found = wait_for(at_its_container, "the step")
    assert found["process"] == daemon.process.pid
    assert [(one["task"], one["epoch"]) for one in found["running"]] == [(task, 1)]
    assert found["capacity"]["slots"] == {"whole": 1.0, "used": 1.0}
    assert found["capacity"]["cpus"]["used"] == 0.5
    assert found["obstacles"] == []
    daemon.let_go(task)
    world.submission(task)
    wait_for(lambda: status(daemon)["running"] == [], "the attempt to be over")


def test_a_refused_task_is_told_while_the_daemon_runs_and_after_its_end(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon(creators=())
    task = world.train()
    wait_for(lambda: refusal(daemon, task), "the reason")
    assert refusal(daemon, task) == f"policy.creators doesn't allow {world.chain.account}"
    assert [one["reason"] for one in status(daemon)["obstacles"]] == ["policy_allows_nothing"]
    daemon.stop()
    ended = status(daemon)
    assert ended["process"] is None
    assert [one["reason"] for one in ended["obstacles"]] == ["not_running", "policy_allows_nothing"]
    assert refusal(daemon, task) == f"policy.creators doesn't allow {world.chain.account}"


def test_an_unfunded_node_warns_at_its_start_with_the_command_that_funds_it(
    world: World, start_daemon: StartDaemon
) -> None:
    daemon = start_daemon(key="//Nobody")
    pay = f"node-runtime pay {daemon.account} 20 --chain {world.devnet.url} --key KEY"
    lines = [json.loads(line) for line in daemon.log_text().splitlines() if line.startswith("{")]
    (warning,) = [line for line in lines if line["event"] == "unfunded"]
    assert warning["remedy"] == pay
    found = {one["reason"]: one["remedy"] for one in status(daemon)["obstacles"]}
    assert found == {"unfunded": pay}
    task = world.train()
    wait_for(lambda: refusal(daemon, task), "the reason")
    assert refusal(daemon, task) == "its bond is 1 UNIT, this node's account has 0 UNIT free"
    world.chain.pay(daemon.account, 20 * 10**12)
    world.submission(task)
