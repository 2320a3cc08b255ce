"""Images' own configurations, and the container specs that depend on them: working directory, USER, ENTRYPOINT."""

import io
import os
import re
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import docker
from docker.errors import NotFound

from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.ports.engine import ContainerSpec

from .client import inspect_image, remove_container
from .host_config import Users, is_relative
from .unstarted import create_unstarted

_MOST_KNOWN = 256  # images whose configurations are kept
_SHELLS = ("/bin/sh", "-c")  # the start of an ENTRYPOINT in shell form
_PASSWD, _MOST_READ = "/etc/passwd", 1 << 20


@dataclass(frozen=True, kw_only=True)
class ImageConfig:
    """``volumes`` are the paths that it declares; ``user`` is its USER without the group, a name or a uid."""

    volumes: tuple[str, ...]
    user: str
    folder: PurePosixPath
    entrypoint: tuple[str, ...]


class ImageConfigs:
    """The configurations of an engine's images. Thread-safe.

    ``users`` are those of the node's containers.
    """

    def __init__(self, client: docker.APIClient, *, node: str, architecture: str, users: Users) -> None:
        self._client = client
        self._node = node
        self._architecture = architecture
        self._name = f"node-runtime-{node}-places"
        self._users = users
        self._guard = threading.Lock()
        self._configs: dict[str, ImageConfig] = {}
        self._occupied: dict[tuple[str, str], bool] = {}
        self._uids: dict[tuple[str, str], int | None] = {}

    def of(self, image: str) -> ImageConfig:
        known = self._configs.get(image)
        if known is None:
            found = inspect_image(self._client, image)
            if found is None:
                raise HostError(f"image {image} is not there any more", remedy="repeat: it is then created again")
            known = _config(found.get("Config") or {})
            self._configs = {**dict(list(self._configs.items())[1 - _MOST_KNOWN :]), image: known}
        return known

    def check_exec_form(self, image: str, log: Callable[[str], None]) -> None:
        """Raise `TaskFailed` image_unfit unless arguments can be added to its ENTRYPOINT; log a USER that is kept."""
        found = self.of(image)
        if not found.entrypoint or found.entrypoint[:2] == _SHELLS:
            said = "ENTRYPOINT in shell form, which loses the arguments" if found.entrypoint else "no ENTRYPOINT"
            raise TaskFailed(
                FailureCategory.IMAGE_UNFIT,
                f"image {image} has {said}",
                remedy='write it in exec form, e.g. ENTRYPOINT ["python3", "/function.py"]',
            )
        uid = self._uid(image)
        if uid is not None:
            named = f", which has the uid {uid}" if found.user != str(uid) else ""
            told = "where that is the layout's group, containers have this uid, not the slot's"
            log(f"its USER is {found.user}{named}: {told}")

    def fitted(self, spec: ContainerSpec) -> ContainerSpec:
        """Return the spec with absolute targets, without those that the image has itself, and with the image's USER."""
        user = spec.group if spec.group is not None and self._uid(spec.image) == spec.group else spec.user
        targets = [*(mount.target for mount in spec.mounts), *spec.scratch_folders]
        places = self._places(spec.image, list(filter(is_relative, targets)))

        def placed(target: str) -> str | None:
            return places.get(target) if is_relative(target) else target

        mounts = [(mount, placed(mount.target)) for mount in spec.mounts]
        return replace(
            spec,
            user=user,
            mounts=tuple(replace(mount, target=target) for mount, target in mounts if target is not None),
            scratch_folders=tuple(filter(None, map(placed, spec.scratch_folders))),
        )

    def close(self) -> None:
        """Remove the container that a killed process left. Idempotent."""
        remove_container(self._client, self._name)

    @property
    def _keeps_users(self) -> bool:
        """Whether containers may have an image's uid: folders can be given to it, and the engine doesn't map uids."""
        return os.geteuid() == 0 and self._users.first[0] != 0

    def _places(self, image: str, relative: Sequence[str]) -> dict[str, str]:
        """Return the absolute paths of those relative targets at which the image has nothing."""
        with self._guard:
            unknown = [target for target in relative if (image, target) not in self._occupied]
            if unknown:
                self._look(image, unknown)
            return {one: str(self.of(image).folder / one) for one in relative if not self._occupied[image, one]}

    def _look(self, image: str, targets: Sequence[str]) -> None:
        """Look for the targets in a container of the image that is never started."""
        folder, base = self.of(image).folder, f"{self._client.base_url}/v{self._client.api_version}/containers"
        self._occupied.update(dict.fromkeys(((image, target) for target in targets), False))
        with self._unstarted(image) as container:
            for target in targets if container is not None else ():
                place = {"path": str(folder / target)}
                answer = self._client.head(f"{base}/{container}/archive", params=place, timeout=self._client.timeout)
                self._occupied[image, target] = answer.ok

    def _uid(self, image: str) -> int | None:
        """Return the uid of the image's USER, by its own /etc/passwd; None without one, or where it isn't kept."""
        user = self.of(image).user
        if not user or not self._keeps_users:
            return None
        if re.fullmatch(r"[0-9]{1,9}", user):
            return int(user)
        with self._guard:
            if (image, user) not in self._uids:
                self._uids[image, user] = _uid_in(self._passwd(image), user)
            return self._uids[image, user]

    def _passwd(self, image: str) -> str:
        """Return the image's /etc/passwd; empty where there is no such regular file."""
        content = b""
        with self._unstarted(image) as container:
            if container is None:
                return ""
            try:
                chunks, _ = self._client.get_archive(container, _PASSWD)
            except NotFound:
                return ""
            for chunk in chunks:
                content += chunk
                if len(content) > _MOST_READ:
                    return ""
        return _only_file(content).decode(errors="replace")

    @contextmanager
    def _unstarted(self, image: str) -> Iterator[str | None]:
        """Yield a container of the image that is never started; None of an image whose configuration none can have."""
        self.close()
        container = create_unstarted(
            self._client,
            image,
            name=self._name,
            node=self._node,
            architecture=self._architecture,
            volumes=self.of(image).volumes,
        )
        if container is None:
            yield None  # which the run tells
            return
        try:
            yield container
        finally:
            remove_container(self._client, container)


def _config(found: Mapping[str, Any]) -> ImageConfig:
    """Read ImageInspect's ``Config``, which the image's author wrote."""
    return ImageConfig(
        volumes=tuple(sorted(found.get("Volumes") or ())),
        user=str(found.get("User") or "").partition(":")[0],
        folder=PurePosixPath("/", str(found.get("WorkingDir") or "")),
        entrypoint=tuple(map(str, found.get("Entrypoint") or ())),
    )


def _only_file(archive: bytes) -> bytes:
    """Return the content of the regular file that an archive of the engine holds; nothing for a link or a folder."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            file = tar.extractfile(member) if (member := tar.next()) is not None and member.isreg() else None
            return file.read() if file is not None else b""
    except tarfile.TarError:
        return b""


def _uid_in(passwd: str, user: str) -> int | None:
    for line in passwd.splitlines():
        name, _, uid, *_ = [*line.split(":"), "", "", ""]
        if name == user and re.fullmatch(r"[0-9]{1,9}", uid):
            return int(uid)
    return None
