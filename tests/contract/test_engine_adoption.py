"""A run ends the same after a restart of the node, and its log stays within its cap."""

import threading
from concurrent.futures import Future, wait
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.domain.clock import wall_clock
from node_runtime.engines.docker import exit_status
from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.supervisor import ExitWaiter
from node_runtime.errors import FailureCategory, HostError
from node_runtime.ports.engine import ContainerRun, ContainerSpec, Mount
from tests.background import LIMIT, in_background, wait_until
from tests.contract.engine_world import MIB, EngineWorld, has_printed

pytestmark = pytest.mark.docker


def started(world: EngineWorld, spec: ContainerSpec) -> "Future[ContainerRun]":
    """Start a run in the process that will be lost; the script prints ``ready`` first."""
    running = in_background(lambda: world.run(spec))
    has_printed(spec)
    return running


def adopt(world: EngineWorld, spec: ContainerSpec, *, lost: "Future[ContainerRun] | None" = None) -> ContainerRun:
    """Adopt in the next process. The ``lost`` run, which really continues, sees the end before the cleanup."""
    with closing(world.restarted()) as engine:
        run = engine.run(spec, stop=threading.Event())
        wait([lost] if lost is not None else [], timeout=LIMIT)
    return run


def waiters() -> set[threading.Thread]:
    """The `ExitWaiter` threads of this process."""
    return {thread for thread in threading.enumerate() if isinstance(thread, ExitWaiter)}


def test_a_running_container_is_adopted_with_the_outcome_of_an_unbroken_run(engine_world: EngineWorld) -> None:
    out = engine_world.writable("out", MIB)
    script = "echo ready; until test -e /out/go; do sleep 0.1; done; echo done; exit 3"
    spec = engine_world.spec(script, mounts=(Mount(source=out, target="/out", quota=MIB),))
    before = waiters()
    unbroken = started(engine_world, spec)
    adopting = in_background(lambda: adopt(engine_world, spec, lost=unbroken))
    wait_until(lambda: len(waiters() - before) == 2, "both to wait for its end")
    (out / "go").touch()
    adopted = adopting.result(LIMIT)
    assert (adopted.adopted, adopted.exit_code, adopted.failure) == (True, 3, FailureCategory.TASK_ERROR)
    assert (adopted.exit_code, adopted.failure) == (unbroken.result().exit_code, unbroken.result().failure)
    # by the engine's clock; who started it counts from the start's answer at most, which may come a little later
    assert 0 < unbroken.result().seconds <= adopted.seconds
    assert spec.log.read_text() == "ready\ndone\n"
    assert len(engine_world.engine.list()) == 1


def test_an_ended_container_is_read_back(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("echo said; exit 3")
    before = engine_world.run(spec)
    spec.log.unlink()
    again = adopt(engine_world, spec)
    assert (again.adopted, again.exit_code, again.failure) == (True, before.exit_code, before.failure)
    assert spec.log.read_text() == "said\n"


def test_an_ended_container_that_ran_out_of_memory_is_still_that(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("exec python3 -c 'bytearray(1 << 30)'")
    engine_world.run(spec)
    assert adopt(engine_world, spec).failure == FailureCategory.OUT_OF_MEMORY


def test_a_run_killed_with_its_engine_is_the_hosts_trouble_and_runs_anew(engine_world: EngineWorld) -> None:
    once = engine_world.writable("once", MIB)
    script = "echo ready; test -e /once/second && exit 3; exec sleep 60"
    spec = engine_world.spec(script, mounts=(Mount(source=once, target="/once", quota=MIB),))
    running = started(engine_world, spec)
    engine_world.kill_pause_container()
    engine_world.kill_container(spec.name)
    with pytest.raises(HostError, match="as when the engine restarts"):
        running.result(LIMIT)
    assert engine_world.engine.list() == ()
    (once / "second").touch()
    assert engine_world.run(spec).failure == FailureCategory.TASK_ERROR


def test_a_run_that_ended_with_its_engine_is_told_by_the_next_process_too(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("exit 143")
    assert engine_world.run(spec).failure == FailureCategory.TASK_ERROR
    assert adopt(engine_world, spec).failure == FailureCategory.TASK_ERROR
    with pytest.raises(HostError, match="as when the engine restarts"):
        adopt(engine_world, spec)  # the earlier process removed the slot's pause container


@pytest.mark.usefixtures("watched_twice")
def test_the_timeout_counts_from_the_containers_start_not_from_its_adoption(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("sleep 3; echo ready; exec sleep 200")
    unbroken = started(engine_world, spec)
    adopted = adopt(engine_world, replace(spec, timeout=3), lost=unbroken)
    assert adopted.failure == FailureCategory.TIMEOUT
    assert adopted.seconds < 200


def test_a_clock_that_was_set_ahead_since_ends_no_container_that_is_adopted(
    engine_world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = engine_world.spec("echo ready; sleep 3")
    unbroken = started(engine_world, spec)
    monkeypatch.setattr(exit_status, "wall_clock", lambda: wall_clock() + 3_600_000)
    adopted = adopt(engine_world, replace(spec, timeout=60), lost=unbroken)
    assert adopted.failure is None
    assert adopted.seconds < 60


def test_what_ran_past_its_timeout_unwatched_has_timed_out(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("sleep 1.5")
    engine_world.run(spec)
    assert adopt(engine_world, replace(spec, timeout=1)).failure == FailureCategory.TIMEOUT


def test_a_container_that_was_made_but_not_started_is_made_anew(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("echo ran")
    engine_world.run(spec)
    client = connect(engine_world.host.url)
    made = client.inspect_container(spec.name)
    engine_world.engine.remove(spec.name)
    client.create_container(
        made["Image"],
        list(spec.arguments),
        entrypoint=["sh", "-c"],
        name=spec.name,
        labels=made["Config"]["Labels"],
        host_config=client.create_host_config(network_mode="none"),
    )
    client.close()
    with pytest.raises(HostError, match="ended before the container started"):
        adopt(engine_world, spec)
    again = adopt(engine_world, spec)
    assert (again.adopted, again.failure) == (False, None)
    assert spec.log.read_text() == "ran\n"


def test_a_log_far_over_its_cap_is_kept_as_head_and_tail(engine_world: EngineWorld) -> None:
    script = 'echo first; line=$(head -c 20000 /dev/zero | tr "\\0" x); yes "$line" | head -c 100000000; echo last'
    run = engine_world.run(spec := engine_world.spec(script))
    assert run.failure is None
    log = spec.log.read_bytes()
    assert log.startswith(b"first\nxxx")
    assert log.endswith(b"xxxlast\n")
    assert b"left out" in log
    assert len(log) < 2 * MIB
    assert engine_log_size(engine_world, spec.name) < 8 * MIB


def test_a_log_lost_at_a_restart_says_so(engine_world: EngineWorld) -> None:
    script = 'line=$(head -c 1000 /dev/zero | tr "\\0" x); yes "$line" | head -c 9000000; echo last'
    engine_world.run(spec := engine_world.spec(script))
    spec.log.unlink()
    adopt(engine_world, spec)
    log = spec.log.read_bytes()
    assert b"was lost when the node restarted" in log
    assert log.endswith(b"last\n")


def engine_log_size(world: EngineWorld, name: str) -> int:
    """Bytes of Docker's log files of the container; 0 where they aren't readable."""
    client = connect(world.host.url)
    folder = Path(client.info()["DockerRootDir"], "containers", client.inspect_container(name)["Id"])
    client.close()
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.exists() else 0
