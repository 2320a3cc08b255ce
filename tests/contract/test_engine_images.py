"""Are images built once, bounded, and only where the operator allows it?"""

import hashlib
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from node_runtime.containers import DockerEngine
from node_runtime.containers.build_lock import only_builder
from node_runtime.containers.connection import connect, image_id
from node_runtime.containers.images import tag_of
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.ports import ImageSource
from node_runtime.task import Digest
from tests.contract.engine_world import MIB, EngineWorld, wait_until

pytestmark = pytest.mark.docker

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


def engine_with(world: EngineWorld, **settings: object) -> DockerEngine:
    return DockerEngine(
        replace(world.host.settings(node=world.node, work=world.folder / "node", build=True), **settings)
    )


def built(world: EngineWorld, what: ImageSource) -> tuple[str, list[str]]:
    said: list[str] = []
    return world.engine.image(what, log=said.append), said


@pytest.mark.parametrize(
    "start",
    ["ARG BASE_IMAGE=python:3.11-slim-bookworm\nFROM ${BASE_IMAGE}", "FROM python:3.11-slim AS algo"],
    ids=["by argument", "by name"],
)
def test_a_folder_is_built_on_the_base_image(engine_world: EngineWorld, start: str) -> None:
    what = source(
        engine_world, f'{start}\nCOPY algo.py /\nENTRYPOINT ["python", "/algo.py"]', **{"algo.py": "print(42)"}
    )
    image, said = built(engine_world, what)
    assert said
    run = engine_world.run(replace(engine_world.spec("", image=image), entrypoint=None, arguments=()))
    assert run.failure is None
    assert engine_world.spec("").log.read_text() == "42\n"
    assert (what.folder / "Dockerfile").read_text().startswith(start)


def test_the_same_folder_is_built_once(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP}")
    first, _ = built(engine_world, what)
    again, said = built(engine_world, what)
    assert (again, said) == (first, [])


def test_the_same_folder_is_built_once_when_many_ask_at_once(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP}")
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda _: built(engine_world, what), range(4)))
    assert len({image for image, _ in results}) == 1
    assert sum(bool(said) for _, said in results) == 1


def test_two_nodes_of_one_user_build_a_folder_once_too(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP}")
    said: dict[str, list[str]] = {"a": [], "b": []}
    node_b = engine_world.host.engine(node=f"{engine_world.node}-b", work=engine_world.folder / "b", build=True)
    with node_b as other, ThreadPoolExecutor() as pool:
        asked = [
            pool.submit(engine.image, what, log=said[name].append)
            for name, engine in (("a", engine_world.engine), ("b", other))
        ]
        assert len({one.result(timeout=120) for one in asked}) == 1
    assert sorted(map(bool, said.values())) == [False, True]


def test_a_builder_that_waited_for_another_holds_the_next_ones_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path))
    no_patience, tag = threading.Event(), "node-runtime/built:1f"
    no_patience.set()
    first, second = only_builder(tag, threading.Event()), only_builder(tag, threading.Event())
    with ThreadPoolExecutor() as pool:
        first.__enter__()
        waiting = pool.submit(second.__enter__)
        wait_until(lambda: opened_by_two(tmp_path), "the second builder to wait")
        first.__exit__(None, None, None)
        waiting.result(timeout=120)
    with pytest.raises(TaskFailed, match="waiting"), only_builder(tag, no_patience):
        pass
    second.__exit__(None, None, None)
    assert list((tmp_path / "locks").iterdir()) == []


def opened_by_two(home: Path) -> bool:
    """Whether this process has the lock's file open twice."""
    return [file.path for file in psutil.Process().open_files()].count(f"{home}/locks/build-1f.lock") == 2


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
    assert caught.value.category == FailureCategory.IMAGE_UNAVAILABLE
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
    assert no_builder.image(what, log=print) == image


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
    said: list[str] = []
    with ThreadPoolExecutor() as pool:
        asked = [pool.submit(engine_world.engine.image, what, log=said.append, stop=stop) for _ in range(2)]
        wait_until(lambda: "slow" in said, "the build to be on its way")
        stop.set()
        failures = [one.exception(timeout=120) for one in asked]
    assert [failure.category for failure in failures] == [FailureCategory.POLICY] * 2
    wait_until(lambda: not any(marker in one for one in commands(engine_world)), "the build's container to be gone")


def test_the_stop_event_ends_a_pull(engine_world: EngineWorld) -> None:
    stop = threading.Event()
    stop.set()
    what = replace(source(engine_world, "FROM nothing"), image="registry.invalid/no/such:image")
    with pytest.raises(TaskFailed) as caught:
        engine_world.engine.image(what, log=print, stop=stop)
    assert caught.value.category == FailureCategory.POLICY


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


def test_no_label_of_an_image_hides_its_containers_or_ends_them(engine_world: EngineWorld) -> None:
    label = "LABEL node-runtime.holder=9 node-runtime.node=another"
    image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\n{label}"))
    spec = engine_world.spec("true", image=image)
    engine_world.run(spec)
    (listed,) = engine_world.engine.list()
    assert (listed.name, listed.labels) == (spec.name, spec.labels)
    engine_world.restarted().close()
    assert engine_world.engine.list() == (listed,)


OURS = ("node", "holder", "built", "task", "epoch", "stage")


@pytest.mark.parametrize("value", ["", "9", "another"])
def test_whatever_labels_an_image_has_its_node_finds_its_container_and_no_other_does(
    engine_world: EngineWorld, value: str
) -> None:
    label = "LABEL " + " ".join(f'node-runtime.{name}="{value}"' for name in OURS)
    image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\n{label}"))
    spec = engine_world.spec("true", image=image)
    engine_world.run(spec)
    (listed,) = engine_world.engine.list()
    assert listed.name == spec.name
    assert set(spec.labels) <= set(listed.labels)
    with engine_world.host.engine(node="another", work=engine_world.folder / "another") as other:
        assert other.list() == ()
    engine_world.engine.remove(spec.name)
    assert engine_world.engine.list() == ()


@pytest.mark.parametrize("slot", ["", "0", "7"])
def test_a_container_that_only_wears_a_nodes_labels_is_neither_listed_nor_removed(
    engine_world: EngineWorld, slot: str
) -> None:
    label = f'LABEL node-runtime.node={engine_world.node} node-runtime.holder="{slot}" node-runtime.task=1'
    image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\n{label}"))
    with closing(connect(engine_world.host.url)) as client:
        stranger = client.create_container(image, "true")["Id"]
        try:
            assert engine_world.engine.list() == ()
            engine_world.restarted().close()
            assert client.inspect_container(stranger)["State"]["Status"] == "created"
        finally:
            client.remove_container(stranger)


def test_pruning_removes_what_this_node_built_and_no_container_uses(engine_world: EngineWorld) -> None:
    used, unused, others = (
        source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP} && echo {engine_world.node} {number}")
        for number in range(3)
    )
    image, _ = built(engine_world, used)
    first, _ = built(engine_world, unused)
    with engine_world.host.engine(node=f"{engine_world.node}-b", work=engine_world.folder / "b", build=True) as other:
        theirs = other.image(others, log=print)
    spec = engine_world.spec("true", image=image)
    engine_world.run(spec)
    assert engine_world.engine.list()[0].labels == spec.labels
    assert engine_world.engine.prune() == 1
    assert built(engine_world, used) == (image, [])
    assert built(engine_world, others) == (theirs, [])
    assert built(engine_world, unused)[0] != first


def test_pruning_removes_an_image_that_lost_its_tag_to_another_build(engine_world: EngineWorld) -> None:
    what = source(engine_world, f"FROM {engine_world.host.base_image}\n{STEP} && echo {engine_world.node}")
    image, _ = built(engine_world, what)
    repository, tag = tag_of(what.digest, engine_world.image).split(":")
    with closing(connect(engine_world.host.url)) as client:
        client.tag(engine_world.image, repository, tag, force=True)
        assert engine_world.engine.prune() == 1
        assert image_id(client, image) is None
        assert image_id(client, f"{repository}:{tag}") == engine_world.image
