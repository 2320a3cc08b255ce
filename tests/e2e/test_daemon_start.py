"""A daemon that can't run tasks reports reason and remedy at start."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.platform.paths import engine_folder
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World, wait_for

pytestmark = pytest.mark.docker

StartDaemon = Callable[..., DaemonProcess]


def test_without_its_storage_it_refuses_to_start_and_makes_none(world: World, start_daemon: StartDaemon) -> None:
    world.storage.rename(world.storage.with_name("away"))
    daemon = start_daemon(wait=False)
    assert daemon.wait() == 2
    assert f"storage: the folder {world.storage} isn't there" in daemon.log_text()
    assert f"mkdir {world.storage}" in daemon.log_text()
    assert not world.storage.exists()


def test_a_node_that_names_no_engine_uses_the_one_that_the_local_network_started(
    start_daemon: StartDaemon, tmp_path: Path
) -> None:
    record = engine_folder() / "engine.json"
    if record.exists():  # otherwise this machine's own engine is found at the default socket
        (tmp_path / "network-home" / "engine").mkdir(parents=True)
        shutil.copy(record, tmp_path / "network-home" / "engine")
    daemon = start_daemon(machine="network-home", engine_named=False)
    assert "ready" in daemon.log_text()


def test_without_a_base_image_to_build_on_it_refuses_to_start(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(wait=False, base_image="registry.invalid/no/such:image")
    assert daemon.wait() == 4
    assert "the base image registry.invalid/no/such:image is not there and cannot be pulled" in daemon.log_text()
    assert "`base_image:`" in daemon.log_text()


def test_without_a_base_image_that_it_needs_for_nothing_it_warns(start_daemon: StartDaemon) -> None:
    daemon = start_daemon(base_image="registry.invalid/no/such:image", building="deny")
    assert daemon.log_text().count("base_image_missing") == 1


def test_a_policy_that_lets_nobody_in_is_told_once_with_its_empty_lists_and_its_file(
    start_daemon: StartDaemon,
) -> None:
    daemon = start_daemon(kinds=(), creators=())
    assert daemon.log_text().count("policy_allows_nothing") == 1
    assert "empty: policy.kinds, policy.creators;" in daemon.log_text()
    assert str(daemon.work.parent / "node.yaml") in daemon.log_text()
    assert "policy_allows_nothing" not in start_daemon(folder="open", key="//Charlie").log_text()


def test_it_waits_for_its_chain_saying_what_to_do_and_that_it_is_there(world: World, start_daemon: StartDaemon) -> None:
    def wait_in_vain() -> None:
        daemon = start_daemon(wait=False)
        wait_for(lambda: "chain_unavailable" in daemon.log_text(), "the daemon to miss its chain")
        waiting.append(daemon)

    waiting: list[DaemonProcess] = []
    world.restart_chain(wait_in_vain)
    (daemon,) = waiting
    wait_for(daemon.ready, "the daemon to find its chain")
    assert "check that it is running" in daemon.log_text()
    assert daemon.log_text().count("errors_cleared") == 1


def test_what_others_could_read_of_an_earlier_node_is_closed_to_them_and_told(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    assert daemon.stop() == 0
    config = daemon.work.parent / "node.yaml"
    files = (config, daemon.files.outbox, daemon.audit)
    daemon.work.chmod(0o755)
    for file in files:
        file.chmod(0o644)
    again = start_daemon()
    assert [path.stat().st_mode & 0o777 for path in (daemon.work, *files)] == [0o700, 0o600, 0o600, 0o600]
    assert "file_tightened" in again.log_text()
