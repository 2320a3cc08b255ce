"""Can two daemons hold one account?"""

import os
from pathlib import Path

import pytest

from node_runtime.daemon.lock import only_daemon
from node_runtime.errors import ConfigError
from node_runtime.task import Account

ALICE, BOB = Account("5Alice"), Account("5Bob")
CHAIN = "ws://127.0.0.1:9944"


def test_a_second_daemon_with_the_account_is_told_who_has_it(tmp_path: Path) -> None:
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
