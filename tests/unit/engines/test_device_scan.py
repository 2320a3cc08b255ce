"""The device scan detects device nodes in image archives and layers without reading file contents."""

import io
import os
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from node_runtime.engines.docker import device_scan
from node_runtime.engines.docker.device_scan import layers_are_clean, verdict_of


def archive(*entries: tuple[str, bytes, int]) -> io.BytesIO:
    """A tar of headers only: the claimed contents are missing."""
    packed = io.BytesIO()
    for name, kind, size in entries:
        entry = tarfile.TarInfo(name)
        entry.type, entry.size = kind, size
        packed.write(entry.tobuf(tarfile.PAX_FORMAT))
    packed.write(bytes(2 * tarfile.BLOCKSIZE))
    packed.seek(0)
    return packed


def test_an_image_of_files_and_folders_is_clean() -> None:
    assert verdict_of(archive(("usr", tarfile.DIRTYPE, 0), ("usr/a", tarfile.REGTYPE, 0))) == ""


@pytest.mark.parametrize("name", ["a", "./a", "/a", "usr/dev/a", "device", "x" * 300])
@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_a_device_is_found_wherever_it_lies(name: str, kind: bytes) -> None:
    assert "device node" in verdict_of(archive((name, kind, 0)))


def test_a_devices_name_cannot_write_on_a_terminal() -> None:
    assert verdict_of(archive(("\x1b]0;a\x07\u202e", tarfile.CHRTYPE, 0))).isprintable()


def test_a_file_without_end_ends_the_search() -> None:
    """A sparse file of this size costs an image nothing."""
    assert "256 GiB" in verdict_of(archive(("hole", tarfile.REGTYPE, device_scan.MOST_BYTES + 1)))


def test_files_without_end_end_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_scan, "MOST_ENTRIES", 10)
    assert "more than 10 files" in verdict_of(archive(*((str(n), tarfile.REGTYPE, 0) for n in range(11))))


def image(*layers: Path, driver: str = "overlay2") -> dict[str, Any]:
    """The ImageInspect of an image with these layers, topmost first."""
    upper, *lower = (str(layer) for layer in layers)
    data = {"UpperDir": upper, **({"LowerDir": ":".join(lower)} if lower else {})}
    return {"GraphDriver": {"Name": driver, "Data": data}, "RootFS": {"Layers": ["sha256:0"] * len(layers)}}


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    (tmp_path / "layer" / "usr").mkdir(parents=True)
    (tmp_path / "layer" / "usr" / "a").touch()
    (tmp_path / "layer" / "out").symlink_to("/dev")
    return tmp_path / "layer"


def test_layers_of_files_and_links_are_clean(layer: Path) -> None:
    assert layers_are_clean(image(layer))


@pytest.mark.parametrize("place", [0, 1])
def test_a_device_in_any_layer_is_found(layer: Path, place: int) -> None:
    """Uses this machine's own devices, since only root could create others."""
    layers = [layer]
    layers.insert(place, Path("/dev"))
    assert not layers_are_clean(image(*layers))


def test_a_mark_of_removal_is_no_device(layer: Path) -> None:
    os.mknod(layer / "usr" / "removed", stat.S_IFCHR, os.makedev(0, 0))  # a whiteout: any user may create one
    assert layers_are_clean(image(layer))


def test_what_the_engine_hides_is_not_looked_through(layer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_scan, "MOST_ENTRIES", 10)
    (layer / "dev").mkdir()
    for number in range(20):
        (layer / "dev" / str(number)).touch()
    assert layers_are_clean(image(layer))
    (layer / "dev").rename(layer / "device")
    assert not layers_are_clean(image(layer))


def test_layers_that_are_not_all_seen_say_nothing(layer: Path, tmp_path: Path) -> None:
    assert not layers_are_clean(image(layer, tmp_path / "missing"))
    assert not layers_are_clean(image(layer, driver="overlayfs"))
    assert not layers_are_clean({**image(layer), "RootFS": {"Layers": ["sha256:0", "sha256:1"]}})
    assert not layers_are_clean({})
