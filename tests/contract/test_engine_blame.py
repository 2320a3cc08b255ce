"""Control builds and starts decide whether the task or the host failed, independent of untrusted text."""

import threading
from contextlib import closing
from dataclasses import replace
from typing import Any

import docker
import pytest

from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.engines.docker.exit_status import moment
from node_runtime.engines.docker.settings import EngineTimes
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.ports.engine import ImageSource, Mount
from tests.background import wait_until
from tests.contract.engine_images import built, source
from tests.contract.engine_world import MIB, EngineWorld

pytestmark = pytest.mark.docker

NOWHERE = "http://127.0.0.1:9/simple"


def engine_with(world: EngineWorld, **settings: Any) -> DockerEngine:
    return DockerEngine(
        replace(world.host.settings(node=world.node, work=world.folder / "node", build=True), **settings)
    )


def on_base(world: EngineWorld, *lines: str, **files: str) -> ImageSource:
    return source(world, "\n".join((f"FROM {world.host.base_image}", *lines, "")), **files)


@pytest.mark.parametrize(
    "line",
    [
        'RUN : "no space left on device"; false',
        'RUN echo "failed to create endpoint"; exit 9',
        "RUN exit 137",
        'RUN ["/no/such/program"]',
        'SHELL ["/no/such/shell"]\nRUN true',
        "COPY missing /x",
        "NOSUCHINSTRUCTION x",
        "ADD http://127.0.0.1:9/x /x",
    ],
)
def test_a_dockerfile_that_fails_where_the_nodes_own_builds_is_the_tasks_fault(
    engine_world: EngineWorld, line: str
) -> None:
    log: list[str] = []
    with pytest.raises(TaskFailed) as caught:
        engine_world.engine.image(on_base(engine_world, line), log=log.append)
    assert caught.value.category is FailureCategory.BUILD_FAILED
    for messages in (caught.value.message, *log):
        assert "/data/" not in messages
        assert str(engine_world.folder) not in messages
    assert engine_world.engine.unable() is None


def test_a_build_that_fails_while_the_nodes_index_cant_be_reached_is_nobodys_fault(engine_world: EngineWorld) -> None:
    engine = engine_with(engine_world, build_arguments=(("PIP_INDEX_URL", NOWHERE),))
    with pytest.raises(TaskFailed, match="index can't be reached") as caught:
        engine.image(on_base(engine_world, "RUN false"), log=print)
    assert caught.value.category is FailureCategory.IMAGE_UNAVAILABLE
    assert engine.unable() is None


def test_where_the_nodes_own_builds_fail_too_it_is_the_nodes_trouble_and_nothing_is_taken(
    engine_world: EngineWorld,
) -> None:
    engine = engine_with(engine_world, build_network="container:no-such-container")
    with pytest.raises(HostError, match="neither does the node's own"):
        engine.image(on_base(engine_world, "RUN true"), log=print)
    assert engine.unable()


def test_where_the_nodes_own_image_cant_be_started_it_is_the_nodes_trouble_until_it_can(
    engine_world: EngineWorld,
) -> None:
    engine = engine_with(engine_world, times=EngineTimes(control_again=0.2))
    gone = Mount(source=engine_world.folder / "gone", target="/sandbox/model")
    with pytest.raises(HostError, match="neither does the node's own"):
        engine.run(engine_world.spec("true", mounts=(gone,)), stop=threading.Event())
    assert engine.unable()
    wait_until(lambda: engine.unable() is None, "another control, which needs no folder of a task")


def test_a_failing_start_leaves_no_container_and_costs_one_control(engine_world: EngineWorld) -> None:
    image, _ = built(engine_world, on_base(engine_world, "VOLUME /proc/x"))
    spec = engine_world.spec("true", image=image)
    with closing(connect(engine_world.host.url)) as client:
        began = client.info()["SystemTime"]
        run = engine_world.run(spec)
        assert run.failure is FailureCategory.IMAGE_UNFIT
        assert run.engine_said
        assert "/proc/x" in run.message
        assert engine_world.engine.list() == ()
        until = client.info()["SystemTime"]
        names = [name_in(event) for event in events(client, began, until) if event.get("Action") == "create"]
    assert names.count(f"node-runtime-{engine_world.node}-control") == 1
    assert names.count(spec.name) == 2  # a retry after the control: the failure may be transient


def events(client: docker.APIClient, began: str, until: str) -> list[dict[str, Any]]:
    since, before = (f"{moment(text):.6f}" for text in (began, until))
    # the engine accepts fractions of a second, unlike the stubs
    with closing(client.events(since=since, until=before, decode=True)) as output:  # type: ignore[call-overload]
        return list(output)


def name_in(event: dict[str, Any]) -> str:
    return str(event["Actor"]["Attributes"].get("name", ""))


def test_an_image_that_is_removed_by_hand_before_its_start_is_the_nodes_trouble(engine_world: EngineWorld) -> None:
    image, _ = built(engine_world, on_base(engine_world, f"RUN echo {engine_world.node} > /mine"))
    engine_world.run(engine_world.spec("true", name="before"))
    with closing(connect(engine_world.host.url)) as client:
        client.remove_image(image, force=True)
    with pytest.raises(HostError, match="not there any more"):
        engine_world.run(engine_world.spec("true", image=image))


def test_a_build_that_fails_costs_one_control_and_what_succeeds_none(engine_world: EngineWorld) -> None:
    build, start = f"node-runtime/control:{engine_world.node}", f"node-runtime-{engine_world.node}-control"
    with closing(connect(engine_world.host.url)) as client:
        began = client.info()["SystemTime"]
        image, _ = built(engine_world, on_base(engine_world, f"RUN echo {engine_world.node} > /mine"))
        assert engine_world.run(engine_world.spec("true", image=image)).failure is None
        between = client.info()["SystemTime"]
        with pytest.raises(TaskFailed):
            built(engine_world, on_base(engine_world, f"RUN echo {engine_world.node}; false"))
        until = client.info()["SystemTime"]
        without, failing = (
            [name_in(event) for event in events(client, *span) if event.get("Action") in ("create", "tag")]
            for span in ((began, between), (between, until))
        )
    assert not {build, start} & set(without)
    assert failing.count(build) == 1


def test_limits_too_small_for_any_container_are_told_as_memory(engine_world: EngineWorld) -> None:
    run = engine_world.run(engine_world.spec("true", memory=1 * MIB))
    assert run.failure is FailureCategory.OUT_OF_MEMORY
