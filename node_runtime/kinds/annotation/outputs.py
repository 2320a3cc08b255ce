"""Parser and validation of annotation outputs, which come from untrusted workers.

Each file of the bundle's ``annotation_files/`` has one output, ``<its path without suffix>_annotations.json``:

    object_detection   {"file": "a.png", "annotations": [{"label": "coin", "box": [x, y, width, height], "score": 0.9}]}
    classification     {"file": "a.png", "label": "coin"}
    text_span          {"file": "a.txt", "annotations": [{"label": "name", "start": 3, "end": 8}]}

Boxes are in pixels of the picture as stored, from its upper left corner; ``score`` is optional. Spans count characters
of the UTF-8 text from 0; ``end`` is the first character after the span.
"""

import os
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, FailFast, Field, ValidationError, model_validator

from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds.annotation.definition import (
    Annotation,
    AnnotationType,
    Extent,
    PictureSize,
    TextLength,
    annotation_files,
    extent_of,
)
from node_runtime.runner.untrusted import read_json
from node_runtime.spec.messages import describe_error, nearest

MAX_BYTES = 1 << 20  # per output: MAX_ANNOTATIONS fit with a margin
MAX_TOTAL = 256 << 20  # of all outputs together: readable within seconds, to meet the deadline
MAX_ANNOTATIONS = 1000  # per file: agreement compares all pairs
MAX_LABEL = 100  # characters
MAX_KEYS = 20  # per object: above the number of known keys; bounds the error message
SHOWN = 5  # mistakes per error message
COMPARED = 100  # names searched for the closest match
_ROUNDING = 1e-6  # pixels

_EXAMPLES = {
    AnnotationType.OBJECT_DETECTION: '{"file": …, "annotations": [{"label": …, "box": [x, y, width, height]}]}',
    AnnotationType.CLASSIFICATION: '{"file": …, "label": …}',
    AnnotationType.TEXT_SPAN: '{"file": …, "annotations": [{"label": …, "start": …, "end": …}]}',
}


Label = Annotated[str, Field(max_length=MAX_LABEL)]


class _OutputPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _few_keys(cls, value: object) -> object:
        if isinstance(value, dict) and len(value) > MAX_KEYS:
            raise ValueError(f"{len(value)} keys are there; known are: {', '.join(cls.model_fields)}")
        return value


class Box(_OutputPart):
    """``box`` is x, y, width and height in pixels, ``score`` the annotator's confidence."""

    label: Label
    box: Annotated[tuple[float, ...], Field(min_length=4, max_length=4, strict=False)]
    score: Annotated[float, Field(ge=0, le=1)] | None = None


class Span(_OutputPart):
    """The characters from ``start`` up to, excluding ``end``."""

    label: Label
    start: int
    end: int


class ObjectsFound(_OutputPart):
    file: str
    annotations: Annotated[tuple[Box, ...], Field(max_length=MAX_ANNOTATIONS, strict=False), FailFast()]


class Classified(_OutputPart):
    file: str
    label: Label


class SpansFound(_OutputPart):
    file: str
    annotations: Annotated[tuple[Span, ...], Field(max_length=MAX_ANNOTATIONS, strict=False), FailFast()]


FileAnnotations: TypeAlias = ObjectsFound | Classified | SpansFound

_MODELS: dict[AnnotationType, type[FileAnnotations]] = {
    AnnotationType.OBJECT_DETECTION: ObjectsFound,
    AnnotationType.CLASSIFICATION: Classified,
    AnnotationType.TEXT_SPAN: SpansFound,
}


def check_annotations(outputs: Path, bundle: Path, annotation: Annotation) -> None:
    """Validate a result. Raises `TaskFailed` output_invalid naming the first mistakes with file and place.

    Raises `TaskFailed` input_mismatch where the bundle's own files can't be annotated.
    """
    try:
        asked = {output_name(file): file for file in annotation_files(bundle)}
    except ValueError as error:
        raise _unfit(str(error)) from error
    total = sum((outputs / name).lstat().st_size for name in _files_in(outputs))
    if total > MAX_TOTAL:
        raise TaskFailed(
            FailureCategory.OUTPUT_INVALID,
            f"the annotations have {total >> 20} MiB together, more than {MAX_TOTAL >> 20}",
            remedy="write nothing but the annotations into outputs/",
        )
    mistakes = list(islice(_mistakes(outputs, bundle, annotation, asked), SHOWN + 1))
    if mistakes:
        surplus = ["and more"] if len(mistakes) > SHOWN else []
        raise TaskFailed(
            FailureCategory.OUTPUT_INVALID,
            "\n".join([*mistakes[:SHOWN], *surplus]),
            remedy=f"write {_EXAMPLES[annotation.type]} for each file of annotation_files/",
        )


def read_annotations(outputs: Path, annotation: Annotation) -> tuple[FileAnnotations, ...]:
    """Read every output of a folder, sorted by file name, without reading the annotated files.

    Raises `TaskFailed` output_invalid.
    """
    found = []
    for name in _files_in(outputs):
        try:
            found.append(_read(outputs / name, annotation.type))
        except ValueError as error:
            reason = next(_reasons(error, annotation.type))
            raise TaskFailed(FailureCategory.OUTPUT_INVALID, f"outputs/{_shown(name)}: {reason}") from error
    return tuple(sorted(found, key=lambda one: one.file))


def output_name(file: str) -> str:
    """``a/b.png`` → ``a/b_annotations.json``"""
    path = PurePosixPath(file)
    return str(path.with_name(f"{path.stem}_annotations.json"))


def _mistakes(outputs: Path, bundle: Path, annotation: Annotation, asked: Mapping[str, str]) -> Iterator[str]:
    left = set(_files_in(outputs))
    missing = tuple(name for name in asked if name not in left)
    for name in sorted(left - set(asked)):
        close = get_close_matches(name, missing[:COMPARED], n=1, cutoff=0.5)
        hint = f"did you mean '{close[0]}'?" if close else "remove it"
        yield f"outputs/{_shown(name)} belongs to no file of annotation_files/; {hint}"
    for name in missing:
        yield f"outputs/{name} is missing; it is the one for annotation_files/{asked[name]}"
    for name, file in asked.items():
        if name in left:
            for mistake in _mistakes_in(outputs / name, bundle, annotation, file):
                yield f"outputs/{name}: {mistake}"


def _mistakes_in(output: Path, bundle: Path, annotation: Annotation, file: str) -> Iterator[str]:
    try:
        found = _read(output, annotation.type)
    except ValueError as error:
        yield from _reasons(error, annotation.type)
        return
    if found.file != file:
        yield f"file: must be {file!r}, not {found.file[:80]!r}"
    yield from _wrong_labels(found, annotation.labels)
    try:
        extent = extent_of(bundle, file, annotation.type)
    except ValueError as error:
        raise _unfit(str(error)) from error
    yield from _misplaced(found, extent)


def _read(output: Path, wanted: AnnotationType) -> FileAnnotations:
    return _MODELS[wanted].model_validate(read_json(output, most_bytes=MAX_BYTES))


def _reasons(error: ValueError, wanted: AnnotationType) -> Iterator[str]:
    """Yield the mistakes of an output file, each with its place where it has one."""
    if not isinstance(error, ValidationError):
        yield str(error)
        return
    for mistake in error.errors(include_url=False):
        place = _place(mistake["loc"])
        yield f"{place}: {_reason(mistake, wanted)}" if place else _reason(mistake, wanted)


def _reason(mistake: Any, wanted: AnnotationType) -> str:
    match mistake["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            outer = len(mistake["loc"]) == 1
            inner = Box if wanted is AnnotationType.OBJECT_DETECTION else Span
            model: type[BaseModel] = _MODELS[wanted] if outer else inner
            return f"unknown key; {nearest(str(mistake['loc'][-1]), tuple(model.model_fields))}"
        case _:
            return describe_error(mistake)


def _place(location: tuple[int | str, ...]) -> str:
    """``annotations[2].box``"""
    parts = (f"[{part}]" if isinstance(part, int) else f".{_shown(part)}" for part in location)
    return "".join(parts).removeprefix(".")


def _wrong_labels(found: FileAnnotations, labels: tuple[str, ...]) -> Iterator[str]:
    for place, label in _labels(found):
        if label not in labels:
            yield f"{place}: {label[:60]!r} is none of the task's class_labels; {nearest(label[:200], labels)[:300]}"


def _labels(found: FileAnnotations) -> Iterator[tuple[str, str]]:
    """Yield each label with its place."""
    match found:
        case Classified():
            yield "label", found.label
        case ObjectsFound() | SpansFound():
            several: tuple[Box | Span, ...] = found.annotations
            for index, one in enumerate(several):
                yield f"annotations[{index}].label", one.label


def _misplaced(found: FileAnnotations, extent: Extent) -> Iterator[str]:
    match found, extent:
        case ObjectsFound(), PictureSize():
            for index, one in enumerate(found.annotations):
                yield from (f"annotations[{index}].box: {reason}" for reason in _outside(one.box, extent))
        case SpansFound(), TextLength():
            for index, span in enumerate(found.annotations):
                yield from (f"annotations[{index}]: {reason}" for reason in _beyond(span, extent))


def _outside(box: tuple[float, ...], picture: PictureSize) -> Iterator[str]:
    x, y, width, height = box
    if width <= 0 or height <= 0:
        yield f"width and height must be more than 0, they are {width:g} and {height:g}"
    elif min(x, y) < 0 or x + width > picture.width + _ROUNDING or y + height > picture.height + _ROUNDING:
        yield (
            f"it is {width:g} × {height:g} pixels and reaches from ({x:g}, {y:g}) to ({x + width:g}, {y + height:g}), "
            f"outside its picture of {picture.width} × {picture.height} pixels"
        )


def _beyond(span: Span, text: TextLength) -> Iterator[str]:
    if span.start >= span.end:
        yield f"start {span.start} must come before end {span.end}, which is the first character after the span"
    elif span.start < 0 or span.end > text.characters:
        yield f"it reaches from {span.start} to {span.end}, outside its text of {text.characters} characters"


def _files_in(outputs: Path) -> list[str]:
    """Return the relative paths of all files, sorted."""
    found = []
    for folder, _, names in os.walk(outputs):
        found += [(Path(folder) / name).relative_to(outputs).as_posix() for name in names]
    return sorted(found)


def _shown(name: str) -> str:
    """Escape an untrusted name for printing."""
    return ascii(name)[1:-1][:100]


def _unfit(reason: str) -> TaskFailed:
    return TaskFailed(FailureCategory.INPUT_MISMATCH, reason, remedy="it is for the task's creator to mend the bundle")
