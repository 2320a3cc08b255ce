"""Fixtures of the contract suites: a real Docker Engine, a real chain."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from node_runtime.engines.docker import run
from node_runtime.stores.pieces import PIECE
from tests.contract.chain_world import World, open_world
from tests.contract.engine_world import EngineWorld
from tests.devnet import start_devnet
from tests.docker_engine import DockerHost, docker_engine
from tests.object_storage import minio, s3

__all__ = ["docker_engine", "engine_world", "minio", "s3"]


@pytest.fixture
def engine_world(docker_engine: DockerHost, tmp_path: Path) -> Iterator[EngineWorld]:
    """A separate node on the engine, see `EngineWorld`."""
    node = f"test-{uuid4().hex[:12]}"
    with docker_engine.engine(node=node, work=tmp_path / "node", build=True) as engine:
        world = EngineWorld(
            host=docker_engine, node=node, folder=tmp_path, engine=engine, image=docker_engine.image_id()
        )
        yield world
        world.clean_up()


@pytest.fixture
def watched_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the first of two engines that watch one container from removing it, as ended by others, under the second.

    A node's processes exclude each other: the first one is dead when the second adopts.
    """
    monkeypatch.setattr(run, "remove_container", lambda *_: None)


@pytest.fixture(scope="module")
def shared_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a chain shared by a file's tests."""
    with start_devnet(tmp_path_factory.mktemp("chain")) as address:
        yield address


@pytest.fixture(scope="module")
def world(shared_url: str) -> Iterator[World]:
    """The accounts of the shared chain; each test creates its own tasks."""
    world = open_world(shared_url)
    yield world
    world.close()


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of a chain for one test."""
    with start_devnet(tmp_path / "chain") as address:
        yield address


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A tree of six pieces, the last one a part."""
    folder = tmp_path / "large"
    folder.mkdir()
    for name in ("one", "two"):
        (folder / name).write_bytes(os.urandom(5 * PIECE // 2 + 1000))
    return folder
