"""Findings of `doctor` for an engine that is going away and for a wrong clock."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from substrateinterface import Keypair

from node_runtime.domain.assets import Account
from node_runtime.localnet.processes import birth
from node_runtime.localnet.provision.dockerd import StartedEngine
from node_runtime.substrate.client import connect
from tests.background import ended
from tests.devnet import start_devnet
from tests.docker_engine import DockerHost, docker_engine
from tests.later_devnet import later_devnet

__all__ = ["docker_engine"]


def test_an_engine_that_is_going_away_is_a_finding_and_no_traceback(tmp_path: Path) -> None:
    shutil.copy(shutil.which("sleep") or "", tmp_path / "dockerd")  # the process still runs, its socket is gone
    with ended(subprocess.Popen([tmp_path / "dockerd", "3600"])) as ending:
        gone = StartedEngine(
            url=f"unix://{tmp_path}/docker.sock",
            pid=ending.pid,
            birth=birth(ending.pid),
            log=str(tmp_path / "log"),
            build_network=None,
        )
        (tmp_path / "engine").mkdir()
        (tmp_path / "engine" / "engine.json").write_text(json.dumps(vars(gone)))
        output = subprocess.run(
            [sys.executable, "-m", "node_runtime", "doctor", "--json"],
            env={**os.environ, "NODE_RUNTIME_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert output.returncode == 4, output.stderr
    found = {finding["name"]: finding for finding in json.loads(output.stdout)}
    assert "no container engine answers" in found["docker"]["seen"]
    assert found["docker"]["remedy"]
    needing = [found[name]["seen"] for name in ("sandbox", "users")]
    assert needing == ["not checked: it needs the engine"] * 2, "what keeps from the engine is told once"


def finding(name: str, folder: Path, *, url: str, key: str, more: str = "") -> dict[str, Any]:
    """Run `doctor` for a node with this chain, key and ``more`` in its node.yaml; return the finding of this name."""
    config = folder / "node.yaml"
    config.write_text(f"node: n\nchain: {url}\nkey: {key}\nstorage: store\nwork: work\n{more}")
    told = subprocess.run(
        [sys.executable, "-m", "node_runtime", "doctor", "--json", "--config", str(config)],
        env={**os.environ, "NODE_RUNTIME_HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    (found,) = [one for one in json.loads(told.stdout) if one["name"] == name]
    return dict(found)


@pytest.mark.parametrize("behind", [False, True])
def test_a_clock_that_is_behind_a_chain_is_a_finding_with_its_remedy(tmp_path: Path, behind: bool) -> None:
    with later_devnet(tmp_path / "chain") as devnet:
        devnet.pass_time(3_600_000 if behind else 0)
        with closing(connect(devnet.url, "//Alice")) as chain:
            chain.pay(Account(Keypair.create_from_uri("//Bob").ss58_address), 10**12)  # produces a block
        clock = finding("clock", tmp_path, url=devnet.url, key="//Bob")
    assert clock["well"] is not behind
    assert ("behind the newest block" in clock["seen"]) is behind
    assert ("set-ntp" in clock["remedy"]) is behind


def test_a_chain_without_blocks_is_no_clock_to_compare_with(tmp_path: Path) -> None:
    with start_devnet(tmp_path / "chain") as url:
        clock = finding("clock", tmp_path, url=url, key="//Bob")
    assert clock["well"]
    assert clock["seen"] == f"the chain at {url} has no block with a time yet to compare it with"


@pytest.mark.parametrize(("key", "well"), [("//Bob", True), ("//Nobody", False)])
def test_an_unfunded_node_is_a_finding_with_the_command_that_funds_it(tmp_path: Path, key: str, well: bool) -> None:
    account = Keypair.create_from_uri(key).ss58_address
    with start_devnet(tmp_path / "chain") as url:
        funds = finding("funds", tmp_path, url=url, key=key)
    has = "1,000,000 UNIT" if well else "0 UNIT"
    assert funds["seen"] == f"{account}, the account of n, has {has} free"
    assert funds["remedy"] == ("" if well else f"node-runtime pay {account} 20 --chain {url} --key KEY")
    assert funds["well"] is well


@pytest.mark.docker
def test_an_alias_that_names_what_isnt_there_is_a_finding(tmp_path: Path, docker_engine: DockerHost) -> None:
    engine = f"docker: {docker_engine.url}\nbase_image: {docker_engine.base_image}\nimage_aliases:\n"
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "Dockerfile").write_text("FROM python:3.11-slim\n")
    node = partial(finding, "image aliases", tmp_path, url="ws://127.0.0.1:1", key="//Bob")
    found = node(more=f"{engine}  tools:1: ./tools\n  python:3.12: python:3.11\n")
    assert (found["well"], found["seen"]) == (True, "tools:1, python:3.12")
    found = node(more=f"{engine}  tools:1: ./tool\n  python:3.12: no/such:image\n")
    assert found["seen"] == (
        f"the alias tools:1: {tmp_path}/tool/Dockerfile: No such file or directory; "
        "the alias python:3.12: the image no/such:image is not on the engine"
    )
    assert found["remedy"] == (
        "name an image that `docker images` lists, or a folder with a Dockerfile: `image_aliases` in node.yaml, "
        "`--alias` of 'node-runtime run'"
    )
