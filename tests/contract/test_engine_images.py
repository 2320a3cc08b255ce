"""Images are built once, within limits, and only where the operator allows it."""

import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node_runtime.engines.docker.build_lock import only_builder
from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from tests.background import LIMIT, all_at_once, in_background, wait_until
from tests.contract.engine_images import STEP, built, source
from tests.contract.engine_world import MIB, EngineWorld

pytestmark = pytest.mark.docker


def engine_with(world: EngineWorld, **settings: Any) -> DockerEngine:
    return DockerEngine(
        replace(world.host.settings(node=world.node, work=world.folder / "node", build=True), **settings)
    )


@pytest.mark.parametrize(
    "start",
    ["ARG BASE_IMAGE=python:3.11-slim-bookworm\nFROM ${BASE_IMAGE}", "FROM python:3.11-slim AS algo"],
    ids=["by argument", "by name"],
)
def test_a_folder_is_built_on_the_base_image(engine_world: EngineWorld, start: str) -> None:
    what = source(
        engine_world, f'{start}\nCOPY algo.py /\nENTRYPOINT ["python", "/algo.py"]', **{"algo.py": "print(42)"}
    )
    image, messages = built(engine_world, what)
    assert messages
    assert "not consumed" not in "\n".join(messages), "a Dockerfile is given the arguments that it knows"
    run = engine_world.run(replace(engine_world.spec("", image=image), entrypoint=None, arguments=()))
    assert run.failure is None
    assert engine_world.spec("").log.read_text() == "42\n"
    assert (what.folder / "Dockerfile").read_text().startswith(start)


def test_the_same_folder_is_built_once(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP}")
    first, _ = built(engine_world, what)
    again, messages = built(engine_world, what)
    assert (again, messages) == (first, [])


def test_the_same_folder_is_built_once_when_many_ask_at_once(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP}")
    results = all_at_once([lambda: built(engine_world, what)] * 4)
    assert len({image for image, _ in results}) == 1
    assert sum(was_built(messages) for _, messages in results) == 1


def test_two_nodes_of_one_user_build_a_folder_once_too(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP}")
    messages: dict[str, list[str]] = {"a": [], "b": []}
    node_b = engine_world.host.engine(node=f"{engine_world.node}-b", work=engine_world.folder / "b", build=True)
    with node_b as other:
        nodes = {"a": engine_world.engine, "b": other}
        images = [
            image.id
            for image in all_at_once(partial(nodes[name].image, what, log=messages[name].append) for name in nodes)
        ]
        assert len(set(images)) == 1
    assert sorted(map(was_built, messages.values())) == [False, True]


def was_built(said: Sequence[str]) -> bool:
    """Whether a build ran, rather than reusing an image."""
    return any(line.lower().startswith("step ") for line in said)


def test_a_builder_that_waited_for_another_holds_the_next_ones_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path))
    no_patience, tag = threading.Event(), "node-runtime/built:1f"
    no_patience.set()
    waits = threading.Event()
    first, second = (only_builder(tag, threading.Event(), waiting=waits.set) for _ in range(2))
    with first:
        entered = in_background(second.__enter__)
        assert waits.wait(LIMIT)
    entered.result(LIMIT)
    with pytest.raises(TaskFailed, match="waiting"), only_builder(tag, no_patience, waiting=waits.set):
        pass
    second.__exit__(None, None, None)
    assert list((tmp_path / "locks").iterdir()) == []


def test_pip_install_works_in_an_untouched_dockerfile(engine_world: EngineWorld) -> None:
    image, _ = built(
        engine_world, source(engine_world, "FROM python:3.11-slim-bookworm\nRUN pip install iniconfig==2.1.0")
    )
    run = engine_world.run(engine_world.spec("python -c 'import iniconfig'", image=image))
    assert run.failure is None


def test_a_dockerfile_that_fails_is_told_with_its_last_lines(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\nRUN echo about to fail && exit 9")
    with pytest.raises(TaskFailed, match="about to fail") as caught:
        built(engine_world, what)
    assert caught.value.category == FailureCategory.BUILD_FAILED
    assert "9" in caught.value.message
    assert caught.value.remedy


def test_a_folder_without_a_dockerfile_is_told(engine_world: EngineWorld) -> None:
    what = source(engine_world, "")
    (what.folder / "Dockerfile").unlink()
    with pytest.raises(TaskFailed, match="no Dockerfile"):
        built(engine_world, what)


def test_an_image_that_cannot_be_pulled_is_told(engine_world: EngineWorld) -> None:
    with pytest.raises(TaskFailed) as caught:
        built(engine_world, source(engine_world, "FROM registry.invalid/no/such:image"))
    assert caught.value.category == FailureCategory.IMAGE_UNAVAILABLE


def test_building_is_refused_where_the_operator_does_not_allow_it(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP}")
    with pytest.raises(TaskFailed) as caught:
        engine_with(engine_world, build=False).image(what, log=print)
    assert caught.value.category == FailureCategory.IMAGE_REFUSED


def test_what_a_node_could_have_is_known_before_anything_is_fetched(engine_world: EngineWorld) -> None:
    builder, no_builder = engine_world.engine, engine_with(engine_world, build=False)
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP}")
    nowhere = "registry.invalid/no/such@sha256:" + "0" * 64
    assert builder.can_have_image(what.digest, None)
    assert not no_builder.can_have_image(what.digest, None)
    assert not no_builder.can_have_image(what.digest, nowhere)
    assert no_builder.can_have_image(what.digest, engine_world.host.base_image)
    image, _ = built(engine_world, what)
    assert no_builder.can_have_image(what.digest, None)
    assert no_builder.can_have_image(what.digest, nowhere)
    assert no_builder.image(what, log=print).id == image


def test_without_its_base_image_a_node_that_may_not_build_has_none(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP}")
    built(engine_world, what)
    assert not engine_with(engine_world, build=False, base_image="no/such:image").can_have_image(what.digest, None)


def test_a_ready_image_is_used_without_building(engine_world: EngineWorld) -> None:
    what = replace(source(engine_world, "FROM nothing"), image=engine_world.host.base_image)
    assert built(engine_world, what)[0] == engine_world.image


def test_a_build_ends_at_its_deadline_and_leaves_no_container(engine_world: EngineWorld) -> None:
    marker = f"sleep 9{time.time_ns()}"
    what = source(engine_world, f"FROM {engine_world.host.base_image}\nRUN echo slow; {marker}")
    with pytest.raises(TaskFailed, match="more than 3 s"):
        engine_with(engine_world, build_timeout=3.0).image(what, log=print)
    wait_until(lambda: not any(marker in one for one in commands(engine_world)), "the build's container to be gone")


def test_the_stop_event_ends_a_build_and_who_waits_for_it(engine_world: EngineWorld) -> None:
    stop = threading.Event()
    marker = f"sleep 9{time.time_ns()}"
    what = source(engine_world, f"FROM {engine_world.host.base_image}\nRUN echo slow; {marker}")
    messages: list[str] = []
    asked = [in_background(lambda: engine_world.engine.image(what, log=messages.append, stop=stop)) for _ in range(2)]
    try:
        wait_until(lambda: "slow" in messages, "the build to be on its way")
    finally:
        stop.set()
    failures = [one.exception(LIMIT) for one in asked]
    categories = [failure.category for failure in failures if isinstance(failure, TaskFailed)]
    assert categories == [FailureCategory.NODE_ERROR] * 2
    wait_until(lambda: not any(marker in one for one in commands(engine_world)), "the build's container to be gone")


def test_the_stop_event_ends_a_pull(engine_world: EngineWorld) -> None:
    stop = threading.Event()
    stop.set()
    what = replace(source(engine_world, "FROM nothing"), image="registry.invalid/no/such:image")
    with pytest.raises(TaskFailed) as caught:
        engine_world.engine.image(what, log=print, stop=stop)
    assert caught.value.category == FailureCategory.NODE_ERROR


def test_a_build_is_held_within_its_memory(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\nRUN python3 -c 'bytearray(1 << 30)'")
    with pytest.raises(TaskFailed):
        engine_with(engine_world, build_memory=64 * MIB).image(what, log=print)


def test_nothing_is_built_below_the_disk_floor(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP}")
    with pytest.raises(HostError, match="floor"):
        engine_with(engine_world, disk_floor=1 << 60).image(what, log=print)


def commands(world: EngineWorld) -> list[str]:
    client = connect(world.host.url)
    found = client.containers(all=True)
    client.close()
    return [container["Command"] for container in found]


def test_what_dockerignore_names_stays_out(engine_world: EngineWorld) -> None:
    dockerfile = f"FROM {engine_world.host.base_image}\nCOPY . /copied\nRUN ls -a /copied"
    what = source(engine_world, dockerfile, **{".dockerignore": "secret\n", "secret": "1", "kept": "2"})
    image, _ = built(engine_world, what)
    assert (
        engine_world.run(engine_world.spec("test -f /copied/kept && ! test -e /copied/secret", image=image)).failure
        is None
    )
    assert Path(what.folder, "secret").exists()
