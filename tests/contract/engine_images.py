"""How do the engine's contract tests say what to build? A Dockerfile's text in a folder of its own."""

import hashlib
from uuid import uuid4

from node_runtime.containers.images import tag_of
from node_runtime.ports import ImageSource
from node_runtime.task import Digest
from tests.contract.engine_world import EngineWorld

STEP = "RUN head -c 16 /dev/urandom | sha256sum > /built && cat /built"


def source(world: EngineWorld, dockerfile: str, **files: str) -> ImageSource:
    """A folder whose digest no other has, in this session or an earlier one."""
    folder = world.folder / f"source-{uuid4().hex}"
    folder.mkdir()
    for name, text in {"Dockerfile": dockerfile, **files}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o444)
    digest = Digest(hashlib.sha256(str(folder).encode()).hexdigest())
    world.tags.append(tag_of(digest, world.image))
    return ImageSource(folder=folder, digest=digest)


def built(world: EngineWorld, what: ImageSource) -> tuple[str, list[str]]:
    said: list[str] = []
    return world.engine.image(what, log=said.append), said
