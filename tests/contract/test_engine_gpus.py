"""GPUs of containers, against Docker, which finds a stand-in for NVIDIA's toolkit, and the in-memory engine."""

import threading
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from node_runtime.engines.docker.client import connect, create_container, remove_container
from node_runtime.engines.docker.gpus import CDI, NVIDIA
from node_runtime.engines.docker.host_config import container_config
from node_runtime.engines.docker.pause_container import PauseContainer
from node_runtime.errors import HostError
from node_runtime.ports.engine import ContainerSpec
from tests.background import LIMIT, in_background, wait_until
from tests.contract.engine_twins import Machine, docker_machine, exits, memory_machine, prints, waits
from tests.contract.engine_world import EngineWorld
from tests.gpu_toolkit import A, B, Toolkit, hook_found, toolkit

__all__ = ["toolkit"]


def machine_with(toolkit: Toolkit, folder: Path) -> Iterator[Machine]:
    node, host = f"test-{uuid4().hex[:12]}", toolkit.host
    with hook_found(toolkit.hook), host.engine(node=node, work=folder / "node") as engine:
        world = EngineWorld(host=host, node=node, folder=folder, engine=engine, image=host.image_id())
        yield docker_machine(world)
        world.clean_up()


@pytest.fixture(
    params=[
        pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.slow]),
        pytest.param("memory", marks=pytest.mark.twin),
    ]
)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A machine with the GPUs `A` and `B`."""
    if request.param == "memory":
        made = memory_machine(tmp_path)
        made.host.gpus = frozenset({A, B})
        yield made
    else:
        yield from machine_with(request.getfixturevalue("toolkit"), tmp_path)


@pytest.fixture(
    params=[
        pytest.param("docker", marks=[pytest.mark.docker, pytest.mark.slow]),
        pytest.param("memory", marks=pytest.mark.twin),
    ]
)
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    """A machine whose engine may give no GPU."""
    if request.param == "memory":
        yield memory_machine(tmp_path)
    else:
        yield docker_machine(request.getfixturevalue("engine_world"))


def with_gpus(spec: ContainerSpec, *gpus: str) -> ContainerSpec:
    return replace(spec, gpus=gpus)


@pytest.mark.usefixtures("watched_twice")
def test_a_container_has_its_gpus_until_it_ends_and_every_node_sees_it(machine: Machine) -> None:
    assert machine.engine.gpu_obstacle() == ""
    assert machine.engine.gpus_in_use() == frozenset()
    spec = with_gpus(machine.spec(waits()), A, B)
    lost = in_background(lambda: machine.engine.run(spec, stop=threading.Event()))
    machine.gate.wait_until_ready()
    with closing(machine.reopened(node=f"{machine.node}-b")) as other:
        assert other.gpus_in_use() == {A, B}
    with closing(machine.reopened()) as engine:
        assert [(one.name, one.gpus) for one in engine.list()] == [(spec.name, (A, B))]
        adopting = in_background(lambda: engine.run(spec, stop=threading.Event()))
        machine.gate.open()
        ended = adopting.result(LIMIT)
    wait([lost], timeout=LIMIT)
    assert (ended.adopted, ended.failure) == (True, None)
    assert machine.engine.gpus_in_use() == frozenset()
    assert [one.gpus for one in machine.engine.list()] == [(A, B)]


def test_a_container_without_gpus_has_none(machine: Machine) -> None:
    spec = machine.spec(waits())
    running = in_background(lambda: machine.engine.run(spec, stop=threading.Event()))
    machine.gate.wait_until_ready()
    assert machine.engine.gpus_in_use() == frozenset()
    assert [one.gpus for one in machine.engine.list()] == [()]
    machine.gate.open()
    assert running.result(LIMIT).failure is None


def test_a_gpu_that_is_not_there_is_the_hosts_trouble(machine: Machine) -> None:
    with pytest.raises(HostError, match="could not be started"):
        machine.engine.run(with_gpus(machine.spec(exits(0)), "GPU-gone"), stop=threading.Event())
    assert machine.engine.gpus_in_use() == frozenset()
    assert machine.engine.run(with_gpus(machine.spec(exits(0)), A), stop=threading.Event()).failure is None


def test_an_engine_that_gives_no_gpu_says_so_and_blames_no_task(bare: Machine) -> None:
    if not bare.engine.gpu_obstacle():
        pytest.skip("this machine's engine gives GPUs")
    with pytest.raises(HostError, match="could not be started"):
        bare.engine.run(with_gpus(bare.spec(exits(0)), A), stop=threading.Event())
    wait_until(lambda: bare.engine.unable() is None, "the engine to be found able to run other tasks")
    assert bare.engine.run(bare.spec(prints("said")), stop=threading.Event()).failure is None


@pytest.mark.docker
@pytest.mark.slow
def test_dockers_hook_is_asked_for_the_uuids_and_for_computing_alone(toolkit: Toolkit, tmp_path: Path) -> None:
    for machine in machine_with(toolkit, tmp_path):
        toolkit.asked.unlink(missing_ok=True)
        for spec in (machine.spec(exits(0)), with_gpus(machine.spec(exits(0), name="second"), B)):
            assert machine.engine.run(spec, stop=threading.Event()).failure is None
        assert toolkit.calls() == [["prestart", [B], ["compute", "utility"]]]


@pytest.mark.docker
@pytest.mark.parametrize(("driver", "named"), [(NVIDIA, B), (CDI, f"nvidia.com/gpu={B}")])
def test_the_engine_takes_the_request_as_it_is_sent(engine_world: EngineWorld, driver: str, named: str) -> None:
    world = engine_world
    sandbox = replace(world.engine._run_context.sandbox, gpu_driver=driver)
    spec = with_gpus(world.spec("exit 0"), B)
    with closing(connect(world.host.url)) as client:
        config = container_config(spec, sandbox, pause=PauseContainer(id="none"))
        container = create_container(client, config, spec.name)
        try:
            (request,) = client.inspect_container(container)["HostConfig"]["DeviceRequests"]
        finally:
            remove_container(client, container)
    assert (request["Driver"], request["DeviceIDs"]) == (driver, [named])
