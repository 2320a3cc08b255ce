"""Only one daemon may run per account and per work folder."""

import os
from pathlib import Path

import pytest

from node_runtime.domain.assets import Account
from node_runtime.errors import ConfigError
from node_runtime.worker.state_dir import engine_name, only_daemon, only_daemon_in, running_nodes

ALICE, BOB = Account("5Alice"), Account("5Bob")
CHAIN = "ws://127.0.0.1:9944"


def test_a_second_daemon_with_the_account_fails_naming_the_first(tmp_path: Path) -> None:
    with (
        only_daemon(tmp_path, ALICE, CHAIN),
        pytest.raises(ConfigError, match=f"process {os.getpid()}"),
        only_daemon(tmp_path, ALICE, CHAIN),
    ):
        pass


def test_other_accounts_and_other_chains_are_free_and_the_lock_is_given_back(tmp_path: Path) -> None:
    with only_daemon(tmp_path, ALICE, CHAIN), only_daemon(tmp_path, BOB, CHAIN), only_daemon(tmp_path, ALICE, "ws://b"):
        pass
    with only_daemon(tmp_path, ALICE, CHAIN):
        pass


def test_a_work_folder_has_one_daemon(tmp_path: Path) -> None:
    with (
        only_daemon_in(tmp_path),
        pytest.raises(ConfigError, match=f"already works in .*process {os.getpid()}"),
        only_daemon_in(tmp_path),
    ):
        pass


def test_running_daemons_are_found_by_their_locks_and_ended_ones_are_not(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "node.yaml", tmp_path / "b" / "node.yaml"
    locks = tmp_path / "locks"
    with only_daemon(locks, BOB, CHAIN, file=second), only_daemon(locks, Account("5Eve"), CHAIN):
        with only_daemon(locks, ALICE, CHAIN, file=first):
            assert running_nodes(locks) == (first, second)
            with pytest.raises(ConfigError, match=f"process {os.getpid()}\\)"), only_daemon(locks, ALICE, CHAIN):
                pass
        assert running_nodes(locks) == (second,)
    assert running_nodes(locks) == running_nodes(tmp_path / "missing") == ()


def test_nodes_with_the_same_id_have_distinct_persistent_engine_names(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first, second = [engine_name(folder, "node") for folder in folders]
    assert first != second
    assert [engine_name(folder, "node") for folder in folders] == [first, second]
