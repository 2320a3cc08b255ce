"""Which image does a source stand for? One that is there, one pulled by digest, or one built once from its folder."""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path

import docker

from node_runtime.containers.arrival import pull
from node_runtime.containers.base_image import missing_base_image
from node_runtime.containers.build import Build, build, free_in, stopped
from node_runtime.containers.build_lock import only_builder
from node_runtime.containers.connection import TROUBLE, connect, explanation, image_id, inspect_image, remove_image
from node_runtime.containers.dockerfile import BASE_ARGUMENT, mapped
from node_runtime.containers.pip_settings import pip_arguments, proxy_arguments
from node_runtime.containers.sandbox import BUILT_LABEL
from node_runtime.containers.settings import EngineSettings
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.ports import ImageSource
from node_runtime.task import Digest

Log = Callable[[str], None]

_BUILT = "node-runtime/built"
_NO_TAG = "<none>:<none>"
MOST_TEXT = 256 << 10  # bytes of a Dockerfile: it is held in memory
REGISTRY_ANSWER = 5  # seconds: who asks wants to judge other tasks too


class Images:
    """The images of one node, in the engine at `url` whose root folder is `storage`. Safe for threads and processes."""

    def __init__(self, client: docker.APIClient, settings: EngineSettings, *, url: str, storage: Path) -> None:
        self._client = client
        self._url = url
        self._settings = settings
        self._storage = storage

    def image(self, source: ImageSource, log: Log, stop: threading.Event) -> str:
        """The image's id. Raises `TaskFailed` image_unavailable, image_refused, or policy when `stop` is set first."""
        if source.image is not None:
            ready = self._id(source.image) or self._pull(source.image, log, stop)
            if ready is not None:
                return ready
        dockerfile = source.folder / "Dockerfile"
        if not dockerfile.is_file():
            raise TaskFailed(
                FailureCategory.IMAGE_UNAVAILABLE,
                f"asset {source.digest}: there is no Dockerfile in its folder" + _or_pulled(source),
                remedy="put a Dockerfile into the folder and register it again",
            )
        tag = tag_of(source.digest, self._base(source, log, stop))
        return self._id(tag) or self._build(source, dockerfile, tag, log, stop)

    def can_have(self, digest: Digest, ready: str | None) -> bool:
        """Whether `image` may answer: one is here, or a registry offers the ready one, or this node builds."""
        if self._settings.build:
            return True
        if ready is not None and (self._id(ready) is not None or self._is_offered(ready)):
            return True
        base = self._id(self._settings.base_image)
        return base is not None and self._id(tag_of(digest, base)) is not None

    def volumes(self, image: str) -> tuple[str, ...]:
        """The paths that the image declares as volumes."""
        found = inspect_image(self._client, image)
        if found is None:
            raise HostError(f"image {image} is not there any more", remedy="repeat: it is then made anew")
        return tuple(sorted((found.get("Config") or {}).get("Volumes") or ()))

    def prune(self) -> int:
        """Remove the images that this node built and no container uses. How many were."""
        removed = 0
        for found in self._client.images(filters={"label": f"{BUILT_LABEL}={self._settings.node}"}):
            if self._client.containers(all=True, filters={"ancestor": found["Id"]}):
                continue  # several folders may have come to this image: the engine itself would only spare the last tag
            tags = set(found["RepoTags"] or ()) - {_NO_TAG}
            # without a tag it was built twice at once, and the other one has it
            for name in tags or {found["Id"]}:
                if name.startswith((f"{_BUILT}:", "sha256:")):
                    removed += remove_image(self._client, name)
        return removed

    def _id(self, name: str) -> str | None:
        return image_id(self._client, name)

    def _base(self, source: ImageSource, log: Log, stop: threading.Event) -> str:
        name = self._settings.base_image
        base = self._id(name)
        if base is None:
            self._check_allowed(source)
            base = self._pull(name, log, stop)
        if base is None:
            raise missing_base_image(name)
        return base

    def _is_offered(self, name: str) -> bool:
        """Whether the registry that a name says answers, soon, that it has it."""
        client = connect(self._url, timeout=REGISTRY_ANSWER)
        try:
            client.inspect_distribution(name)  # type: ignore[no-untyped-call]
        except TROUBLE:
            return False
        finally:
            client.close()
        return True

    def _pull(self, name: str, log: Log, stop: threading.Event) -> str | None:
        """Ends when the engine next says something after `stop`, at the latest after `pull_silence`.

        Raises `HostError` below the disk's floor: whoever named the image decides how large it is.
        """
        log(f"pulling {name}")
        client = connect(self._url, timeout=self._settings.pull_silence)
        try:
            for said in pull(client, name):
                if "error" in said:
                    log(str(said["error"]))
                self._check_floor(name)
                if stop.is_set():
                    break
        except TROUBLE as error:
            log(explanation(error))
        finally:
            client.close()
        if stop.is_set():
            raise stopped(f"pulling {name}")
        return self._id(name)

    def _check_floor(self, name: str) -> None:
        free, floor = free_in(self._storage), self._settings.disk_floor
        if free is not None and free < floor:
            left = f"{free >> 20} MiB are free in {self._storage}, the floor is {floor >> 20} MiB"
            raise HostError(
                f"pulling {name} was ended: {left}",
                remedy="free some disk (`docker image prune`), or lower the floor",
            )

    def _build(self, source: ImageSource, dockerfile: Path, tag: str, log: Log, stop: threading.Event) -> str:
        self._check_allowed(source)
        with only_builder(tag, stop, waiting=lambda: log("waiting for another build of the same folder")):
            if (built := self._id(tag)) is not None:  # by another thread or process meanwhile
                return built
            pip, base = pip_arguments(), self._settings.base_image
            what = Build(
                folder=source.folder,
                dockerfile=mapped(_text(dockerfile, source), base=base, arguments=sorted(pip)),
                tag=tag,
                label=(BUILT_LABEL, self._settings.node),
                arguments={BASE_ARGUMENT: base, **pip, **proxy_arguments()},
                network=self._settings.build_network or self._network(),
                memory=self._settings.build_memory,
                timeout=self._settings.build_timeout,
                disk=self._storage,
                disk_floor=self._settings.disk_floor,
            )
            build(self._client, what, log, stop)
        made = self._id(tag)
        if made is None:
            raise HostError(f"the engine built {tag} but does not have it", remedy="see the engine's log")
        return made

    def _check_allowed(self, source: ImageSource) -> None:
        if not self._settings.build:
            raise TaskFailed(
                FailureCategory.IMAGE_REFUSED,
                f"asset {source.digest}: this node does not build Dockerfiles" + _or_pulled(source),
                remedy="name a ready image by digest, or ask for a node whose operator allows building",
            )

    def _network(self) -> str | None:
        """The engine's bridge, unless it has none: then RUN steps share the host's network."""
        there = {network["Name"] for network in self._client.networks(names=["bridge"])}  # those whose names have it
        return None if "bridge" in there else "host"


def tag_of(folder_digest: str, base: str) -> str:
    """Content-addressed: the folder's digest and the id of the base image, which stands for its build argument."""
    made_of = "\n".join(("node-runtime/build/1", folder_digest, f"{BASE_ARGUMENT}={base}"))
    return f"{_BUILT}:{hashlib.sha256(made_of.encode()).hexdigest()[:32]}"


def _text(dockerfile: Path, source: ImageSource) -> str:
    try:
        with dockerfile.open("rb") as file:
            content = file.read(MOST_TEXT + 1)
        if len(content) > MOST_TEXT:
            raise ValueError(f"larger than {MOST_TEXT >> 10} KiB")
        return content.decode()
    except ValueError as error:
        raise TaskFailed(
            FailureCategory.IMAGE_UNAVAILABLE,
            f"asset {source.digest}: its Dockerfile can't be read: {error}",
            remedy="write it in UTF-8 and register the folder again",
        ) from error


def _or_pulled(source: ImageSource) -> str:
    return f", and {source.image} could not be pulled" if source.image else ""
