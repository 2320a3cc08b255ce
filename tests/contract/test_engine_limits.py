"""A container can't exceed its sandbox's limits."""

import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.engines.docker.quota import QuotaMode
from node_runtime.engines.docker.settings import EngineSettings
from node_runtime.errors import FailureCategory
from node_runtime.ports.engine import Mount
from tests.contract.engine_world import MIB, EngineWorld

pytestmark = pytest.mark.docker

QUOTA = 16 * MIB
MODEL = "/sandbox/model"


@pytest.fixture(params=[True, False], ids=["quota", "watched"])
def quota_world(request: pytest.FixtureRequest, engine_world: EngineWorld) -> EngineWorld:
    """Both quota modes where this host can mount, else the watched one twice."""
    settings = engine_world.host.settings(node=engine_world.node, work=engine_world.folder / "node")
    engine = DockerEngine(
        EngineSettings(
            node=engine_world.node, work=settings.work, docker_host=settings.docker_host, mount_quotas=request.param
        )
    )
    return EngineWorld(
        host=engine_world.host,
        node=engine_world.node,
        folder=engine_world.folder,
        engine=engine,
        image=engine_world.image,
        folders=engine_world.folders,
    )


def size_of(folder: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if not path.is_symlink())


def test_there_is_no_network(engine_world: EngineWorld) -> None:
    assert engine_world.says("ls /sys/class/net").split() == ["lo"]


def test_it_has_no_capabilities_and_gains_none(engine_world: EngineWorld) -> None:
    status = engine_world.says("cat /proc/self/status")
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {int(fields[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


def test_it_is_not_root(engine_world: EngineWorld) -> None:
    assert "0" not in engine_world.says("id -u; id -g; id -G").split()


def test_the_root_file_system_is_read_only_but_for_a_bounded_tmp(engine_world: EngineWorld) -> None:
    script = "touch /usr/x || touch /var/x || touch /x || echo refused; head -c 999M /dev/zero >/tmp/y"
    run = engine_world.run(spec := engine_world.spec(script))
    assert run.failure in (FailureCategory.TASK_ERROR, FailureCategory.OUT_OF_MEMORY)
    assert "refused\n" in spec.log.read_text()


def test_a_fork_bomb_ends_at_the_limit_of_processes(engine_world: EngineWorld) -> None:
    script = "i=0; while [ $i -lt 2000 ]; do sleep 60 & i=$((i+1)); done"
    run = engine_world.run(spec := engine_world.spec(script))
    assert run.failure == FailureCategory.TASK_ERROR
    assert "fork" in spec.log.read_text().lower()


def test_inputs_are_read_only(engine_world: EngineWorld) -> None:
    folder = engine_world.folder / "sample"
    folder.mkdir()
    folder.chmod(0o777)
    Path(folder, "digit").write_text("7")
    Path(folder, "digit").chmod(0o666)
    mount = Mount(source=folder, target="/sandbox/data/abc")
    messages = engine_world.says(
        "cat /sandbox/data/abc/digit; echo 8 > /sandbox/data/abc/digit || echo refused", mounts=(mount,)
    )
    assert "7" in messages
    assert "refused" in messages
    assert Path(folder, "digit").read_text() == "7"


def test_inputs_may_lie_in_a_volume_of_the_engine(engine_world: EngineWorld) -> None:
    """As the work folder of a daemon in a container does."""
    with closing(connect(engine_world.host.url)) as client:
        volume = client.create_volume(f"{engine_world.node}-work")
        try:
            folder = Path(volume["Mountpoint"], "sample")
            folder.mkdir()
            Path(folder, "digit").write_text("7")
            mount = Mount(source=folder, target="/data")
            assert engine_world.says(
                "cat /data/digit; touch /data/x 2>/dev/null || echo refused", mounts=(mount,)
            ).startswith("7")
            assert not Path(folder, "x").exists()
        finally:
            client.remove_volume(volume["Name"], force=True)


def test_targets_appear_on_a_root_that_lacks_them(quota_world: EngineWorld) -> None:
    """Inputs beside and inside the output folder, as in the layout of a training."""
    opener, earlier = quota_world.folder / "opener.py", quota_world.folder / "earlier"
    opener.write_text("print('opened')")
    earlier.mkdir()
    (earlier / "weights").write_text("0.5")
    out = quota_world.writable("out", QUOTA)
    mounts = (
        Mount(source=out, target=MODEL, quota=QUOTA),
        Mount(source=earlier, target=f"{MODEL}/abc"),
        Mount(source=opener, target="/sandbox/opener/__init__.py"),
    )
    assert quota_world.says(f"cd {MODEL} && cp abc/weights model && python3 /sandbox/opener/__init__.py", mounts=mounts)
    assert (out / "model").read_text() == "0.5"


def test_inputs_may_lie_inside_a_read_only_folder_that_lacks_their_place(engine_world: EngineWorld) -> None:
    outer, inner = engine_world.folder / "outer", engine_world.folder / "inner"
    outer.mkdir()
    inner.mkdir()
    (outer / "own").write_text("own ")
    (inner / "digit").write_text("7")
    mounts = (Mount(source=outer, target="/sandbox"), Mount(source=inner, target="/sandbox/data/abc"))
    messages = engine_world.says(
        "cat /sandbox/own /sandbox/data/abc/digit; touch /sandbox/x || echo refused", mounts=mounts
    )
    assert "own 7" in messages
    assert "refused" in messages
    assert sorted(path.name for path in outer.iterdir()) == ["own"]


def test_ten_gigabytes_of_output_are_too_large_and_cost_little_disk(quota_world: EngineWorld) -> None:
    out = quota_world.writable("out", QUOTA)
    script = f"cd {MODEL}; for i in $(seq 640); do head -c 16M /dev/zero > $i || exit 1; done"
    run = quota_world.run(quota_world.spec(script, mounts=(Mount(source=out, target=MODEL, quota=QUOTA),)))
    assert run.failure == FailureCategory.OUTPUT_TOO_LARGE
    if quota_world.engine.confinement().quotas == QuotaMode.MOUNTED:
        assert size_of(out) < QUOTA + 8 * MIB
    else:  # the overshoot between two ticks depends on the machine, but is bounded
        assert size_of(out) < 640 * QUOTA
    quota_world.engine.close_folder(out)
    quota_world.engine.close_folder(out)
    assert not out.exists()


def test_output_is_too_large_even_when_the_program_does_not_care(quota_world: EngineWorld) -> None:
    out = quota_world.writable("out", QUOTA)
    script = f"head -c 64M /dev/zero > {MODEL}/x; exit 0"
    run = quota_world.run(quota_world.spec(script, mounts=(Mount(source=out, target=MODEL, quota=QUOTA),)))
    assert run.failure == FailureCategory.OUTPUT_TOO_LARGE


def test_too_many_files_are_too_large_an_output(quota_world: EngineWorld) -> None:
    out = quota_world.writable("out", QUOTA)
    script = f"cd {MODEL} && seq 60000 | xargs -n 1000 touch"
    run = quota_world.run(quota_world.spec(script, mounts=(Mount(source=out, target=MODEL, quota=QUOTA),)))
    assert run.failure == FailureCategory.OUTPUT_TOO_LARGE


def test_output_within_its_quota_is_kept(quota_world: EngineWorld) -> None:
    out = quota_world.writable("out", QUOTA)
    quota_world.says(f"head -c 15M /dev/zero > {MODEL}/x", mounts=(Mount(source=out, target=MODEL, quota=QUOTA),))
    assert (out / "x").stat().st_size == 15 * MIB
    assert [path.name for path in out.iterdir()] == ["x"]
    quota_world.engine.open_folder(out, quota=QUOTA)
    assert (out / "x").exists()


def test_output_survives_a_reboot_of_the_host(engine_world: EngineWorld) -> None:
    """Afterwards nothing is mounted."""
    out = engine_world.writable("out", QUOTA)
    engine_world.says(f"echo 0.5 > {MODEL}/x", mounts=(Mount(source=out, target=MODEL, quota=QUOTA),))
    if out.is_mount():
        subprocess.run(["umount", out], check=True)
    engine_world.engine.open_folder(out, quota=QUOTA)
    assert (out / "x").read_text() == "0.5\n"


def test_folders_that_a_container_closed_to_others_can_be_removed(quota_world: EngineWorld) -> None:
    out = quota_world.writable("out", QUOTA)
    script = f"cd {MODEL}; for i in $(seq 60); do mkdir d && cd d; done; touch x; chmod 0 {MODEL}/d"
    quota_world.says(script, mounts=(Mount(source=out, target=MODEL, quota=QUOTA),))
    quota_world.engine.close_folder(out)
    assert not out.exists()


def test_what_lay_in_a_writable_folder_belongs_to_the_container(engine_world: EngineWorld) -> None:
    out = engine_world.writable("out", QUOTA)
    (out / "bundle").mkdir()
    (out / "bundle" / "settings").write_text("a")
    (out / "link").symlink_to("/etc/passwd")
    before = Path("/etc/passwd").stat()
    engine_world.says(f"echo b > {MODEL}/bundle/settings", mounts=(Mount(source=out, target=MODEL, quota=QUOTA),))
    assert Path("/etc/passwd").stat().st_uid == before.st_uid


def test_a_volume_of_the_image_is_no_way_around_the_quota(engine_world: EngineWorld) -> None:
    image = image_with(engine_world, "VOLUME /data")
    run = engine_world.run(spec := engine_world.spec("df /data | tail -1; touch /data/x", image=image))
    assert run.failure is None
    assert spec.log.read_text().startswith("tmpfs")


def image_with(world: EngineWorld, *lines: str) -> str:
    dockerfile = "\n".join((f"FROM {world.host.base_image}", *lines, ""))
    tag = f"node-runtime/test:{world.node}"
    world.tags.append(tag)
    built = subprocess.run(
        ["docker", "-H", world.host.url, "build", "-q", "-t", tag, "-"],
        input=dockerfile,
        capture_output=True,
        text=True,
        check=True,
    )
    return built.stdout.strip()
