"""Does the engine run what it is told, and tell how it ended?"""

import threading
from concurrent.futures import wait
from contextlib import closing
from dataclasses import replace

import pytest

from node_runtime.containers import DockerEngine, EngineSettings
from node_runtime.containers.memory import MemoryGauge
from node_runtime.errors import FailureCategory, HostError
from node_runtime.ports import ContainerRun, ContainerSpec, Mount
from tests.background import LIMIT, in_background, wait_until
from tests.contract.engine_world import MIB, EngineWorld, has_printed

pytestmark = pytest.mark.docker


def test_a_program_that_exits_0_has_no_failure(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("echo out; echo err >&2")
    run = engine_world.run(spec)
    assert (run.exit_code, run.failure, run.message, run.adopted) == (0, None, "", False)
    assert run.image == engine_world.image
    assert sorted(spec.log.read_text().splitlines()) == ["err", "out"]


def test_a_program_that_exits_3_is_a_task_error(engine_world: EngineWorld) -> None:
    run = engine_world.run(engine_world.spec("exit 3"))
    assert (run.exit_code, run.failure) == (3, FailureCategory.TASK_ERROR)
    assert "3" in run.message


def test_a_program_that_is_not_there_is_a_task_error(engine_world: EngineWorld) -> None:
    run = engine_world.run(engine_world.spec("exec /no/such/program"))
    assert (run.exit_code, run.failure) == (127, FailureCategory.TASK_ERROR)


def test_arguments_are_appended_to_the_entrypoint(engine_world: EngineWorld) -> None:
    assert engine_world.says('echo "$0" "$HOME"') == "sh /tmp\n"


def test_term_ends_a_program_at_its_timeout(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done")
    run = timed_out_when_ready(engine_world, spec, grace=LIMIT)
    assert run.failure == FailureCategory.TIMEOUT
    assert run.exit_code == 0
    assert spec.log.read_text() == "ready\nbye\n"


def test_a_program_that_ignores_term_is_killed(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("trap '' TERM; echo ready; while :; do sleep 0.1; done")
    run = timed_out_when_ready(engine_world, spec, grace=0.5)
    assert (run.exit_code, run.failure) == (137, FailureCategory.TIMEOUT)


def timed_out_when_ready(world: EngineWorld, spec: ContainerSpec, *, grace: float) -> ContainerRun:
    """By another process, for which its time is over: however slow the machine is, the program is ready before."""
    running = in_background(lambda: world.run(spec))
    has_printed(spec)
    settings = replace(world.host.settings(node=world.node, work=world.folder / "node"), stop_grace=grace)
    with closing(DockerEngine(settings)) as engine:
        run = engine.run(replace(spec, timeout=0.01), stop=threading.Event())
        wait([running], timeout=LIMIT)
    return run


def test_a_program_that_needs_too_much_memory_is_out_of_memory(engine_world: EngineWorld) -> None:
    run = engine_world.run(engine_world.spec("exec python3 -c 'bytearray(1 << 30)'"))
    assert (run.exit_code, run.failure) == (137, FailureCategory.OUT_OF_MEMORY)
    assert "64 MiB" in run.message


def test_a_lost_child_is_no_failure_of_a_program_that_copes(engine_world: EngineWorld) -> None:
    run = engine_world.run(engine_world.spec("python3 -c 'bytearray(1 << 30)' || echo coped"))
    assert run.failure is None


def test_peak_memory_is_what_the_program_held(engine_world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """It holds that until a sample was taken of it, however slow the machine is."""
    out, sample = engine_world.writable("out", MIB), MemoryGauge.sample

    def sampled(gauge: MemoryGauge) -> None:
        sample(gauge)
        if (gauge.peak or 0) > 30 * MIB:
            (out / "go").touch()

    monkeypatch.setattr(MemoryGauge, "sample", sampled)
    program = 'import os, time\nheld = b"x" * (30 << 20)\nwhile not os.path.exists("/out/go"): time.sleep(0.1)'
    mount = Mount(source=out, target="/out", quota=MIB)
    run = engine_world.run(engine_world.spec(f"exec python3 -c '{program}'", mounts=(mount,)))
    assert run.failure is None
    assert run.peak_memory is not None
    assert 30 * MIB < run.peak_memory <= 64 * MIB


def test_the_stop_event_ends_a_run(engine_world: EngineWorld) -> None:
    stop = threading.Event()
    spec = engine_world.spec("trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done")
    running = in_background(lambda: engine_world.engine.run(spec, stop=stop))
    has_printed(spec)
    stop.set()
    assert running.result(LIMIT).failure == FailureCategory.POLICY


def test_four_runs_at_once_each_have_their_own_ending(engine_world: EngineWorld) -> None:
    specs = [engine_world.spec(f"sleep 0.3; exit {n}", name=f"run-{n}", slot=n) for n in range(4)]
    running = [in_background(lambda spec=spec: engine_world.run(spec)) for spec in specs]
    assert [run.result(LIMIT).exit_code for run in running] == [0, 1, 2, 3]


def test_containers_are_listed_with_their_labels_until_removed(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("true")
    engine_world.run(spec)
    (listed,) = engine_world.engine.list()
    assert (listed.name, listed.labels, listed.running) == (spec.name, spec.labels, False)
    engine_world.engine.remove(spec.name)
    engine_world.engine.remove(spec.name)
    assert engine_world.engine.list() == ()


def test_a_running_container_can_be_removed(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("sleep 60")
    running = in_background(lambda: engine_world.run(spec))
    wait_until(lambda: any(one.running for one in engine_world.engine.list()), "the container to run")
    engine_world.engine.remove(spec.name)
    assert wait([running], timeout=LIMIT).done
    assert engine_world.engine.list() == ()


def test_nodes_on_one_engine_do_not_touch_each_others_containers(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("true")
    engine_world.run(spec)
    with engine_world.host.engine(node=f"{engine_world.node}-b", work=engine_world.folder / "b") as other:
        assert other.list() == ()
        with pytest.raises(HostError, match=f"of node {engine_world.node}"):
            other.run(spec, stop=threading.Event())


@pytest.mark.parametrize("remove", [False, True], ids=["died", "was removed"])
def test_a_slot_whose_namespace_holder_is_lost_gets_a_new_one(engine_world: EngineWorld, *, remove: bool) -> None:
    assert engine_world.run(engine_world.spec("true", name="before")).failure is None
    engine_world.kill_container(f"node-runtime-{engine_world.node}-holder-0", remove=remove)
    assert engine_world.run(engine_world.spec("true", name="after")).failure is None


def test_closing_leaves_no_holder(engine_world: EngineWorld) -> None:
    engine = engine_world.restarted()
    engine.run(engine_world.spec("true"), stop=threading.Event())
    engine.close()
    with pytest.raises(Exception, match="No such container"):
        engine_world.kill_container(f"node-runtime-{engine_world.node}-holder-0")


def test_a_missing_source_is_the_hosts_trouble(engine_world: EngineWorld) -> None:
    mount = Mount(source=engine_world.folder / "missing", target="/sandbox/data/a")
    with pytest.raises(HostError, match="missing"):
        engine_world.run(engine_world.spec("true", mounts=(mount,)))


def test_no_engine_is_said_with_a_remedy(engine_world: EngineWorld) -> None:
    nowhere = f"unix://{engine_world.folder}/no.sock"
    with pytest.raises(HostError, match="no container engine answers") as caught:
        DockerEngine(EngineSettings(node="nobody", work=engine_world.folder, docker_host=nowhere))
    assert caught.value.remedy
