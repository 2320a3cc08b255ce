"""What `status` prints of a node, whether its daemon and the chain are there or not."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from node_runtime.domain.task import TaskId
from node_runtime.errors import ConfigError
from node_runtime.substrate.client import SubstrateChain
from node_runtime.worker.reasons import Reason
from node_runtime.worker.state_dir import mark_of, only_daemon_in
from node_runtime.worker.status_file import NodeState, Obstacle, Refused, StatusFile
from tests.scenarios.conftest import Desk, Nrt
from tests.scenarios.test_results import TRAINING

BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
UNFUNDED = "5EvFKLYL4kzgDXxuQRdSnHTCNshxSPi8JRMJyfGdsVobRCpd"
CREATORS = ("CHAIN", "KEY", "STORAGE")
WriteConfig = Callable[..., Path]


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Leave out the creator's variables, which would override the node's configuration."""
    return {name: value for name, value in environment.items() if name.removeprefix("NODE_RUNTIME_") not in CREATORS}


@pytest.fixture
def config(desk: Desk, network: str) -> WriteConfig:
    """Return a function that writes a node.yaml in the desk's folder."""

    def write(*, key: str = "//Bob", policy: str = "{kinds: any, creators: any, algos: any, datasets: any}") -> Path:
        file = desk.folder / "node.yaml"
        file.write_text(
            f"node: n\nchain: {network}\nkey: {key}\nstorage: ../store\nwork: work\nslots: 2\n"
            f"pool: {{cpus: 2, memory: 4GiB, disk: 20GiB}}\ndisk_floor: 1MiB\npolicy: {policy}\n"
        )
        (desk.folder / "work").mkdir(exist_ok=True)
        return file

    return write


def refused(number: int, reason: Reason, message: str, remedy: str = "") -> Refused:
    return Refused(task=TaskId(number), reason=reason, message=message, remedy=remedy, since=0)


def state(chain: SubstrateChain, *refusals: Refused, obstacles: tuple[Obstacle, ...] = ()) -> NodeState:
    mark = mark_of(chain.genesis)
    return NodeState(chain=mark, account=chain.account, refused=refusals, obstacles=obstacles)


def plain(text: str) -> str:
    """Return the text without trailing spaces, and with what differs between machines replaced."""
    text = re.sub(r"[0-9.]+ (TiB|GiB) are free", "N GiB are free", text)
    text = re.sub(r"ws://127\.0\.0\.1:[0-9]+", "ws://CHAIN", text)
    text = re.sub(r"[0-9,.]+ UNIT free, [0-9.]+ UNIT held", "N UNIT free, M UNIT held", text)
    text = re.sub(r"[0-9]+d( [0-9]+h)? ago", "T ago", text)
    text = re.sub(r"(?<=\S) {3,}(?=\S)", "  ", re.sub(r"\n {6,}", "\n      ", text))
    return "\n".join(each.rstrip() for each in text.splitlines())


def test_gc_beside_a_running_daemon_tells_what_to_do(desk: Desk, nrt: Nrt, config: WriteConfig) -> None:
    config()
    with only_daemon_in(desk.folder / "work"):
        refused = nrt("gc")
    assert refused.returncode == ConfigError.exit_code
    assert f"already runs on this machine (process {os.getpid()})" in refused.stderr
    assert f"stop it first: kill {os.getpid()}" in refused.stderr


def test_a_node_whose_daemon_has_ended_tells_what_it_knew(desk: Desk, nrt: Nrt, config: WriteConfig) -> None:
    config()
    first, second, taken, lost = (desk.submit(TRAINING).tasks[0].id for _ in range(4))
    desk.chain.cancel_task(taken, abort=False)
    told = state(
        desk.worker,
        refused(first, Reason.TOO_LARGE, "64 CPUs asked, the whole pool has 2", "submit it with smaller limits"),
        refused(second, Reason.CREATOR, f"policy.creators doesn't allow {BOB}"),
        refused(taken, Reason.KIND, "policy.kinds doesn't name training"),
        refused(lost, Reason.TAKEN, "another node was faster: every slot of it is taken"),
    )
    StatusFile(desk.folder / "work").write(told)
    ended = nrt("status")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert plain(ended.stdout) == (
        "node n  not running\n"
        "  ▸ its daemon isn't running: node-runtime daemon --config node.yaml\n"
        f"account  {BOB}\n"
        "chain  ws://CHAIN\n"
        "balance  N UNIT free, M UNIT held\n"
        "slots  0 of 2 taken\n"
        "cpus  0 of 2 taken\n"
        "memory  0 B of 4 GiB taken\n"
        "disk  0 B of 20 GiB taken; N GiB are free, 1 MiB of them stay free\n"
        "kinds  all\n"
        "creators  any\n"
        "code  any\n"
        "data  any\n"
        "limits  bonds up to 100 UNIT\n"
        "building  deny: takes only tasks whose image is here already, or offered by a registry by its digest\n"
        "\n"
        "task  name  refused  reason\n"
        f"{first:4d}  round-1  T ago  64 CPUs asked, the whole pool has 2; submit it with smaller limits\n"
        f"{second:4d}  round-1  T ago  policy.creators doesn't allow {BOB}\n"
        f"{lost:4d}  round-1  T ago  another node was faster: every slot of it is taken"
    )


def test_an_unfunded_node_whose_policy_allows_nothing_is_told_both(nrt: Nrt, config: WriteConfig, network: str) -> None:
    file = config(key="//Unfunded", policy="{kinds: [training], creators: [], algos: any, datasets: []}")
    ended = nrt("status", "--config", str(file), "--json")
    assert ended.returncode == 0, ended.stderr
    found = {one["reason"]: one for one in json.loads(ended.stdout)["obstacles"]}
    assert list(found) == ["not_running", "unfunded", "policy_allows_nothing"]
    assert found["unfunded"]["message"] == "its account has 0 UNIT free, and the smallest bond is 0.1 UNIT"
    account = json.loads(ended.stdout)["account"]
    assert found["unfunded"]["remedy"] == f"node-runtime pay {account} 20 --chain {network} --key KEY"
    assert found["policy_allows_nothing"]["message"].startswith("policy.creators, policy.datasets are empty")


def test_a_node_without_its_chain_tells_what_it_knows_itself(desk: Desk, nrt: Nrt, config: WriteConfig) -> None:
    file = config()
    file.write_text(re.sub("chain: .*", "chain: ws://127.0.0.1:1", file.read_text()))
    StatusFile(desk.folder / "work").write(state(desk.worker, refused(3, Reason.KIND, "policy.kinds is scoring")))
    ended = nrt("status")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "no answer from the chain at ws://127.0.0.1:1" in ended.stdout
    assert "balance   not known" in ended.stdout
    assert "policy.kinds is scoring" in ended.stdout


def test_a_full_disk_is_told(nrt: Nrt, config: WriteConfig) -> None:
    file = config()
    file.write_text(file.read_text().replace("disk_floor: 1MiB", "disk_floor: 900TiB"))
    told = nrt("status").stdout
    assert "disk are free, and disk_floor keeps 900 TiB" in told.replace("\n    ", " ")


def test_what_another_chain_or_another_key_left_is_not_told(desk: Desk, nrt: Nrt, config: WriteConfig) -> None:
    config()
    file = StatusFile(desk.folder / "work")
    for other in ({"chain": "0" * 12}, {"account": UNFUNDED}):
        task = desk.submit(TRAINING).tasks[0].id
        file.write(state(desk.worker, refused(task, Reason.KIND, "an old reason")).model_copy(update=other))
        assert "an old reason" not in nrt("status").stdout


def test_obstacles_of_a_daemon_that_has_ended_are_not_told(desk: Desk, nrt: Nrt, config: WriteConfig) -> None:
    config()
    hangs = Obstacle(reason="engine_unable", message="the engine hangs", remedy="see its log", since=0)
    StatusFile(desk.folder / "work").write(state(desk.worker, obstacles=(hangs,)))
    assert "the engine hangs" not in nrt("status").stdout


def test_nodes_needs_a_local_network(nrt: Nrt, tmp_path: Path) -> None:
    ended = nrt("nodes", NODE_RUNTIME_HOME=str(tmp_path / "home"))
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "error: no local network is running\n"
        "try:   start one with 'node-runtime up'; 'node-runtime status --config node.yaml' shows a node of yours\n"
    )
