"""`init` checks what it wrote, and `doctor` the same later: a line for each, with its remedy, whatever is missing."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from node_runtime.domain.assets import Account
from node_runtime.domain.task import UNIT
from node_runtime.substrate.client import connect
from tests.background import LIMIT
from tests.devnet import start_devnet
from tests.docker_engine import DockerHost, docker_engine

__all__ = ["docker_engine"]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_devnet(tmp_path_factory.mktemp("chain")) as url:
        yield url


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command, by default for the node in the folder ``node``."""

    def command(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "node_runtime", *words],
            cwd=tmp_path,
            env={**os.environ, "NODE_RUNTIME_HOME": str(tmp_path / "home"), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    return command


@pytest.fixture
def init(run: Run, chain: str, password: Path, tmp_path: Path) -> Run:
    (tmp_path / "store").mkdir()
    return lambda *more, **environment: run(
        "init", "node", "--password-file", str(password), "--chain", chain, "--storage", "store", *more, **environment
    )


def account(folder: Path) -> Account:
    return Account(json.loads((folder / "node" / "key.json").read_text())["address"])


def rows(told: str) -> dict[str, str]:
    """Return ``ok`` or ``no`` and what is seen by the name of each check."""
    listed = [line for line in told.splitlines() if line.startswith(("ok  ", "no  "))]
    return {line[4:].split("  ")[0]: f"{line[:2]} {line[4:].split('  ', 1)[1].strip()}" for line in listed}


def finding(run: Run, name: str) -> dict[str, Any]:
    found = json.loads(run("doctor", "--json", "--config", "node/node.yaml").stdout)
    (one,) = [each for each in found if each["name"] == name]
    return dict(one)


def test_a_new_node_is_made_and_each_thing_that_it_needs_is_told_to_be_there_or_not(
    init: Run, chain: str, tmp_path: Path
) -> None:
    made = init()
    assert made.returncode == 4, made.stderr
    found, mine = rows(made.stdout), account(tmp_path)
    assert found["chain"].startswith(f"ok {chain} answers")
    assert found["files"] == "ok only their owner may read node.yaml, key.json"
    assert found["key"] == f"ok {mine}; the password in {tmp_path / 'password'} opens it"
    assert found["storage, storing"] == f"ok this user can store, fetch and remove in {tmp_path / 'store'}"
    assert found["funds"] == f"no {mine}, the account of {node_name(tmp_path)}, has 0 UNIT free"
    assert f"    → node-runtime pay {mine} 20 --chain {chain} --key KEY\n" in made.stdout
    assert "node-runtime daemon --config node/node.yaml" in made.stdout
    assert not [path for path in (tmp_path / "store" / "trees").rglob("*") if path.is_file()], (
        "the check leaves nothing"
    )


def node_name(folder: Path) -> str:
    return str(yaml.safe_load((folder / "node" / "node.yaml").read_text())["node"])


@pytest.mark.docker
def test_once_its_account_has_funds_doctor_finds_nothing_missing(
    init: Run, run: Run, chain: str, tmp_path: Path, docker_engine: DockerHost
) -> None:
    init("--no-check")
    with closing(connect(chain, "//Alice")) as creator:
        creator.pay(account(tmp_path), 20 * UNIT)
    looked = run("doctor", "--config", "node/node.yaml", DOCKER_HOST=docker_engine.url)
    assert looked.returncode == 0, looked.stdout + looked.stderr
    assert set(rows(looked.stdout)) >= {"docker", "sandbox", "users", "chain", "funds", "networks", "image aliases"}


def test_without_chain_storage_and_engine_the_node_is_made_all_the_same(
    run: Run, password: Path, tmp_path: Path
) -> None:
    nowhere = f"unix://{tmp_path}/none"
    made = run("init", "node", "--password-file", str(password), "--chain", "ws://127.0.0.1:1", DOCKER_HOST=nowhere)
    assert (made.returncode, (tmp_path / "node" / "key.json").exists()) == (4, True), made.stderr
    found = rows(made.stdout)
    assert {name for name in ("docker", "chain", "storage") if found[name].startswith("no")} == {
        "docker",
        "chain",
        "storage",
    }
    assert "funds" not in found, "they can't be told"


def test_what_others_may_read_and_a_password_that_opens_nothing_are_told(
    init: Run, run: Run, password: Path, tmp_path: Path
) -> None:
    init("--no-check")
    (tmp_path / "node" / "key.json").chmod(0o644)
    assert finding(run, "files")["remedy"] == f"chmod go= {tmp_path / 'node' / 'key.json'}"
    password.write_text("another one")
    assert "wrong password" in finding(run, "key")["seen"]
    password.chmod(0o644)
    assert "others may read it (mode 0644)" in finding(run, "key")["seen"]


def test_a_port_that_is_taken_and_a_disk_below_its_floor_are_told(init: Run, run: Run, tmp_path: Path) -> None:
    init("--no-check")
    file = tmp_path / "node" / "node.yaml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file.write_text(file.read_text().replace("disk_floor: 5GiB", f"metrics_port: {port}\ndisk_floor: 900TiB"))
        told = finding(run, "metrics port")
    assert told["seen"] == f"metrics_port: 127.0.0.1:{port} can't be listened at: Address already in use"
    assert told["remedy"]
    disk = finding(run, "disk of work")
    assert (disk["well"], "of which 900 TiB stay free" in disk["seen"]) == (False, True)


def test_a_storage_that_takes_nothing_is_told(init: Run, run: Run, tmp_path: Path) -> None:
    init("--no-check")
    (tmp_path / "store").rmdir()
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "trees").write_text("no folder")
    told = finding(run, "storage")
    assert not told["well"]
    assert str(tmp_path / "store") in told["seen"]
