"""What can an operator do with a node, and does the node keep to it?"""

import re
import socket
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.config import load_config
from node_runtime.daemon.audit import Deed
from node_runtime.errors import AssetUnavailable
from node_runtime.results import ResultDocument
from node_runtime.task import AssetRef, Digest, SubmissionState, Visibility
from tests.e2e.daemon_process import DaemonProcess, run_command
from tests.e2e.daemon_world import World, wait_for

StartDaemon = Callable[..., DaemonProcess]


def test_init_makes_a_key_and_a_configuration_that_lets_nobody_in_and_overwrites_neither(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("a good one\n")
    node = tmp_path / "node"
    made = run_command("init", str(node), "--password-file", str(password), home=tmp_path)
    assert made.returncode == 0, made.stderr
    config = load_config(node / "node.yaml", environment={})
    assert config.policy.creators == config.policy.kinds == config.policy.algos == ()
    assert config.building == "deny"
    key = (node / "key.json").read_bytes()
    assert (node / "key.json").stat().st_mode & 0o077 == 0

    again = run_command("init", str(node), "--password-file", str(password), home=tmp_path)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    assert (node / "key.json").read_bytes() == key


@pytest.mark.docker
def test_private_samples_are_used_on_their_node_and_neither_bytes_nor_logs_leave_it(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    sample = tmp_path / "sample"
    sample.mkdir()
    (sample / "script.sh").write_text("echo a secret; echo trained > /sandbox/model/model\n")
    added = daemon.command("data", "add", str(sample), "--label", "train")
    assert added.returncode == 0, added.stderr
    found = re.search(r"/([0-9a-f]{64})", added.stdout)
    assert found is not None
    ref = AssetRef(owner=daemon.account, digest=Digest(found[1]))
    asset = world.chain.asset(ref)
    assert asset is not None
    assert asset.visibility is Visibility.PRIVATE

    world.assignee = daemon.account
    submission = world.submission(world.train(sample=asset))
    assert submission.state is SubmissionState.ACCEPTED
    assert not world.store.has(ref.digest)
    world.store.fetch(submission.result.digest, tmp_path / "result")
    document = ResultDocument.decode((tmp_path / "result" / "result.json").read_bytes())
    with pytest.raises(AssetUnavailable):
        world.store.fetch(Digest(document.log), tmp_path / "logs")
    (kept,) = (daemon.work / "private-logs").iterdir()
    assert "a secret" in (kept / "train.log").read_text()


@pytest.mark.docker
def test_with_manual_approval_a_task_waits_for_its_operator(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(approve="manual")
    task = world.train()
    (refusal,) = wait_for(lambda: daemon.deeds(Deed.REFUSAL), "the refusal")
    assert "awaiting_approval" in refusal.detail
    approved = daemon.command("approve", str(task))
    assert approved.returncode == 0, approved.stderr
    assert world.submission(task).state is SubmissionState.ACCEPTED


@pytest.mark.docker
def test_after_a_kill_gc_removes_what_no_live_attempt_needs(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    task = world.train("exec sleep 600")
    wait_for(daemon.containers, "the container")
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
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    daemon = start_daemon(metrics_port=port)
    world.submission(world.train())
    wait_for(lambda: daemon.deeds(Deed.PAYMENT), "the payment")
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    assert 'node_runtime_step_seconds_count{step="run_train"} 1.0' in text
    assert "node_runtime_paid_units_total 10.0" in text

    checked = daemon.command("audit")
    assert checked.returncode == 0, checked.stderr
    assert "each follows from the one before" in checked.stdout
    lines = daemon.audit.read_bytes().splitlines(keepends=True)
    daemon.audit.write_bytes(b"".join(lines[:1] + lines[2:]))
    cheated = daemon.command("audit")
    assert cheated.returncode == 2
    assert "audit.jsonl:2: the audit file was changed" in cheated.stderr
