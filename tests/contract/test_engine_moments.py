"""Races of a run with removals, restarts and stops end in the specified result."""

import threading
import time
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import docker
import pytest

from node_runtime.engines.docker import exit_status
from node_runtime.engines.docker import run as run_module
from node_runtime.engines.docker.exit_status import stopped_externally
from node_runtime.errors import FailureCategory, HostError
from node_runtime.ports.engine import Mount
from tests.background import LIMIT, all_at_once, in_background
from tests.contract.engine_world import MIB, EngineWorld, has_printed

pytestmark = pytest.mark.docker

HOUR = 3600.0


@pytest.fixture
def meanwhile(engine_world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run a function right before or after the next call of an engine method."""
    client: docker.APIClient = engine_world.engine._client

    def at(
        call: str, *, before: Callable[[], object] = lambda: None, after: Callable[[], object] = lambda: None
    ) -> None:
        original = getattr(client, call)

        def once(*arguments: Any, **named: Any) -> Any:
            monkeypatch.setattr(client, call, original)
            before()
            answer = original(*arguments, **named)
            after()
            return answer

        monkeypatch.setattr(client, call, once)

    return at


def test_a_name_that_becomes_free_just_then_is_used(engine_world: EngineWorld, meanwhile: Callable[..., None]) -> None:
    engine_world.run(spec := engine_world.spec("exit 3"))
    meanwhile("inspect_container", before=lambda: engine_world.engine.remove(spec.name))
    run = engine_world.run(engine_world.spec("exit 4"))
    assert (run.exit_code, run.adopted) == (4, False)


def test_a_container_that_somebody_removes_before_its_start_is_made_again(
    engine_world: EngineWorld, meanwhile: Callable[..., None]
) -> None:
    engine_world.run(engine_world.spec("true", name="before"))
    pause = engine_world.engine._pause_containers.of(0)
    spec = engine_world.spec("echo ran")
    meanwhile("start", before=lambda: engine_world.engine.remove(spec.name))
    assert engine_world.run(spec).failure is None
    assert spec.log.read_text() == "ran\n"
    assert engine_world.engine._pause_containers.of(0) == pause


def test_a_container_that_is_started_while_it_is_found_not_to_be_is_not_started_twice(
    engine_world: EngineWorld, meanwhile: Callable[..., None]
) -> None:
    """The process was killed after its start request reached the engine."""
    engine_world.run(engine_world.spec("true", name="before"))  # starts the slot's pause container
    out = engine_world.writable("out", MIB)
    spec = engine_world.spec("echo ran >> /out/begun", mounts=(Mount(source=out, target="/out", quota=MIB),))
    client = engine_world.engine._client

    def end_process() -> None:
        raise KeyboardInterrupt

    def start_late() -> None:
        client.start(spec.name)
        client.wait(spec.name)

    meanwhile("start", before=end_process)
    with pytest.raises(KeyboardInterrupt):
        engine_world.run(spec)
    meanwhile("inspect_container", after=start_late)
    with pytest.raises(HostError, match="ended before the container started"):
        engine_world.run(spec)
    assert (out / "begun").read_text() == "ran\n"
    assert spec.name not in [one.name for one in engine_world.engine.list()]


def test_an_end_in_time_that_is_learned_of_late_is_no_timeout(
    engine_world: EngineWorld, meanwhile: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(monotonic=time.monotonic, time=time.time)
    monkeypatch.setattr(run_module, "time", clock)
    meanwhile("wait", after=lambda: setattr(clock, "monotonic", lambda: time.monotonic() + HOUR))
    run = engine_world.run(engine_world.spec("true"))
    assert run.failure is None
    assert run.seconds < HOUR


def test_a_program_that_was_told_to_end_is_not_taken_for_done_after_a_restart(engine_world: EngineWorld) -> None:
    stop = threading.Event()
    spec = engine_world.spec("trap 'exit 0' TERM; echo ready; while :; do sleep 0.1; done")
    running = in_background(lambda: engine_world.engine.run(spec, stop=stop))
    has_printed(spec)
    stop.set()
    assert running.result(LIMIT).failure is FailureCategory.NODE_ERROR
    again = engine_world.restarted()  # the earlier process did not pass on its state
    with pytest.raises(HostError, match="was stopped by this node"):
        again.run(spec, stop=threading.Event())
    assert again.list() == ()
    assert again.run(engine_world.spec("exit 3"), stop=threading.Event()).exit_code == 3
    assert again.run(engine_world.spec("exit 3"), stop=threading.Event()).exit_code == 3
    again.close()


def test_what_ended_a_container_is_known_at_the_first_event_that_decides(
    engine_world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine keeps the answer open until the span's end: who reads on waits for it."""
    monkeypatch.setattr(exit_status, "_EVENT_DELAY", HOUR)
    client: docker.APIClient = engine_world.engine._client
    for script, signalled in (("true", False), ("trap 'exit 0' TERM; while :; do sleep 0.1; done", True)):
        container = client.create_container(engine_world.image, ["sh", "-c", script], stop_signal="TERM")["Id"]
        try:
            client.start(container)
            if signalled:
                client.stop(container, timeout=60)
            assert client.wait(container, timeout=60)["StatusCode"] in (0, 143)
            assert in_background(partial(stopped_externally, client, container)).result(LIMIT) is signalled
        finally:
            client.remove_container(container, force=True)


def test_a_run_outlasts_another_process_of_its_node(engine_world: EngineWorld) -> None:
    """A command closes the engine while a container of a killed daemon still runs."""
    out = engine_world.writable("out", MIB)
    script = "echo ready; until test -e /out/go; do sleep 0.1; done; exit 3"
    spec = engine_world.spec(script, mounts=(Mount(source=out, target="/out", quota=MIB),))
    running = in_background(lambda: engine_world.run(spec))
    has_printed(spec)
    engine_world.restarted().close()
    (out / "go").touch()
    assert running.result(LIMIT).failure is FailureCategory.TASK_ERROR


def test_whoever_removes_a_container_its_name_is_free_afterwards(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("trap '' TERM; echo ready; while :; do sleep 0.1; done")
    running = in_background(lambda: engine_world.run(spec))
    has_printed(spec)
    assert all_at_once([lambda: engine_world.engine.remove(spec.name)] * 4) == [None] * 4
    running.exception(LIMIT)
    assert engine_world.run(engine_world.spec("exit 3")).exit_code == 3
