"""A folder that holds an archive alone is built from the archive's content, which is untrusted."""

import hashlib
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.domain.assets import Digest
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.ports.engine import ImageSource
from tests.contract.engine_images import built, source
from tests.contract.engine_world import EngineWorld

pytestmark = pytest.mark.docker

DOCKERFILE = 'FROM python:3.11-slim\nCOPY algo.sh /\nENTRYPOINT ["/algo.sh"]\n'


def packed(world: EngineWorld, name: str, what: ImageSource) -> ImageSource:
    """Pack a source's files into an archive, which becomes the only file of the folder, as in a registered asset."""
    folder = world.folder / f"packed-{name}"
    folder.mkdir()
    if name.endswith(".zip"):
        with zipfile.ZipFile(folder / name, "w") as zipped:
            for path in what.folder.iterdir():
                zipped.write(path, path.name)
    else:
        with tarfile.open(folder / name, "w:gz") as tar:
            tar.add(what.folder, ".")
    return ImageSource(folder=folder, digest=what.digest)


@pytest.mark.parametrize("name", ["algo.zip", "algo.tar.gz"])
def test_an_archive_is_built_as_the_folder_that_was_packed(engine_world: EngineWorld, name: str) -> None:
    what = source(engine_world, DOCKERFILE, **{"algo.sh": "#!/bin/sh\necho packed\n"})
    (what.folder / "algo.sh").chmod(0o755)
    image, messages = built(engine_world, packed(engine_world, name, what))
    assert messages
    run = engine_world.run(replace(engine_world.spec("", image=image), entrypoint=None, arguments=()))
    assert (run.failure, engine_world.spec("").log.read_text()) == (None, "packed\n")
    assert built(engine_world, replace(what, folder=engine_world.folder / f"packed-{name}")) == (image, [])


def hostile(folder: Path) -> str:
    with tarfile.open(folder / "algo.tar", "w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc/shadow"
        tar.addfile(info)
    return (
        "algo.tar can't be unpacked: Dockerfile is a link; put there what it points to: only regular files and folders "
        "are kept"
    )


def deep(folder: Path) -> str:
    with zipfile.ZipFile(folder / "a.zip", "w") as zipped:
        zipped.writestr("algo/Dockerfile", "FROM python:3.11-slim\n")
    return "there is no Dockerfile in its folder"


@pytest.mark.parametrize("make", [hostile, deep])
def test_a_hostile_archive_is_its_creators_fault(engine_world: EngineWorld, make: Callable[[Path], str]) -> None:
    folder = engine_world.folder / "packed"
    folder.mkdir()
    told = make(folder)
    digest = hashlib.sha256(str(folder).encode()).hexdigest()
    with pytest.raises(TaskFailed) as failed:
        built(engine_world, ImageSource(folder=folder, digest=Digest(digest)))
    assert (failed.value.category, failed.value.message) == (FailureCategory.BUILD_FAILED, f"asset {digest}: {told}")
