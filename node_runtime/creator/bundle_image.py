"""The image of a bundle that names no algo: a generated Dockerfile and, as its context, the files that it needs.

Of a requirements.txt alone these are the files that it names by ``-r`` and ``-c``, so bundles with the same
requirements share an image: images are keyed by the digest of the context. A setup.sh may use any file, and so may a
requirement that is a path, so their context is the whole bundle without what is annotated. The requirements are copied
first: a step of pip is taken from the engine's cache while they are the same.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from node_runtime.domain.assets import AssetKind
from node_runtime.platform.files import host_errors, scratch_folder
from node_runtime.spec.folders import SETUP
from node_runtime.spec.own_files import copy_paths, included_in
from node_runtime.spec.requirements import Requirements, read_requirements

_HEAD = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
WORKDIR /setup
"""
_INSTALL = "RUN pip install --no-cache-dir -r requirements.txt\n"
_SET_UP = f"RUN chmod u+x {SETUP} && ./{SETUP}\n"
_WHOLE = "COPY . ./\n"
_FOOT = "WORKDIR /task\n"
_TASKS_OWN = ("annotation_files", "annotation_samples", "outputs")


@contextmanager
def environment_of(bundle: Path) -> Iterator[Path]:
    """Yield a temporary build context with a Dockerfile that installs the bundle's requirements."""
    wanted, sets_up = read_requirements(bundle), (bundle / SETUP).is_file()
    with scratch_folder() as folder, host_errors(folder):
        needed = [bundle / name for name in wanted.files]
        copy_paths(bundle, folder, sorted({*needed, *(_whole(bundle) if sets_up or wanted.local else ())}))
        (folder / "Dockerfile").write_text(_HEAD + "".join(_steps(wanted, sets_up=sets_up)) + _FOOT)
        yield folder


def _whole(bundle: Path) -> Iterator[Path]:
    """Yield what the image may need: neither the task's own files nor what a .dockerignore excludes."""
    included = included_in(bundle, AssetKind.ALGO)
    for path in bundle.rglob("*"):
        name = path.relative_to(bundle).as_posix()
        if name.split("/")[0] not in (*_TASKS_OWN, "Dockerfile", ".dockerignore") and included(name):
            yield path


def _steps(wanted: Requirements, *, sets_up: bool) -> Iterator[str]:
    copied = False
    if wanted.files:
        yield from _copies(wanted.files)
        if wanted.local:
            copied = True
            yield _WHOLE
        yield _INSTALL
    if sets_up:
        yield from () if copied else (_WHOLE,)
        yield _SET_UP


def _copies(files: Sequence[str]) -> Iterator[str]:
    for name in files:
        folder, slash, _ = name.rpartition("/")
        target = f"./{folder}{slash}" if folder else "./"
        plain = name.isascii() and not any(character.isspace() or character in "\"'\\$[" for character in name)
        yield f"COPY {name} {target}\n" if plain else f"COPY {json.dumps([name, target])}\n"
