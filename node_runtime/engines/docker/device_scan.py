"""A scan of images for device nodes.

A device node outside /dev would open a device of the host: the engine's device rules allow the common ones to every
container, and the engine mounts its own /dev only. So each image is scanned once, before its first container starts,
and the verdict is kept by image id. Devices that the engine adds to a container are not part of the image.
"""

import os
import stat
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol, cast

import docker

from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.platform.files import host_errors, write_atomically

from .build import stopped
from .client import checked, inspect_image, remove_container
from .unstarted import create_unstarted

MOST_ENTRIES = 2_000_000
MOST_BYTES = 256 << 30  # apparent size of all files
_CHUNK = 1 << 16
HIDDEN = "dev"  # the engine mounts its own over it


class DeviceSearch:
    """Scans images of the engine. Thread-safe; processes may share the folder ``verdicts``.

    It holds one file an image: empty, or the reason for its refusal. ``local`` says whether the engine's folders are
    on this machine.
    """

    def __init__(self, client: docker.APIClient, *, node: str, architecture: str, verdicts: Path, local: bool) -> None:
        self._client = client
        self._node = node
        self._architecture = architecture
        self._name = f"node-runtime-{node}-search"
        self._verdicts = verdicts
        self._local = local
        self._guard = threading.Lock()

    def check(self, image: str, *, stop: threading.Event) -> None:
        """Raise `TaskFailed` image_unfit for an image with a device node, or node_error once `stop` is set."""
        path = self._verdicts / image.removeprefix("sha256:")
        verdict = _kept(path)
        if verdict is None:
            with self._guard:  # one scan at a time: it may read the whole image
                verdict = _kept(path)
                if verdict is None:
                    verdict = self._looked_through(image, stop)
                    _keep(path, verdict)
        if verdict:
            raise _unfit(image, verdict)

    def close(self) -> None:
        """Remove the container that a killed process left. Idempotent."""
        remove_container(self._client, self._name)

    def _looked_through(self, image: str, stop: threading.Event) -> str:
        described = inspect_image(self._client, image)
        if described is None:
            raise HostError(f"image {image} is not there any more", remedy="repeat: it is then created again")
        if self._local and layers_are_clean(described):
            return ""
        self.close()
        container = self._create(image, tuple((described.get("Config") or {}).get("Volumes") or ()))
        try:
            url = f"{self._client.base_url}/v{self._client.api_version}/containers/{container}/export"
            with checked(self._client.get(url, stream=True, timeout=self._client.timeout)) as response:
                return verdict_of(_Stream(response.iter_content(_CHUNK), stop))
        finally:
            remove_container(self._client, container)

    def _create(self, image: str, volumes: tuple[str, ...]) -> str:
        """Create a container, never started, to export the image's file system."""
        container = create_unstarted(
            self._client,
            image,
            name=self._name,
            node=self._node,
            architecture=self._architecture,
            volumes=volumes,
        )
        if container is None:
            raise _unfit(image, "no container can be made of it")
        return container


class _Stream:
    """A readable file over the chunks of a response; a read returns one chunk."""

    def __init__(self, chunks: Iterator[bytes], stop: threading.Event) -> None:
        self._chunks = chunks
        self._stop = stop

    def read(self, _size: int) -> bytes:
        if self._stop.is_set():
            raise stopped("looking through an image")
        return next(self._chunks, b"")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def verdict_of(stream: _Readable) -> str:
    """The reason to refuse the image whose file system is the tar `stream`; empty for none."""
    hidden: set[str] = set()  # devices below /dev: tar stores a second name elsewhere as a hard link
    entries = size = 0
    with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r|", bufsize=_CHUNK) as tar:
        while (entry := tar.next()) is not None:
            tar.members = []  # type: ignore[attr-defined]  # it would keep them all
            entries, size = entries + 1, size + entry.size
            if entries > MOST_ENTRIES or size > MOST_BYTES:
                return f"it has more than {MOST_ENTRIES:,} files, or {MOST_BYTES >> 30} GiB in them"
            place = _inside(entry.name)
            is_device = entry.ischr() or entry.isblk() or (entry.islnk() and _inside(entry.linkname) in hidden)
            if is_device and place.partition("/")[0] != HIDDEN:
                return f"it has a device node at {f'/{place}'[:200]!a}"
            if is_device:
                hidden.add(place)
    return ""


def layers_are_clean(described: dict[str, Any]) -> bool:
    """Whether the image's layer folders on this machine have no device node; False when they can't be read.

    ``described`` is the engine's ImageInspect. No file is read, so the cost is independent of sizes. A device in a
    layer may be removed by a later one, so False does not condemn the image.
    """
    driver = described.get("GraphDriver") or {}
    data = driver.get("Data") or {}
    folders = [place for name in ("UpperDir", "LowerDir") for place in (data.get(name) or "").split(":") if place]
    layers = (described.get("RootFS") or {}).get("Layers") or ()
    if driver.get("Name") not in ("overlay2", "overlay") or len(folders) != len(layers):
        return False
    left = MOST_ENTRIES
    try:
        for folder in folders:
            left -= _count_without_devices(folder, left)
    except (_DeviceFound, OSError):
        return False
    return True


class _DeviceFound(Exception):
    pass


def _count_without_devices(layer: str, most: int) -> int:
    """Count the layer's entries. Raises `_DeviceFound`, also for more than ``most``. Follows no link."""
    count = 0
    waiting = [layer]
    while waiting:
        folder = waiting.pop()
        with os.scandir(folder) as found:
            for entry in found:
                count += 1
                if count > most or _is_device(entry):
                    raise _DeviceFound
                if entry.is_dir(follow_symlinks=False) and (folder != layer or entry.name != HIDDEN):
                    waiting.append(entry.path)
    return count


def _is_device(entry: os.DirEntry[str]) -> bool:
    if entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False) or entry.is_symlink():
        return False
    status = entry.stat(follow_symlinks=False)
    removed = stat.S_ISCHR(status.st_mode) and status.st_rdev == 0  # a whiteout: marks a removed file of a lower layer
    return not removed and (stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode))


def _inside(name: str) -> str:
    return name.removeprefix("./").strip("/")


def _unfit(image: str, why: str) -> TaskFailed:
    return TaskFailed(
        FailureCategory.IMAGE_UNFIT,
        f"image {image} can't be used: {why}",
        remedy="make the image without it: programs get the devices they need in /dev from the engine",
    )


def _kept(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _keep(path: Path, verdict: str) -> None:
    """Write atomically: other processes read without a lock."""
    with host_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(path, verdict)
