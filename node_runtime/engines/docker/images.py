"""Task images: pulled by digest, or built once from a folder, on images that the node's aliases may stand for."""

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import uuid4

import docker

from node_runtime.domain.assets import Digest
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.localnet.provision.base_image import missing_base_image
from node_runtime.platform.archive import ArchiveRefused, is_archive, unpacked
from node_runtime.platform.files import scratch_folder
from node_runtime.ports.engine import ImageSource, ReadyImage

from .aliases import ImageAliases, Target, check_chain
from .build import Build, BuildFailed, BuildLimits, build, context_digest
from .build_environment import PROXIES
from .build_lock import only_builder
from .client import connect, engine_trouble, image_id, inspect_image
from .control import Controls, build_failure
from .dockerfile import BASE_ARGUMENT, Recipe, check_triggers, read_dockerfile, read_recipe
from .pull import Log, Puller
from .settings import BUILT_LABEL, SOURCE_LABEL, EngineSettings
from .triggers import TriggerProbe

BUILT = "node-runtime/built"
"""The repository of built images."""

ALIAS_REMEDY = (
    "name an image that `docker images` lists, or a folder with a Dockerfile: `image_aliases` in node.yaml, "
    "`--alias` of 'node-runtime run'"
)
_STEP_REMOVED = "failed to get digest"  # the engine's message for a step whose image was removed meanwhile


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """A folder to build, and its name in messages. ``within`` are the folders of aliases on the way to it."""

    source: ImageSource
    named: str
    within: tuple[Path, ...] = ()


class Images:
    """The images of one node. Safe to share between threads and processes."""

    def __init__(
        self,
        client: docker.APIClient,
        settings: EngineSettings,
        *,
        puller: Puller,
        limits: BuildLimits,
        controls: Controls,
        triggers: TriggerProbe,
    ) -> None:
        self._client = client
        self._triggers = triggers
        self._settings = settings
        self._puller = puller
        self._limits = limits
        self._controls = controls
        self._arguments = build_arguments(settings)
        self._aliases = ImageAliases(dict(settings.image_aliases), base=settings.base_image)
        self._digests: dict[Path, Digest] = {}  # of the aliases' folders, which count as they were at first

    def image(self, source: ImageSource, log: Log, stop: threading.Event) -> ReadyImage:
        """Get the image. Raises `TaskFailed` image_unavailable, build_failed, image_refused, at `stop` node_error."""
        if source.image is not None:
            ready = self._id(source.image) or _id_of(self._puller.pulled(source.image, log, stop))
            if ready is not None:
                return ReadyImage(id=ready)
        made, ids = self._made(_Wanted(source=source, named=f"asset {source.digest}"), log, stop)
        aliased = tuple((name, ids[name]) for name in ids if name in self._aliases)
        return ReadyImage(id=made, built_on=tuple(dict.fromkeys(ids.values())), aliased=aliased)

    def can_have(self, digest: Digest, ready: str | None) -> bool:
        """Whether `image` can succeed: the image is present, offered by a registry, or may be built here."""
        if self._settings.build:
            return True
        if ready is not None and (self._id(ready) is not None or self._puller.is_offered(ready)):
            return True
        label = f"{SOURCE_LABEL}={source_of(digest, self._arguments)}"
        return bool(self._client.images(name=BUILT, filters={"label": label}))

    def _id(self, name: str) -> str | None:
        return image_id(self._client, name)

    def _made(self, wanted: _Wanted, log: Log, stop: threading.Event) -> tuple[str, dict[str, str]]:
        """Return the image of a folder, and the ids of the images that its Dockerfile names."""
        with _unpacked(wanted) as folder:
            recipe = _recipe(wanted, folder, base=self._settings.base_image)
            ids = {name: self._started_from(name, wanted, log, stop) for name in recipe.images}
            tag = tag_of(wanted.source.digest, ids, self._arguments)
            return self._id(tag) or self._build(wanted, folder, recipe, ids, tag, log, stop), ids

    def _started_from(self, name: str, wanted: _Wanted, log: Log, stop: threading.Event) -> str:
        """Return the id of an image that a Dockerfile names: of what stands for it, else pulled where it is missing."""
        target = self._aliases.target_of(name)
        if isinstance(target, Path):
            return self._of_folder(name, target, wanted, stop)
        is_base, found = target == self._settings.base_image, inspect_image(self._client, target)
        if found is None and name in self._aliases and not is_base:
            raise unfit_alias(name, f"the image {target} is not on the engine")
        if found is None:
            self._check_allowed(wanted)
            found = self._puller.pulled(target, log, stop, logged_in=is_base or bool(wanted.within))
        if found is None and is_base:
            raise missing_base_image(target)
        if found is None:
            raise TaskFailed(
                FailureCategory.IMAGE_UNAVAILABLE,
                f"{wanted.named}: its Dockerfile names the image {name}, which is not available here",
                remedy="see that its registry offers it to everybody, start from another image, or let the node's "
                "operator name a local one for it: `image_aliases` in node.yaml, `--alias` of 'node-runtime run'",
            )
        if not is_base and name not in self._aliases and not self._triggers.are_told():
            raise _hidden_triggers(wanted, name)
        try:
            check_triggers((found.get("Config") or {}).get("OnBuild") or ())
        except ValueError as error:
            reason = f"the image {target} has an ONBUILD instruction: {error}"
            if name in self._aliases:
                raise unfit_alias(name, reason) from error
            raise _refused(wanted, reason) from error
        return str(found["Id"])

    def _of_folder(self, name: str, folder: Path, wanted: _Wanted, stop: threading.Event) -> str:
        """Return the image of an alias's folder. Its faults are this node's, and its build's log is no task's."""
        try:
            check_chain(wanted.within, folder)
            if folder not in self._digests:
                self._digests[folder] = Digest(context_digest(folder, stop=stop))
        except (ValueError, OSError) as error:
            raise unfit_alias(name, str(error)) from error
        source = ImageSource(folder=folder, digest=self._digests[folder])
        inner = _Wanted(source=source, named=str(folder), within=(*wanted.within, folder))
        try:
            made, _ = self._made(inner, lambda _: None, stop)
        except TaskFailed as failed:
            if failed.category in (FailureCategory.NODE_ERROR, FailureCategory.IMAGE_REFUSED):
                raise  # it was stopped, or nothing is built here
            raise unfit_alias(name, failed.message) from failed
        return made

    def _build(
        self,
        wanted: _Wanted,
        folder: Path,
        recipe: Recipe,
        ids: Mapping[str, str],
        tag: str,
        log: Log,
        stop: threading.Event,
    ) -> str:
        self._check_allowed(wanted)
        with only_builder(tag, stop, waiting=lambda: log("waiting for another build of the same folder")):
            if (built := self._id(tag)) is not None:  # built by another thread or process while waiting
                return built
            text = partial(recipe.text, ids, arguments=sorted(set(self._arguments) - PROXIES - {BASE_ARGUMENT}))
            what = Build(
                folder=folder,
                dockerfile=text(),
                tag=tag,
                labels={
                    BUILT_LABEL: self._settings.node,
                    SOURCE_LABEL: source_of(wanted.source.digest, self._arguments),
                },
                arguments=_known(self._arguments, text()),
                limits=self._limits,
            )
            self._build_or_blame(what, replace(what, dockerfile=text(steps=uuid4().hex)), log, stop)
        made = self._id(tag)
        if made is None:
            raise HostError(f"the engine built {tag} but does not have it", remedy="see the engine's log")
        return made

    def _build_or_blame(self, what: Build, separate: Build, log: Log, stop: threading.Event) -> None:
        """Build, retrying once after a failure other than a RUN step's exit, which may be transient.

        Equal steps of several builds are one image, which the removal of another build's image can take with it
        while this build is at it: then the retry is `separate`, whose steps no other build shares.
        """
        try:
            try:
                build(self._client, what, log, stop)
            except BuildFailed as failed:
                if failed.code is not None or self._controls.build().trouble:
                    raise
                build(self._client, separate if _STEP_REMOVED in failed.reason else what, log, stop)
        except BuildFailed as failed:
            raise build_failure(failed, self._controls.build(), memory=self._limits.memory) from failed

    def _check_allowed(self, wanted: _Wanted) -> None:
        if not self._settings.build:
            named = "an image that this node has to build first" if wanted.within else wanted.named
            raise TaskFailed(
                FailureCategory.IMAGE_REFUSED,
                f"{named}: this node does not build Dockerfiles" + _or_pulled(wanted.source),
                remedy="name a ready image by digest, or ask for a node whose operator allows building",
            )


def build_arguments(settings: EngineSettings) -> dict[str, str]:
    """The build arguments of every build of this node."""
    return {**dict(settings.build_arguments), BASE_ARGUMENT: settings.base_image}


def _known(arguments: Mapping[str, str], dockerfile: str) -> dict[str, str]:
    """Return the arguments without BASE_IMAGE where the Dockerfile has none: the engine warns of it in its log."""
    return {name: value for name, value in arguments.items() if name != BASE_ARGUMENT or name in dockerfile}


def tag_of(folder_digest: str, ids: Mapping[str, str], arguments: Mapping[str, str]) -> str:
    """The content-addressed tag: a hash of the folder's digest, the ids of the named images, and the arguments."""
    named = [f"{name}={ids[name]}" for name in sorted(ids)]
    return f"{BUILT}:{_hashed('node-runtime/build/2', source_of(folder_digest, arguments), *named)}"


def source_of(folder_digest: str, arguments: Mapping[str, str]) -> str:
    """The part of a build's identity that is known before its folder is fetched."""
    return _hashed(folder_digest, *(f"{name}={arguments[name]}" for name in sorted(arguments)))


def _hashed(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _id_of(found: dict[str, Any] | None) -> str | None:
    return None if found is None else str(found["Id"])


def has_image(url: str, name: str) -> bool:
    """Whether the engine at `url` has the image now. Raises `HostError` when it doesn't answer."""
    with closing(connect(url)) as client, engine_trouble(f"image {name}"):
        return image_id(client, name) is not None


def alias_faults(url: str, aliases: Mapping[str, Target], *, base: str) -> tuple[str, ...]:
    """Return what is wrong with aliases at the engine at `url`. Raises `HostError` when it doesn't answer."""
    return tuple(ImageAliases(aliases, base=base).faults(lambda image: has_image(url, image)))


def unfit_alias(name: str, reason: str) -> HostError:
    return HostError(f"the alias {name}: {reason}", remedy=ALIAS_REMEDY)


@contextmanager
def _unpacked(wanted: _Wanted) -> Iterator[Path]:
    """Yield the folder to build: the content of an archive, where that is all that the folder holds."""
    folder = wanted.source.folder
    found = list(islice(folder.iterdir(), 2))
    if len(found) != 1 or not is_archive(found[0]):
        yield folder
        return
    try:
        with unpacked(found[0], scratch_folder()) as content:
            yield content
    except ArchiveRefused as refused:
        raise _refused(wanted, f"{found[0].name} can't be unpacked: {refused}") from refused


def _recipe(wanted: _Wanted, folder: Path, *, base: str) -> Recipe:
    source, dockerfile = wanted.source, folder / "Dockerfile"
    if not dockerfile.is_file():
        category = FailureCategory.BUILD_FAILED if source.image is None else FailureCategory.IMAGE_UNAVAILABLE
        raise TaskFailed(
            category,
            f"{wanted.named}: there is no Dockerfile in its folder" + _or_pulled(source),
            remedy="put a Dockerfile into the folder and register it again",
        )
    try:
        return read_recipe(read_dockerfile(dockerfile), base=base)
    except ValueError as error:
        raise _refused(wanted, f"its Dockerfile can't be built: {error}") from error


def _refused(wanted: _Wanted, why: str) -> TaskFailed:
    return TaskFailed(
        FailureCategory.BUILD_FAILED,
        f"{wanted.named}: {why}",
        remedy="fix it ('node-runtime check' names such lines) and register the folder again",
    )


def _hidden_triggers(wanted: _Wanted, image: str) -> TaskFailed:
    return TaskFailed(
        FailureCategory.IMAGE_REFUSED,
        f"{wanted.named}: its Dockerfile names the image {image}, and this node's engine would follow its ONBUILD "
        "instructions without telling them",
        remedy="start from the node's base image, or let its operator name an image for it: `image_aliases` in "
        "node.yaml, `--alias` of 'node-runtime run'",
    )


def _or_pulled(source: ImageSource) -> str:
    return f", and {source.image} could not be pulled" if source.image else ""
