"""Is the engine told to hold a container in?"""

from dataclasses import replace
from pathlib import Path

from node_runtime.containers.sandbox import Sandbox, container_config, labels_given
from node_runtime.ports import ContainerSpec, Mount

SANDBOX = Sandbox(node="n1", user=(10001, 10001), pids=64, tmp=1 << 28, log=1 << 20, processors=2, api_version="1.41")
SPEC = ContainerSpec(
    name="n1-task-1-epoch-2-train",
    labels=(("task", "1"), ("epoch", "2")),
    image="sha256:abc",
    arguments=("train", "--rank", "1"),
    environment=(("PYTHONPATH", "/sandbox"),),
    mounts=(
        Mount(source=Path("/cache/d"), target="/sandbox/data/d"),
        Mount(source=Path("/w"), target="/w", quota=1 << 20),
    ),
    cpus=1.5,
    memory=1 << 27,
    timeout=60,
    log=Path("/logs/train.log"),
)


def told(spec: ContainerSpec = SPEC, **how: tuple[str, ...]) -> dict:
    return container_config(spec, SANDBOX, holder="h1", **how)


def test_everything_is_taken_away_unless_it_is_needed() -> None:
    host = told()["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert (host["ReadonlyRootfs"], host["Init"], host["IpcMode"]) == (True, True, "private")
    assert host["NetworkMode"] == "container:h1"
    assert not host.get("Privileged")
    assert "Devices" not in host
    assert told()["User"] == "10001:10001"


def test_limits_are_the_specs() -> None:
    host = told()["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (1 << 27, 1 << 27)
    assert (host["NanoCpus"], host["PidsLimit"]) == (1_500_000_000, 64)
    assert host["Tmpfs"] == {"/tmp": f"rw,noexec,nosuid,nodev,mode=1777,size={1 << 27}"}
    assert host["LogConfig"]["Config"]["max-size"] == str(1 << 20)


def test_more_processors_than_there_are_is_all_there_are() -> None:
    assert told(replace(SPEC, cpus=64))["HostConfig"]["NanoCpus"] == 2_000_000_000


def test_mounts_are_read_only_unless_they_have_a_quota() -> None:
    mounts = told()["HostConfig"]["Mounts"]
    assert [(mount["Target"], mount["ReadOnly"]) for mount in mounts] == [("/sandbox/data/d", True), ("/w", False)]
    assert all(mount["BindOptions"] == {"Propagation": "rprivate", "NonRecursive": True} for mount in mounts)


def test_volumes_of_the_image_become_bounded_memory() -> None:
    assert set(told(volumes=("/data",))["HostConfig"]["Tmpfs"]) == {"/tmp", "/data"}


def test_labels_say_which_node_and_come_back_as_given() -> None:
    written = told()["Labels"]
    assert written["node-runtime.node"] == "n1"
    assert written["node-runtime.holder"] == ""  # so that an image can't pass a task off as ours
    assert labels_given(written) == (("epoch", "2"), ("task", "1"))


def test_the_environment_has_a_home_that_can_be_written() -> None:
    assert sorted(told()["Env"]) == ["HOME=/tmp", "PYTHONPATH=/sandbox"]
