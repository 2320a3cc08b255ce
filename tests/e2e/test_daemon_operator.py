"""The operator's controls of a node: policy, approvals, audit file, cleanup."""

import json
import re
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from node_runtime.config import load_config
from node_runtime.domain.task import SubmissionState
from node_runtime.localnet.processes import ProcessRecord, birth
from node_runtime.localnet.record import NetworkFile
from node_runtime.worker.audit import AuditEvent
from tests.e2e.daemon_process import DaemonProcess, run_command
from tests.e2e.daemon_world import World, wait_for

StartDaemon = Callable[..., DaemonProcess]


def test_init_makes_a_key_and_a_configuration_that_lets_nobody_in_and_overwrites_neither(
    tmp_path: Path, password: Path
) -> None:
    node = tmp_path / "node"
    made = run_command("init", str(node), "--no-check", "--password-file", str(password), home=tmp_path)
    assert made.returncode == 0, made.stderr
    config = load_config(node / "node.yaml", environment={})
    assert config.policy.creators == config.policy.kinds == config.policy.algos == ()
    assert config.building == "deny"
    key = (node / "key.json").read_bytes()
    assert (node / "key.json").stat().st_mode & 0o077 == 0

    again = run_command("init", str(node), "--no-check", "--password-file", str(password), home=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert (node / "key.json").read_bytes() == key


def test_init_beside_a_local_network_takes_over_what_it_is_made_of_and_says_what_to_type_next(
    tmp_path: Path, password: Path
) -> None:
    me = psutil.Process()
    alive = ProcessRecord(name="chain", pid=me.pid, birth=birth(me.pid), log=tmp_path / "log")
    network = NetworkFile(
        chain="ws://127.0.0.1:4711",
        storage=tmp_path / "store",
        engine="unix:///none",
        started_engine=False,
        base_image="node-runtime/base:1",
        processes=(alive,),
    )
    (tmp_path / "network").mkdir()
    network.save(tmp_path / "network")
    node = tmp_path / "my node"
    made = run_command("init", str(node), "--no-check", "--password-file", str(password), home=tmp_path)
    assert made.returncode == 0, made.stderr
    config = load_config(node / "node.yaml", environment={})
    assert (config.chain, config.storage) == (network.chain, str(network.storage))
    assert config.base_image == network.base_image
    account = json.loads((node / "key.json").read_text())["address"]
    assert f"  node-runtime pay {account} 20\n" in made.stdout
    assert f"  node-runtime daemon --config '{node}/node.yaml'\n" in made.stdout


def test_init_without_a_terminal_says_how_to_give_the_password(tmp_path: Path) -> None:
    ended = run_command("init", str(tmp_path / "node"), home=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--password-file" in ended.stderr
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        (("gc",), 4, "no answer from the chain at ws://127.0.0.1:1"),
        (("data", "add", "nowhere", "--label", "train"), 2, "nowhere doesn't exist"),
    ],
)
def test_commands_that_lack_something_end_and_say_what(
    tmp_path: Path, command: tuple[str, ...], code: int, told: str
) -> None:
    config = tmp_path / "node.yaml"
    config.write_text("node: n\nchain: ws://127.0.0.1:1\nkey: //Bob\nstorage: store\nwork: work\n")
    ended = run_command(*command, "--config", str(config), home=tmp_path)
    assert told in ended.stderr
    assert (ended.returncode, ended.stdout) == (code, "")


@pytest.mark.docker
def test_with_manual_approval_a_task_waits_for_its_operator(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(approve="manual")
    task = world.train()
    (refusal,) = wait_for(lambda: daemon.deeds(AuditEvent.REFUSAL), "the refusal")
    assert "awaiting_approval" in refusal.detail
    listed = daemon.command("approve")
    assert f"task {task}  training  training\n" in listed.stdout
    assert f"node-runtime approve {task} --config" in listed.stdout
    approved = daemon.command("approve", str(task))
    assert approved.returncode == 0, approved.stderr
    assert world.submission(task).state is SubmissionState.ACCEPTED


@pytest.mark.docker
def test_after_a_kill_gc_removes_what_no_live_attempt_needs(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    task = world.train("exec sleep 3600")
    daemon.container_of(task)
    refused = daemon.command("gc")
    assert refused.returncode == 2
    assert "already runs on this machine" in refused.stderr
    daemon.kill()
    world.chain.cancel_task(task, abort=True)
    swept = daemon.command("gc")
    assert swept.returncode == 0, swept.stderr
    assert "removed 1 containers, 1 workspaces" in swept.stdout
    assert daemon.containers() == []
    assert daemon.workspaces() == []


@pytest.mark.docker
def test_metrics_and_the_audit_file_can_be_read(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(metrics_port=0)
    served = re.search(r"http://127\.0\.0\.1:\d+/metrics", daemon.log_text())
    assert served is not None

    def told() -> str:
        with urllib.request.urlopen(served[0], timeout=120) as answer:
            return str(answer.read().decode())

    world.submission(world.train())
    wait_for(lambda: "node_runtime_paid_units_total 10.0" in told(), "the payment")
    assert 'node_runtime_step_seconds_count{step="run_train"} 1.0' in told()
    assert 'node_runtime_attempts_total{outcome="done"} 1.0' in told()

    checked = daemon.command("audit")
    assert checked.returncode == 0, checked.stderr
    assert "each follows from the one before" in checked.stdout
    lines = daemon.audit.read_bytes().splitlines(keepends=True)
    daemon.audit.write_bytes(b"".join(lines[:1] + lines[2:]))
    cheated = daemon.command("audit")
    assert cheated.returncode == 2
    assert "audit.jsonl:2: the audit file was changed" in cheated.stderr
