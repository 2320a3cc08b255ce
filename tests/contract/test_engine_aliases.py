"""Aliases: local images and folders stand for images that Dockerfiles name; their faults are the node's."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.ports.engine import ReadyImage
from tests.contract.engine_images import STEP, source
from tests.contract.engine_world import EngineWorld

pytestmark = pytest.mark.docker

TOOLS = "example.invalid/tools:0.6.1"


class OpenWith(Protocol):
    def __call__(self, aliases: Mapping[str, str | Path], *, build: bool = True) -> DockerEngine: ...


@pytest.fixture
def open_with(engine_world: EngineWorld) -> Iterator[OpenWith]:
    """Open further engines of the test's node, with aliases; at the end remove the images that they built."""
    with ExitStack() as stack:

        def opened(aliases: Mapping[str, str | Path], *, build: bool = True) -> DockerEngine:
            settings = engine_world.host.settings(
                node=engine_world.node, work=engine_world.folder / "node", build=build
            )
            return stack.enter_context(closing(DockerEngine(replace(settings, image_aliases=tuple(aliases.items())))))

        yield opened
        engine_world.engine.prune()


def local_folder(world: EngineWorld, dockerfile: str) -> Path:
    folder = world.folder / f"local-{len(list(world.folder.iterdir()))}"
    folder.mkdir()
    (folder / "Dockerfile").write_text(f"{dockerfile}\n")
    return folder


def image_of(engine: DockerEngine, world: EngineWorld, dockerfile: str = f"FROM {TOOLS}") -> ReadyImage:
    return engine.image(source(world, f"{dockerfile}\n{STEP}"), log=lambda _: None)


def test_a_local_image_stands_for_one_that_cant_be_pulled(engine_world: EngineWorld, open_with: OpenWith) -> None:
    engine = open_with({TOOLS: engine_world.host.base_image})
    made = image_of(engine, engine_world, "ARG TAG=0.6.1\nFROM example.invalid/tools:${TAG}")
    assert made.built_on == (engine_world.image,)
    assert made.aliased == ((TOOLS, engine_world.image),)
    assert image_of(engine, engine_world, "FROM python:3.11-slim").aliased == (), "the base image is no alias"


def test_a_folder_is_built_once_on_the_base_image_and_its_log_is_no_tasks(
    engine_world: EngineWorld, open_with: OpenWith
) -> None:
    folder = local_folder(engine_world, f"FROM python:3.11-slim\nENV TOOLS=yes\n{STEP}")
    engine, messages = open_with({TOOLS: folder, "tools:latest": TOOLS}), list[str]()
    what = source(engine_world, f'FROM {TOOLS}\nENTRYPOINT ["sh", "-c", "echo $TOOLS"]')
    made = engine.image(what, log=messages.append)
    run = engine_world.run(replace(engine_world.spec("", image=made.id), entrypoint=None, arguments=()))
    assert (run.failure, engine_world.spec("").log.read_text()) == (None, "yes\n")
    assert "TOOLS=yes" not in "\n".join(messages)
    assert image_of(engine, engine_world, "FROM tools:latest").built_on == made.built_on
    assert image_of(open_with({"other:1": folder}), engine_world, "FROM other:1").built_on == made.built_on


def test_another_image_behind_an_alias_is_another_build(engine_world: EngineWorld, open_with: OpenWith) -> None:
    folder, what = local_folder(engine_world, f"FROM python:3.11-slim\n{STEP}"), source(engine_world, f"FROM {TOOLS}")
    first = open_with({TOOLS: folder}).image(what, log=print)
    (folder / "Dockerfile").write_text("FROM python:3.11-slim\nENV CHANGED=yes\n")
    changed = open_with({TOOLS: folder}).image(what, log=print)
    assert first.built_on != changed.built_on
    assert first.id != changed.id


def test_an_unfit_alias_is_the_nodes_fault(engine_world: EngineWorld, open_with: OpenWith) -> None:
    failing = local_folder(engine_world, "FROM python:3.11-slim\nRUN exit 7")
    pulled = local_folder(engine_world, "FROM registry.invalid/no/such:image")
    inner = local_folder(engine_world, "FROM outer:1")
    unfit: dict[str | Path, str] = {
        "no/such:image": "the image no/such:image is not on the engine",
        engine_world.folder / "nowhere": "No such file or directory",
        failing: "the image could not be built: .* (returned a non-zero code:|exit status) 7",
        pulled: f"{pulled}: its Dockerfile names the image registry.invalid/no/such:image, which is not available here",
        inner: f"{inner} → {inner} is built on itself",
    }
    for target, reason in unfit.items():
        engine = open_with({TOOLS: target, "outer:1": inner})
        with pytest.raises(
            HostError, match=f"(?s)^the alias {'outer:1' if target == inner else TOOLS}: .*{reason}"
        ) as caught:
            image_of(engine, engine_world)
        assert "`image_aliases` in node.yaml" in caught.value.remedy
    with pytest.raises(TaskFailed, match=r"its Dockerfile names the image registry\.invalid/x:1") as failed:
        image_of(engine, engine_world, "FROM registry.invalid/x:1")
    assert failed.value.category is FailureCategory.IMAGE_UNAVAILABLE
    assert "`image_aliases` in node.yaml" in failed.value.remedy


def test_a_node_that_does_not_build_has_what_was_built(engine_world: EngineWorld, open_with: OpenWith) -> None:
    folder, what = local_folder(engine_world, f"FROM python:3.11-slim\n{STEP}"), source(engine_world, f"FROM {TOOLS}")
    denying = open_with({TOOLS: folder}, build=False)
    with pytest.raises(TaskFailed, match="this node does not build Dockerfiles") as refused:
        denying.image(what, log=print)
    assert refused.value.category is FailureCategory.IMAGE_REFUSED
    made = open_with({TOOLS: folder}).image(what, log=print)
    assert denying.image(what, log=print) == made


def test_a_build_of_an_alias_is_stopped_with_the_attempt(engine_world: EngineWorld, open_with: OpenWith) -> None:
    stop = threading.Event()
    stop.set()
    engine = open_with({TOOLS: local_folder(engine_world, f"FROM python:3.11-slim\n{STEP}")})
    with pytest.raises(TaskFailed, match="stopped by this node") as stopped:
        engine.image(source(engine_world, f"FROM {TOOLS}"), log=print, stop=stop)
    assert stopped.value.category is FailureCategory.NODE_ERROR
