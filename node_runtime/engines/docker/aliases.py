"""The images of this node that stand for those which Dockerfiles name: the operator's aliases, and the base image.

An alias maps a reference, exactly as a FROM instruction has it after the replacement of its arguments, to a local image
or to a folder with a Dockerfile. The base image stands for Docker's official Python 3.11 on Debian 12.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from .dockerfile import read_dockerfile, read_recipe

Target: TypeAlias = str | Path
"""A local image, by its name or id, or a folder with a Dockerfile."""

_OFFICIAL = re.compile(r"(?:docker\.io/)?(?:library/)?python:3(?:\.11(?:\.\d+)?)?(?:-slim)?(?:-bookworm)?")
_REFERENCE = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:/@\[\]+-]{0,254}")
_FOLDER = ("/", "./", "../", "~")


def read_reference(text: str) -> str:
    """Check an image's name or id. Raises `ValueError`."""
    if not _REFERENCE.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is no name of an image; write it as its FROM does, e.g. python:3.12-slim")
    return text


def read_target(text: str, folder: Path) -> Target:
    """Parse an image, or a folder relative to ``folder``. Raises `ValueError`."""
    if text in (".", "..") or text.startswith(_FOLDER):
        return Path(folder, Path(text).expanduser()).absolute()
    if not _REFERENCE.fullmatch(text):
        raise ValueError(f"{text[:60]!r} is neither an image, name:tag or id, nor a folder, which begins with ./ or /")
    return text


class ImageAliases:
    """The aliases of one node, which precede its base image. Raises `ValueError` where one leads back to itself."""

    def __init__(self, aliases: Mapping[str, Target], *, base: str = "") -> None:
        self._aliases = dict(aliases)
        self._base = base
        for name in self._aliases:
            list(self._steps(name))

    def __contains__(self, image: str) -> bool:
        return image in self._aliases

    def target_of(self, image: str) -> Target:
        """Return what stands for an image, through every alias: a local image or a folder; without any itself."""
        *_, last = image, *self._steps(image)
        # an official base changes nothing: its registry has the others too
        is_base = isinstance(last, str) and _is_official(last) and not _is_official(self._base)
        return self._base if is_base else last

    def faults(self, has_image: Callable[[str], bool]) -> Iterator[str]:
        """Yield what is wrong with each alias: an image that isn't there, a folder that can't be built."""
        for name in self._aliases:
            try:
                self._check(name, has_image, ())
            except ValueError as error:
                yield f"the alias {name}: {error}"

    def _steps(self, image: str) -> Iterator[Target]:
        seen: list[Target] = [image]
        while isinstance(seen[-1], str) and seen[-1] in self._aliases:
            following = self._aliases[seen[-1]]
            if following in seen:
                raise ValueError(f"{' → '.join(map(str, (*seen, following)))} has no end; name a local image there")
            seen.append(following)
            yield following

    def _check(self, name: str, has_image: Callable[[str], bool], within: tuple[Path, ...]) -> None:
        target = self.target_of(name)
        if isinstance(target, str):
            if target != self._base and not has_image(target):
                raise ValueError(f"the image {target} is not on the engine")
            return
        check_chain(within, target)
        try:
            recipe = read_recipe(read_dockerfile(target / "Dockerfile"), base=self._base)
        except OSError as error:
            raise ValueError(f"{target / 'Dockerfile'}: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"{target / 'Dockerfile'}: {error}") from error
        for image in recipe.images:
            if image in self:
                self._check(image, has_image, (*within, target))


def check_chain(within: tuple[Path, ...], folder: Path) -> None:
    """Raise `ValueError` where the folder is built on an image that is built from it."""
    if folder in within:
        raise ValueError(f"{' → '.join(map(str, (*within, folder)))} is built on itself")


def _is_official(image: str) -> bool:
    return _OFFICIAL.fullmatch(image) is not None
