"""Hostile folders and images can't harm the machine that builds or runs them."""

import shutil
import tarfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.device_scan import DeviceSearch
from node_runtime.engines.docker.dockerfile import MOST_TEXT
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.ports.engine import ImageSource, Mount
from tests.contract.engine_images import built, source
from tests.contract.engine_registry import endless_image
from tests.contract.engine_world import MIB, EngineWorld
from tests.contract.test_engine_limits import image_with

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
    assert caught.value.category is FailureCategory.BUILD_FAILED


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
        "VOLUME /proc/x",
        "VOLUME /dev",
        "WORKDIR /proc/nothing/there",
    ],
)
def test_an_image_no_container_can_start_of_is_the_tasks_fault(engine_world: EngineWorld, line: str) -> None:
    """A node that blamed itself would lose a fee, like every later one, and the creator would get no error."""
    out = engine_world.writable("out", MIB)
    image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\n{line}"))
    mounts = (Mount(source=out, target="/sandbox/model", quota=MIB),)
    run = engine_world.run(engine_world.spec("true", image=image, mounts=mounts))
    assert run.failure is FailureCategory.IMAGE_UNFIT
    assert str(engine_world.folder) not in run.message


DEVICE = ("evil/console", tarfile.CHRTYPE, "")
HIDDEN = ("dev/own", tarfile.CHRTYPE, "")
DISK = ("evil/dev/disk", tarfile.BLKTYPE, "")
LINK = ("evil/console", tarfile.LNKTYPE, "dev/own")


def image_of(world: EngineWorld, *entries: tuple[str, bytes, str], line: str = "") -> ImageSource:
    """An image with these device nodes and links, unpacked by the builder and never opened."""
    what = source(world, f"FROM {world.host.base_image}\nADD devices.tar /\n{line}")
    with tarfile.open(what.folder / "devices.tar", "w") as tar:
        for name, kind, target in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.linkname, entry.devmajor, entry.devminor = kind, target, 5, 1
            tar.addfile(entry)
    return what


@pytest.mark.parametrize("search", ["layers", "stream"])
@pytest.mark.parametrize("entries", [[DEVICE], [DISK], [HIDDEN, LINK]], ids=["character", "block", "linked"])
def test_an_image_with_a_device_node_is_unfit(
    engine_world: EngineWorld, entries: list[tuple[str, bytes, str]], search: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine_world.engine._devices._local = search == "layers"  # else as with an engine on another machine
    what = image_of(engine_world, *entries)
    for _ in range(2):
        with pytest.raises(TaskFailed, match="device node at '/evil/") as caught:
            engine_world.engine.image(what, log=print)
        assert caught.value.category is FailureCategory.IMAGE_UNFIT
        monkeypatch.setattr(DeviceSearch, "_looked_through", lambda *_: "it was looked through again")


@pytest.mark.parametrize("search", ["layers", "stream"])
def test_devices_in_the_place_of_the_engines_own_and_removed_ones_speak_for_nothing(
    engine_world: EngineWorld, search: str
) -> None:
    engine_world.engine._devices._local = search == "layers"
    image, _ = built(engine_world, image_of(engine_world, HIDDEN, DEVICE, line="RUN rm -r /evil"))
    run = engine_world.run(spec := engine_world.spec("ls /dev/own /evil", image=image))
    assert run.exit_code == 2, spec.log.read_text()


def test_an_image_that_is_there_already_is_looked_through_too(engine_world: EngineWorld) -> None:
    made = image_with(engine_world, "RUN mknod /console c 5 1")
    what = replace(source(engine_world, f"FROM {engine_world.host.base_image}"), image=made)
    with pytest.raises(TaskFailed) as caught:
        engine_world.engine.image(what, log=print)
    assert caught.value.category is FailureCategory.IMAGE_UNFIT


def test_a_search_whose_process_was_killed_leaves_nothing_after_the_next_close(engine_world: EngineWorld) -> None:
    search = engine_world.restarted()._devices
    left = search._create(engine_world.image, ())
    engine_world.restarted().close()
    with closing(connect(engine_world.host.url)) as client:
        assert left not in {one["Id"] for one in client.containers(all=True)}


def test_the_search_of_a_volume_copies_nothing(engine_world: EngineWorld) -> None:
    engine_world.engine._devices._local = False
    with closing(connect(engine_world.host.url)) as client:
        before = {one["Name"] for one in client.volumes()["Volumes"] or ()}
        image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\nVOLUME /usr"))
        made = [one for one in client.volumes()["Volumes"] or () if one["Name"] not in before]
        assert not [one for one in made if Path(one["Mountpoint"], "bin").exists()]  # others are of other tests
    assert engine_world.run(engine_world.spec("true", image=image)).failure is not None  # an empty /usr


def test_an_image_without_a_program_is_the_tasks_fault(engine_world: EngineWorld) -> None:
    image, _ = built(engine_world, source(engine_world, f"FROM {engine_world.host.base_image}\nCMD []"))
    run = engine_world.run(replace(engine_world.spec("", image=image), entrypoint=None, arguments=()))
    assert run.failure is FailureCategory.IMAGE_UNFIT
