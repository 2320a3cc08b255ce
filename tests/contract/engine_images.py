"""Helpers to build images in the engine's contract tests from a Dockerfile's text."""

import hashlib
from uuid import uuid4

from node_runtime.domain.assets import Digest
from node_runtime.engines.docker.images import build_arguments, source_of
from node_runtime.ports.engine import ImageSource
from tests.contract.engine_world import EngineWorld

STEP = "RUN head -c 16 /dev/urandom | sha256sum > /built && cat /built"


def source(world: EngineWorld, dockerfile: str, **files: str) -> ImageSource:
    """A folder with a unique digest, so no earlier image is reused."""
    folder = world.folder / f"source-{uuid4().hex}"
    folder.mkdir()
    for name, text in {"Dockerfile": dockerfile, **files}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o444)
    digest = Digest(hashlib.sha256(str(folder).encode()).hexdigest())
    world.sources.append(source_of(digest, build_arguments(world.host.settings(node=world.node, work=world.folder))))
    return ImageSource(folder=folder, digest=digest)


def built(world: EngineWorld, what: ImageSource) -> tuple[str, list[str]]:
    messages: list[str] = []
    return world.engine.image(what, log=messages.append).id, messages
