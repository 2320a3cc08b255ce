"""The base image is made once per engine for all of its users, and its tag stays at it."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from node_runtime.engines.docker.client import connect, image_id, remove_image
from node_runtime.localnet.provision import base_image
from node_runtime.localnet.provision.base_image import ensure_base_image, recipe_digest
from tests.background import all_at_once
from tests.docker_engine import DockerHost

pytestmark = pytest.mark.docker


@pytest.fixture
def name(docker_engine: DockerHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a base image that no engine and no registry has; its images carry a label of this test's alone."""
    monkeypatch.setattr(base_image, "OFFICIAL", f"node-runtime/nowhere:{uuid4().hex}")
    monkeypatch.setattr(base_image, "_CONFIG", (*base_image._CONFIG, f"LABEL test={uuid4().hex}"))
    name = f"node-runtime/base:{recipe_digest(base_image._host_bundle())[:16]}"
    yield name
    with closing(connect(docker_engine.url)) as client:
        remove_image(client, name)


def cache(folder: Path, name: str, content: bytes) -> Path:
    """One user's, in which the tarball lies that was made there."""
    folder.mkdir()
    with tarfile.open(folder / f"base-{name.rpartition(':')[2]}.tar", "w") as tar:
        entry = tarfile.TarInfo("made-by")
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    return folder


def test_four_users_of_an_engine_get_one_base_image_under_one_name(
    docker_engine: DockerHost, tmp_path: Path, name: str
) -> None:
    caches = [cache(tmp_path / user, name, user.encode()) for user in ("a", "b", "c", "d")]
    messages: list[str] = []
    with closing(connect(docker_engine.url)) as client:
        asked = [lambda one=one: ensure_base_image(docker_engine.url, one, say=messages.append) for one in caches]
        names = all_at_once(asked)
        first = image_id(client, name)
        assert set(names) == {name}
        assert sum(line.startswith("importing") for line in messages) == 1
        later = cache(tmp_path / "later", name, b"later")
        assert ensure_base_image(docker_engine.url, later, say=messages.append) == name
        assert image_id(client, name) == first


def test_what_an_ended_command_left_beside_the_tarball_is_removed(
    docker_engine: DockerHost, tmp_path: Path, name: str
) -> None:
    folder, messages = cache(tmp_path / "user", name, b""), list[str]()
    for _ in ("imported", "there"):
        (folder / "node-runtime-base-left" / "root").mkdir(parents=True)
        assert ensure_base_image(docker_engine.url, folder, say=messages.append) == name
        assert not (folder / "node-runtime-base-left").exists()
    assert len(messages) == 1


def test_a_name_that_is_taken_meanwhile_stays_where_it_is(docker_engine: DockerHost, tmp_path: Path, name: str) -> None:
    """As where two users can't lock each other out."""
    tarballs = [next(cache(tmp_path / user, name, user.encode()).iterdir()) for user in ("a", "b")]
    with closing(connect(docker_engine.url)) as client:
        base_image._import(docker_engine.url, tarballs[0], name, print)
        first = image_id(client, name)
        base_image._import(docker_engine.url, tarballs[1], name, print)
        assert image_id(client, name) == first
        arrived = client.images(all=True, filters={"label": base_image._CONFIG[-1].removeprefix("LABEL ")})
        assert [one["RepoTags"] for one in arrived if one["RepoTags"]] == [[name]]
