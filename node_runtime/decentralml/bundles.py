"""Annotation bundles: the files to annotate, samples of each label, and the script.

The layout is that of DecentralML's tutorial: ``annotation_files/``, ``annotation_samples/``, ``start_task.sh``.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import JsonValue

from node_runtime.errors import InputError
from node_runtime.kinds.annotation.definition import AnnotationType
from node_runtime.kinds.layouts.bundle import OUTPUTS, START
from node_runtime.platform.files import host_errors, scratch_folder

FILES, SAMPLES = "annotation_files", "annotation_samples"
BESIDE = ("setup.sh", "requirements.txt", "settings.py")  # copied along with a script that is given without its folder
EXCLUDED = frozenset({OUTPUTS, "__pycache__", ".git", ".venv"})
SCRIPT_KEY = "start_task"

Files: TypeAlias = str | Path | Sequence[str | Path]
"""A folder, or files."""
Samples: TypeAlias = Files | Mapping[str, Files]
"""A folder, files named after their label, e.g. ``coin-1.png`` or ``coin/1.png``, or a mapping from label to files."""


@dataclass(frozen=True, kw_only=True)
class AnnotationJson:
    """The content of ``annotation_json``: further information, and the script or bundle folder."""

    info: dict[str, Any] = field(default_factory=dict)
    script: Path | None = None


def read_annotation_json(value: str | Path | Mapping[str, Any] | None) -> AnnotationJson:
    """Parse ``annotation_json``: a path of start_task.sh or of a bundle, or JSON whose ``start_task`` names one."""
    if value is None or value == "":
        return AnnotationJson()
    if isinstance(value, Path) or (isinstance(value, str) and not value.lstrip().startswith("{")):
        return AnnotationJson(script=Path(value).expanduser())
    info = dict(value) if isinstance(value, Mapping) else _json_object(value, "annotation_json")
    script = info.pop(SCRIPT_KEY, None)
    if script is not None and not isinstance(script, str | Path):
        raise InputError(f"annotation_json: {SCRIPT_KEY} is no path", remedy="name start_task.sh, or its folder")
    return AnnotationJson(info=info, script=Path(script).expanduser() if script is not None else None)


def annotation_keys(
    annotation_type: str,
    labels: Sequence[str],
    coordinates: str | Mapping[str, Any] | Sequence[Any] | None,
    said: AnnotationJson,
) -> dict[str, JsonValue]:
    """Return the keys of a task's YAML that are specific to annotations."""
    return {
        "annotation_type": annotation_type,
        "class_labels": list(labels),
        "class_coordinates": read_coordinates(coordinates, labels),
        "annotation_json": said.info,
    }


@contextmanager
def assembled_bundle(
    files: Files, samples: Samples, *, labels: Sequence[str], annotation_type: str, script: Path | None
) -> Iterator[Path]:
    """Yield the bundle in a temporary folder. Raises `InputError`, `HostError`."""
    with scratch_folder() as scratch:
        bundle = scratch / "bundle"
        to_annotate = _named(_listed(files, FILES))
        shown = _samples(samples, labels, needed=annotation_type == AnnotationType.OBJECT_DETECTION)
        with host_errors(bundle):
            _copy_script(script or _documented_folder(files), bundle)
            for folder, found in ((FILES, to_annotate), (SAMPLES, shown)):
                _replace(bundle / folder, found)
        yield bundle


def _replace(folder: Path, found: Mapping[str, Path]) -> None:
    """Replace the folder's content with the given files; keep the bundle's own files if none are given."""
    if found:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    for name, path in found.items():
        shutil.copyfile(path, folder / name)


def _samples(samples: Samples, labels: Sequence[str], *, needed: bool) -> dict[str, Path]:
    """Return the samples by file name in the bundle. If any are given or ``needed``, each label requires one."""
    if isinstance(samples, Mapping):
        found = {
            _labelled(label, index, path): path
            for label, given in samples.items()
            for index, path in enumerate(_listed(given, f"annotation_media_samples[{label!r}]"), start=1)
        }
        shown = set(samples)
    else:
        listed = _listed(samples, "annotation_media_samples") if samples else []
        found = _named(listed, labels)
        shown = {label for label in labels if any(_shows(path, label) for path in listed)}
    for label in sorted(shown - set(labels)):
        raise InputError(f"annotation_media_samples: {label!r} is none of annotation_class_labels {list(labels)}")
    missing = [label for label in labels if label not in shown]
    if missing and (found or needed):
        raise InputError(
            f"annotation_media_samples: there is no sample of {missing[0]!r}",
            remedy=f"name a file for it {missing[0]}-1.png, or give samples as {{{missing[0]!r}: [paths]}}",
        )
    return found


def _shows(path: Path, label: str) -> bool:
    """Return whether a sample is of the label: ``coin.png``, ``coin-1.png``, ``coin_1.png``, ``coin/1.png``."""
    rest = path.stem.removeprefix(label)
    own = path.stem.startswith(label) and (not rest or not rest[0].isalnum())
    return own or path.parent.name == label


def _labelled(label: str, index: int, path: Path) -> str:
    return f"{label.replace('/', '_')}-{index}{path.suffix}"


def _named(paths: Iterable[Path], labels: Sequence[str] = ()) -> dict[str, Path]:
    """Return the files by name; a sample labelled only by its folder gets the label as a prefix."""
    found: dict[str, Path] = {}
    for path in paths:
        folder = path.parent.name
        by_folder = folder in labels and not any(_shows(Path(path.name), label) for label in labels)
        name = f"{folder}-{path.name}" if by_folder else path.name
        if name in found:
            raise InputError(f"{path} and {found[name]} have the same name", remedy="give each file a name of its own")
        found[name] = path
    return found


def _listed(given: Files, parameter: str) -> list[Path]:
    """Return the files in order; expand folders to their files without hidden ones."""
    paths = [Path(one).expanduser() for one in ([given] if isinstance(given, str | Path) else given)]
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(Path(place, name) for place, _, names in os.walk(path) for name in names)
            found += [file for file in inside if not file.name.startswith(".")]
        elif path.is_file():
            found.append(path)
        else:
            raise InputError(f"{parameter}: {path} doesn't exist", remedy="name a file or a folder")
    if not found:
        raise InputError(f"{parameter}: no files", remedy="name at least one")
    return found


def _documented_folder(files: Files) -> Path:
    """Return the parent of ``annotation_files/`` as the bundle if it holds start_task.sh, as in the tutorial."""
    folder = Path(files).expanduser() if isinstance(files, str | Path) else None
    if folder is not None and folder.name == FILES and (folder.parent / START).is_file():
        return folder.parent
    raise InputError(f"there is no {START}", remedy=f"name it in annotation_json, or put it beside {FILES}/")


def _copy_script(script: Path, target: Path) -> None:
    """Copy a folder whole, or a script with only the files that the tutorial places beside it (`BESIDE`)."""
    if script.is_dir():
        if not (script / START).is_file():
            raise InputError(f"{script} has no {START}", remedy="put the script that does the work into it")
        shutil.copytree(script, target, ignore=shutil.ignore_patterns(*EXCLUDED))
        return
    if not script.is_file():
        raise InputError(f"annotation_json: {script} doesn't exist", remedy=f"name {START}, its folder, or write JSON")
    target.mkdir()
    shutil.copy(script, target / START)
    for name in BESIDE:
        if (script.parent / name).is_file():
            shutil.copy(script.parent / name, target / name)


def read_labels(labels: str | Sequence[str]) -> tuple[str, ...]:
    """Parse labels, e.g. ``"coin,bolt"`` or ``["coin", "bolt"]``."""
    return tuple(one.strip() for one in (labels.split(",") if isinstance(labels, str) else labels))


def read_coordinates(value: str | Mapping[str, Any] | Sequence[Any] | None, labels: Sequence[str]) -> dict[str, Any]:
    """Return the creator's value for each label, given as a mapping or as a list in the order of the labels."""
    if value is None or value in ("", ()) or value == []:
        return {}
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("{"):
            return _json_object(text, "annotation_class_coordinates")
        try:
            value = json.loads(text if text.startswith("[") else f"[{text}]")
        except ValueError:
            raise InputError(f"annotation_class_coordinates: {text[:40]!r} is no JSON") from None
    if isinstance(value, Mapping):
        return dict(value)
    if len(labels) == 1 and len(value) != 1:
        return {labels[0]: list(value)}
    if len(value) != len(labels):
        raise InputError(
            f"annotation_class_coordinates: {len(value)} values for {len(labels)} labels",
            remedy="give one for each label, or a mapping from label to value",
        )
    return dict(zip(labels, value, strict=True))


def _json_object(text: str, parameter: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise InputError(f"{parameter}: {error}", remedy="write JSON, e.g. {} or leave it out") from None
    if not isinstance(found, dict):
        raise InputError(f"{parameter} is no JSON object", remedy='write e.g. {"scale": "1 px = 1 mm"}')
    return found
