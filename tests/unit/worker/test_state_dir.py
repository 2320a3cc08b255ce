"""Only one daemon may run per account and per work folder."""

import os
from pathlib import Path

import pytest

from node_runtime.domain.assets import Account
from node_runtime.errors import ConfigError
from node_runtime.worker.state_dir import engine_name, only_daemon, only_daemon_in

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


def test_nodes_with_the_same_id_have_distinct_persistent_engine_names(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    first, second = [engine_name(folder, "node") for folder in folders]
    assert first != second
    assert [engine_name(folder, "node") for folder in folders] == [first, second]
