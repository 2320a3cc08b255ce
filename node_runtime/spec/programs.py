"""Checks of what an algo's or a metric's Dockerfile starts: the arguments that its stage adds must reach a program."""

import json
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from node_runtime.domain.assets import AssetKind
from node_runtime.platform.archive import ArchiveRefused

from .common import AssetSpec, Conflicts, FunctionSource, ImageSpec
from .folders import image_faults
from .messages import Location
from .own_files import image_folder
from .scripts import MOST_READ, program_warnings, script_faults
from .yaml_source import MarkedDocument

if TYPE_CHECKING:
    from node_runtime.engines.docker.dockerfile import Program

_ROLES = (
    *(("algo", AssetKind.ALGO), ("metrics", AssetKind.METRIC), ("metric", AssetKind.METRIC)),
    ("function", AssetKind.FUNCTION),
)
# Docker's official images that have no ENTRYPOINT
_WITHOUT = re.compile(r"scratch|(?:docker\.io/)?(?:library/)?(?:python|debian|ubuntu|alpine|busybox)(?:[:@].*)?")
_POSITIONAL = re.compile(r"\$\{?[0-9@*]")
_PLAIN = re.compile(r"[\w./=:, -]+")
_SHELLS = ("sh", "bash", "dash", "/bin/sh", "/bin/bash", "/bin/dash")
_IMPORTS_OPENER = re.compile(r"(?:import|from)\s+opener\b")  # of every call, not of one stage alone
_EXAMPLE = 'ENTRYPOINT ["python", "/algo.py"]'


def program_faults(spec: object, assets: tuple[AssetSpec, ...]) -> Conflicts:
    """Yield the Dockerfiles whose images can't get their arguments, or start nothing."""
    for location, path, kind in _built(spec, assets):
        with _folder(path) as folder:
            program = _program(folder)
        if program is not None:
            yield from ((location, f"{path / 'Dockerfile'}: {told}") for told in _faults(program, kind))


def program_file_warnings(spec: object, assets: tuple[AssetSpec, ...]) -> Conflicts:
    """Yield Dockerfiles whose image may not start, as far as it can be known without a build."""
    brings_opener = any(asset.kind is AssetKind.OPENER for asset in assets)
    for location, path, kind in _built(spec, assets):
        with _folder(path) as folder:
            warnings = _image_warnings(spec, folder, kind, brings_opener=brings_opener)
            found = [one.replace(str(folder), str(path)) for one in warnings]
        yield from ((location, told) for told in found)


@contextmanager
def _folder(path: Path) -> Iterator[Path]:
    """Yield the folder or the archive's content; the path itself for an archive that is told where it is named."""
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(image_folder(path))
        except ArchiveRefused:
            folder = path
        yield folder


def _image_warnings(spec: object, folder: Path, kind: AssetKind, *, brings_opener: bool) -> Iterator[str]:
    program = _program(folder)
    if program is None:
        return
    if _is_missing(program, kind) and not _WITHOUT.fullmatch(program.base):
        told = f"line {program.line}: {_called(kind)}; unless {program.base} brings an ENTRYPOINT, write one"
        yield f"{folder / 'Dockerfile'}: {told}, e.g. {_EXAMPLE}"
    yield from _file_warnings(program, folder)
    if kind is AssetKind.ALGO and not brings_opener:
        yield from _opener_warnings(spec, folder)


def _built(spec: object, assets: tuple[AssetSpec, ...]) -> Iterator[tuple[Location, Path, AssetKind]]:
    """Yield the folders whose own ENTRYPOINT is started, by their keys."""
    in_bundle = any(asset.kind is AssetKind.BUNDLE for asset in assets)  # its start_task.sh is started instead
    kinds = {asset.source: asset.kind for asset in assets}  # an objective's metric may be a function
    for key, usual in _ROLES:
        named = getattr(spec, key, None)
        source = named.source if isinstance(named, ImageSpec | FunctionSource) else named
        overridden = any(getattr(named, one, None) is not None for one in ("entrypoint", "image"))
        if isinstance(source, Path) and not overridden and not (in_bundle and usual is AssetKind.ALGO):
            yield (key,), source, kinds.get(source, usual)


def _program(folder: Path) -> "Program | None":
    from node_runtime.engines.docker.dockerfile import check_dockerfile  # slow to import, and only creators need it

    try:
        return check_dockerfile(folder / "Dockerfile")
    except (OSError, ValueError):  # told where the folder is named
        return None


def _is_missing(program: "Program", kind: AssetKind) -> bool:
    without = program.entrypoint is None and program.shell is None
    return without and not (kind is AssetKind.METRIC and program.command)


def _called(kind: AssetKind) -> str:
    if kind is AssetKind.METRIC:
        return "a metric is called without arguments"
    return f"{'a function' if kind is AssetKind.FUNCTION else 'an algo'} is called with arguments"


def _faults(program: "Program", kind: AssetKind) -> Iterator[str]:
    if _is_missing(program, kind) and _WITHOUT.fullmatch(program.base):
        replaced = "; its CMD is replaced by them, so write that as ENTRYPOINT" if program.command else ""
        yield f"line {program.line}: there is no ENTRYPOINT, and {_called(kind)}{replaced}; write e.g. {_EXAMPLE}"
    elif program.shell is not None and kind is AssetKind.FUNCTION:
        yield f"line {program.line}: a function's ENTRYPOINT is a list: {_as_list(program.shell)}"
    elif program.shell is not None and kind is AssetKind.ALGO and not _POSITIONAL.search(program.shell):
        yield (
            f"line {program.line}: ENTRYPOINT in shell form loses the stage's arguments, e.g. 'train'; "
            f"write a list: {_as_list(program.shell)}"
        )


def _as_list(shell: str) -> str:
    if not _PLAIN.fullmatch(shell):
        return _EXAMPLE
    return f"ENTRYPOINT {json.dumps(shlex.split(shell), ensure_ascii=False)}"


def _opener_warnings(spec: object, folder: Path) -> Iterator[str]:
    """Find the first line that imports the opener, where the task brings none."""
    if getattr(spec, "objective", None) is not None:  # which brings it
        return
    for file in sorted(folder.glob("*.py")):
        with file.open(encoding="utf-8", errors="replace") as opened:
            lines = opened.read(MOST_READ).splitlines()
        for number, line in enumerate(lines, start=1):
            if _IMPORTS_OPENER.match(line):
                yield f"{file}:{number}: it imports the opener, and the task names none; name it as 'opener'"
                return


def _file_warnings(program: "Program", folder: Path) -> Iterator[str]:
    """Check the script that the ENTRYPOINT starts, if a file of that name lies at the folder's top."""
    words = program.entrypoint or ()
    by_shell = len(words) > 1 and words[0] in _SHELLS and not words[1].startswith("-")
    word = words[1] if by_shell else words[0] if words else ""
    file = folder / word.rsplit("/", 1)[-1]
    if not word or not (by_shell or "/" in word) or not file.is_file():
        return
    steps = " ".join(program.steps)
    if "dos2unix" in steps or "\\r" in steps:
        return
    yield from script_faults(file) if by_shell else program_warnings(file, changed="chmod" in steps)


def faults_in_folders(document: MarkedDocument) -> Conflicts:
    """Yield the mistakes in the programs of a document that isn't read for others, as far as its keys name them."""
    named = {key: _local_folder(document, key) for key in ("bundle", "algo", "metrics", "metric", "function")}
    bundle = named["bundle"]
    if bundle is not None and "algo" not in document.value:
        yield from ((("bundle",), told) for told in image_faults(bundle))
    assets = (AssetSpec(source=bundle, kind=AssetKind.BUNDLE),) if bundle is not None else ()
    yield from program_faults(SimpleNamespace(**named), assets)


def _local_folder(document: MarkedDocument, key: str) -> Path | None:
    given = document.value.get(key)
    if not isinstance(given, str) or not os.path.isdir(document.path.parent / given):  # noqa: PTH112 - no OSError
        return None
    return document.path.parent / given
