"""The container configuration sets every restriction of the sandbox, and every mount has a mount point."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from node_runtime.engines.docker.host_config import Sandbox, Users, arranged, container_config
from node_runtime.engines.docker.pause_container import PauseContainer
from node_runtime.engines.docker.settings import labels_given
from node_runtime.ports.engine import ContainerSpec, Mount

SANDBOX = Sandbox(
    node="n1",
    users=Users(first=(200_000, 200_000), per_slot=True),
    seccomp='{"defaultAction": "SCMP_ACT_ERRNO"}',
    pids=64,
    log=1 << 20,
    processors=2,
    api_version="1.41",
)
SEEN = PauseContainer(id="h1", pid=7, traces=(b"Ip: 0",))
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


def told(spec: ContainerSpec = SPEC, **how: Any) -> dict[str, Any]:
    return container_config(spec, SANDBOX, pause=SEEN, **how)


def test_everything_is_taken_away_unless_it_is_needed() -> None:
    host = told()["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges", f"seccomp={SANDBOX.seccomp}"]
    assert (host["ReadonlyRootfs"], host["Init"], host["IpcMode"]) == (True, True, "private")
    assert host["NetworkMode"] == "container:h1"
    assert not host.get("Privileged")
    assert "Devices" not in host


def test_each_slot_has_a_user_of_its_own_where_the_node_can_give_them() -> None:
    assert [told(replace(SPEC, slot=slot))["User"] for slot in (0, 3)] == ["200000:200000", "200003:200003"]
    assert Users(first=(1000, 100), per_slot=False).of(3) == (1000, 100)


def test_a_namespace_that_nobody_can_look_into_is_not_shared() -> None:
    alone = container_config(SPEC, SANDBOX, pause=PauseContainer(id="h1"))
    assert alone["HostConfig"]["NetworkMode"] == "none"
    assert alone["Labels"]["node-runtime.joined"] == "h1"  # shows whether the engine has stopped


def test_limits_are_the_specs() -> None:
    host = told()["HostConfig"]
    assert (host["Memory"], host["MemorySwap"]) == (1 << 27, 1 << 27)
    assert (host["NanoCpus"], host["PidsLimit"]) == (1_500_000_000, 64)
    assert host["Tmpfs"] == {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={1 << 27}"}  # no more than the memory
    assert host["LogConfig"]["Config"]["max-size"] == str(1 << 20)


def test_scratch_is_as_large_as_the_task_says() -> None:
    assert told(replace(SPEC, scratch=1 << 22))["HostConfig"]["Tmpfs"]["/tmp"].endswith(f",size={1 << 22}")


@pytest.mark.parametrize(
    "spec",
    [
        replace(SPEC, memory=1 << 30, scratch=1 << 28),  # /dev/shm, half of the memory
        replace(SPEC, scratch=1 << 27),
        replace(SPEC, mounts=(Mount(source=Path("/w"), target="/w", quota=1 << 31),)),
    ],
)
def test_no_file_is_cut_short_before_the_largest_of_its_places_is_full(spec: ContainerSpec) -> None:
    host = told(spec)["HostConfig"]
    (limit,) = (one["Hard"] for one in host["Ulimits"] if one["Name"] == "fsize")
    tmp = int(host["Tmpfs"]["/tmp"].rpartition("=")[2])
    assert limit > max(tmp, host["ShmSize"], *(mount.quota or 0 for mount in spec.mounts))
    assert limit < 1 << 32


def test_more_processors_than_there_are_is_all_there_are() -> None:
    assert told(replace(SPEC, cpus=64))["HostConfig"]["NanoCpus"] == 2_000_000_000


def test_mounts_are_read_only_unless_they_have_a_quota() -> None:
    mounts = told()["HostConfig"]["Mounts"]
    assert [(mount["Target"], mount["ReadOnly"]) for mount in mounts] == [("/sandbox/data/d", True), ("/w", False)]
    assert all(mount["BindOptions"] == {"NonRecursive": True} for mount in mounts)


def test_volumes_of_the_image_become_bounded_memory() -> None:
    assert set(told(volumes=("/data",))["HostConfig"]["Tmpfs"]) == {"/tmp", "/data"}


def test_labels_say_which_node_and_come_back_as_given() -> None:
    written = told()["Labels"]
    assert written["node-runtime.node"] == "n1"
    assert written["node-runtime.holder"] == ""  # so that an image can't set it
    assert labels_given(written) == (("epoch", "2"), ("task", "1"))


def test_the_environment_has_a_home_that_can_be_written() -> None:
    assert {"HOME=/tmp", "LOGNAME=task", "PYTHONPATH=/sandbox", "USER=task"} <= {*told()["Env"]}


def test_a_writable_folder_comes_before_what_lies_in_it(tmp_path: Path) -> None:
    inner = Mount(source=tmp_path, target="/sandbox/model/abc")
    outer = Mount(source=tmp_path, target="/sandbox/model", quota=1)
    assert arranged((inner, outer)).mounts == (outer, inner)
    assert arranged((inner, outer)).frames == ()


def test_a_read_only_folder_that_has_the_place_is_mounted_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    outer, inner = Mount(source=tmp_path, target="/sandbox"), Mount(source=tmp_path, target="/sandbox/data")
    assert arranged((outer, inner)).frames == ()


def test_a_read_only_folder_that_lacks_the_place_is_shown_entry_by_entry(tmp_path: Path) -> None:
    (tmp_path / "own").touch()
    outer, inner = Mount(source=tmp_path, target="/sandbox"), Mount(source=tmp_path, target="/sandbox/data/a")
    found = arranged((outer, inner))
    assert found.frames == ("/sandbox",)
    assert [mount.target for mount in found.mounts] == ["/sandbox/own", "/sandbox/data/a"]
