"""The contract of the port `ContainerEngine`, run against Docker and the in-memory engine."""

import threading
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.domain.assets import Digest
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.ports.engine import ContainerRun, ContainerSpec, ImageSource, Mount
from tests.background import LIMIT, in_background, wait_until
from tests.contract.engine_twins import (
    Machine,
    docker_machine,
    exits,
    memory_machine,
    needs_memory,
    prints,
    waits,
    writes,
)
from tests.contract.engine_world import MIB


@pytest.fixture(
    params=[pytest.param("docker", marks=pytest.mark.docker), pytest.param("memory", marks=pytest.mark.twin)]
)
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Machine]:
    if request.param == "docker":
        yield docker_machine(request.getfixturevalue("engine_world"))
    else:
        yield memory_machine(tmp_path)


def run(machine: Machine, spec: ContainerSpec) -> ContainerRun:
    return machine.engine.run(spec, stop=threading.Event())


@pytest.mark.parametrize(("code", "failure"), [(0, None), (3, FailureCategory.TASK_ERROR)])
def test_a_programs_exit_status_tells_how_it_went(machine: Machine, code: int, failure: FailureCategory | None) -> None:
    ended = run(machine, machine.spec(exits(code)))
    assert (ended.exit_code, ended.failure, ended.adopted) == (code, failure, False)
    assert bool(ended.message) == bool(failure)


def test_what_a_program_prints_is_in_its_log(machine: Machine) -> None:
    spec = machine.spec(prints("one", "two"))
    run(machine, spec)
    assert spec.log.read_text() == "one\ntwo\n"


def test_a_program_that_needs_too_much_memory_is_out_of_memory(machine: Machine) -> None:
    ended = run(machine, machine.spec(needs_memory(1 << 30)))
    assert (ended.exit_code, ended.failure) == (137, FailureCategory.OUT_OF_MEMORY)
    assert "64 MiB" in ended.message


def test_more_output_than_the_quota_is_too_large(machine: Machine) -> None:
    folder = machine.folder / "out"
    machine.engine.open_folder(folder, quota=MIB)
    spec = machine.spec(writes("/out", 8 * MIB))
    ended = run(machine, replace(spec, mounts=(*spec.mounts, Mount(source=folder, target="/out", quota=MIB))))
    assert ended.failure is FailureCategory.OUTPUT_TOO_LARGE
    machine.engine.remove(spec.name)
    machine.engine.close_folder(folder)
    machine.engine.close_folder(folder)
    assert not folder.exists()


@pytest.mark.usefixtures("watched_twice")
def test_a_program_is_told_to_end_when_its_time_is_over(machine: Machine) -> None:
    spec = machine.spec(waits(term=7))
    lost = in_background(lambda: run(machine, spec))
    machine.gate.wait_until_ready()
    with closing(machine.reopened()) as engine:
        ended = engine.run(replace(spec, timeout=0.01), stop=threading.Event())
    wait([lost], timeout=LIMIT)
    assert (ended.failure, ended.exit_code) == (FailureCategory.TIMEOUT, 7)


@pytest.mark.usefixtures("watched_twice")
def test_a_program_that_ignores_that_is_killed(machine: Machine) -> None:
    spec = machine.spec(waits())
    lost = in_background(lambda: run(machine, spec))
    machine.gate.wait_until_ready()
    with closing(machine.reopened(grace=0.2)) as engine:
        ended = engine.run(replace(spec, timeout=0.01), stop=threading.Event())
    wait([lost], timeout=LIMIT)
    assert (ended.failure, ended.exit_code) == (FailureCategory.TIMEOUT, 137)


def test_a_run_that_is_stopped_says_so_and_its_end_is_not_adopted(machine: Machine) -> None:
    spec, stop = machine.spec(waits(term=0)), threading.Event()
    running = in_background(lambda: machine.engine.run(spec, stop=stop))
    machine.gate.wait_until_ready()
    stop.set()
    ended = running.result(LIMIT)
    assert ended.stopped
    assert (ended.failure, ended.message) == (FailureCategory.NODE_ERROR, "was stopped by this node before its end")
    with closing(machine.reopened()) as engine, pytest.raises(HostError, match="was stopped by this node"):
        engine.run(spec, stop=threading.Event())
    assert machine.engine.list() == ()


def test_a_running_container_is_adopted_by_its_name(machine: Machine) -> None:
    spec = machine.spec(waits(3))
    lost = in_background(lambda: run(machine, spec))
    machine.gate.wait_until_ready()
    with closing(machine.reopened()) as engine:
        adopting = in_background(lambda: engine.run(spec, stop=threading.Event()))
        machine.gate.open()
        adopted = adopting.result(LIMIT)
    wait([lost], timeout=LIMIT)
    assert (adopted.adopted, adopted.exit_code, adopted.failure) == (True, 3, FailureCategory.TASK_ERROR)


def test_an_ended_container_is_read_back(machine: Machine) -> None:
    spec = machine.spec(prints("said"))
    run(machine, spec)
    spec.log.unlink()
    again = run(machine, spec)
    assert (again.adopted, again.exit_code, again.failure) == (True, 0, None)
    assert spec.log.read_text() == "said\n"


@pytest.mark.parametrize("remove", [False, True], ids=["killed", "removed"])
def test_a_container_that_somebody_ends_is_never_the_tasks_failure(machine: Machine, *, remove: bool) -> None:
    spec = machine.spec(waits(5))
    running = in_background(lambda: run(machine, spec))
    machine.gate.wait_until_ready()
    machine.kill(spec.name, remove=remove)
    with pytest.raises(HostError, match="by somebody on this machine"):
        running.result(LIMIT)
    assert machine.engine.list() == ()
    machine.gate.open()
    assert run(machine, spec).adopted is False


def test_containers_are_listed_with_their_labels_until_removed(machine: Machine) -> None:
    spec = machine.spec(exits(0))
    run(machine, spec)
    (listed,) = machine.engine.list()
    assert (listed.name, listed.labels, listed.running) == (spec.name, spec.labels, False)
    machine.engine.remove(spec.name)
    machine.engine.remove(spec.name)
    assert machine.engine.list() == ()


def test_a_running_container_can_be_removed(machine: Machine) -> None:
    spec = machine.spec(waits())
    running = in_background(lambda: run(machine, spec))
    wait_until(lambda: any(one.running for one in machine.engine.list()), "the container to run")
    machine.engine.remove(spec.name)
    assert wait([running], timeout=LIMIT).done
    assert machine.engine.list() == ()


def test_nodes_of_one_machine_do_not_touch_each_others_containers(machine: Machine) -> None:
    spec = machine.spec(exits(0))
    run(machine, spec)
    with closing(machine.reopened(node=f"{machine.node}-b")) as other:
        assert other.list() == ()
        with pytest.raises(HostError, match=f"belongs to node {machine.node}"):
            other.run(spec, stop=threading.Event())


def test_a_missing_source_is_the_hosts_trouble(machine: Machine) -> None:
    spec = machine.spec(exits(0))
    mount = Mount(source=machine.folder / "missing", target="/sandbox/data/a")
    with pytest.raises(HostError, match="missing"):
        run(machine, replace(spec, mounts=(*spec.mounts, mount)))


def test_an_image_that_is_nowhere_is_unavailable(machine: Machine) -> None:
    source = ImageSource(folder=machine.folder, digest=Digest("0" * 64), image=f"sha256:{'0' * 64}")
    with pytest.raises(TaskFailed) as raised:
        machine.engine.image(source, log=lambda _line: None)
    assert raised.value.category is FailureCategory.IMAGE_UNAVAILABLE


def test_an_engine_that_works_says_so(machine: Machine) -> None:
    assert machine.engine.unable() is None
