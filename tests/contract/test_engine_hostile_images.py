"""What can the folder or the image that a stranger names do to the machine that makes it runnable?"""

import shutil
from dataclasses import replace

import pytest

from node_runtime.containers import DockerEngine
from node_runtime.containers.images import MOST_TEXT
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.ports import Mount
from tests.contract.engine_images import built, source
from tests.contract.engine_registry import endless_image
from tests.contract.engine_world import MIB, EngineWorld

pytestmark = pytest.mark.docker


def engine_with_floor(world: EngineWorld, floor: int) -> DockerEngine:
    return DockerEngine(
        replace(world.host.settings(node=world.node, work=world.folder / "node", build=True), disk_floor=floor)
    )


def free(world: EngineWorld) -> int:
    return shutil.disk_usage(world.folder).free


def test_an_image_without_end_is_pulled_no_further_than_the_disk_floor(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}")
    with endless_image() as name, pytest.raises(HostError, match=r"pulling .* floor"):
        engine_with_floor(engine_world, 1 << 60).image(replace(what, image=name), log=print)


def test_a_folder_is_not_built_where_its_copies_would_go_below_the_disk_floor(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}")
    with (what.folder / "large").open("wb") as file:
        file.truncate(free(engine_world))
    with pytest.raises(HostError, match="floor"):
        engine_with_floor(engine_world, 0).image(what, log=print)


@pytest.mark.parametrize("name", ["Dockerfile", ".dockerignore"])
def test_a_text_too_large_to_be_one_is_the_folders_fault(engine_world: EngineWorld, name: str) -> None:
    text = f"FROM {engine_world.host.base_image}\n"
    what = source(engine_world, text, **{name: text + "# a comment\n" * (MOST_TEXT // 12)})
    with pytest.raises(TaskFailed, match="larger") as caught:
        engine_world.engine.image(what, log=print)
    assert caught.value.category is FailureCategory.IMAGE_UNAVAILABLE


def test_a_dockerignore_made_to_take_for_ever_is_read_at_once(engine_world: EngineWorld) -> None:
    ignored = "*a" * 100 + "b\n" + "**/" * 300 + "b\n"
    dockerfile = f"FROM {engine_world.host.base_image}\nCOPY {'a' * 200} /copied\n"
    image, _ = built(engine_world, source(engine_world, dockerfile, **{".dockerignore": ignored, "a" * 200: "1"}))
    run = engine_world.run(engine_world.spec("test -f /copied", image=image))
    assert run.failure is None


@pytest.mark.parametrize(
    "line",
    [
        "RUN echo > /sandbox",
        "RUN mkdir /sandbox && echo > /sandbox/model",
        "RUN mkdir /sandbox && ln -s /proc/self /sandbox/model",
        "RUN ln -s /sandbox /sandbox",
        "RUN rm -rf /tmp && echo > /tmp",
        "VOLUME /",
        "VOLUME data",
        "WORKDIR /proc/nothing/there",
    ],
)
def test_an_image_no_container_can_start_of_is_the_tasks_fault(engine_world: EngineWorld, line: str) -> None:
    """A node that took it for its own would lose a fee, as would the next one, and the creator would not be told."""
    out = engine_world.writable("out", MIB)
    image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\n{line}"))
    mounts = (Mount(source=out, target="/sandbox/model", quota=MIB),)
    run = engine_world.run(engine_world.spec("true", image=image, mounts=mounts))
    assert run.failure is FailureCategory.TASK_ERROR
    assert str(engine_world.folder) not in run.message


def test_an_image_without_a_program_is_the_tasks_fault(engine_world: EngineWorld) -> None:
    image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\nCMD []"))
    run = engine_world.run(replace(engine_world.spec("", image=image), entrypoint=None, arguments=()))
    assert run.failure is FailureCategory.TASK_ERROR
