"""What an annotation task asks: its type, labels and instructions, and the bundle's files with their extents.

An extent bounds a file's annotations: pixels of a picture, characters of a text.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, BinaryIO, TypeAlias

from pydantic import AfterValidator, Field, JsonValue, StringConstraints

from node_runtime.domain.document import DocumentPart, Question

FOLDER = "annotation_files"
MAX_TEXT = 64 << 20  # bytes
MAX_READS = 1000

# magic bytes of the supported formats; others, e.g. SVG, have no size in pixels
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"RIFF", b"II*\x00", b"MM\x00*")

MOST_TOLD = 64 << 10  # bytes of one environment variable of a script: half of the kernel's limit

ClassLabel = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]


def _tellable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > MOST_TOLD:
        raise ValueError(f"it has {size} bytes as JSON, a script can be told {MOST_TOLD}; put it into the bundle")
    return value


Coordinates = Annotated[dict[ClassLabel, JsonValue], AfterValidator(_tellable)]
Info = Annotated[dict[str, JsonValue], AfterValidator(_tellable)]


class AnnotationType(StrEnum):
    """The annotation of each file: boxes in a picture, one class, or spans of a text."""

    OBJECT_DETECTION = "object_detection"
    CLASSIFICATION = "classification"
    TEXT_SPAN = "text_span"


class Annotation(DocumentPart):
    """``coordinates`` and ``info`` are the creator's instructions to the annotators, any JSON."""

    type: AnnotationType
    question: Question
    labels: Annotated[tuple[ClassLabel, ...], Field(min_length=1, max_length=256)]
    coordinates: Coordinates = Field(default_factory=dict)
    info: Info = Field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PictureSize:
    """Size in pixels of the picture as stored; a rotation in its EXIF data is not applied."""

    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class TextLength:
    characters: int


Extent: TypeAlias = PictureSize | TextLength | None
"""The bounds of a file's annotations."""


def annotation_files(bundle: Path) -> tuple[str, ...]:
    """Return the paths inside ``annotation_files/``, sorted, without dot files.

    Raises `ValueError` where there are none, and where the outputs of two would share a name.
    """
    folder = bundle / FOLDER
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    files = sorted(path.as_posix() for path in paths if not any(part.startswith(".") for part in path.parts))
    if not files:
        raise ValueError(f"{FOLDER}/ has no files; put what is to be annotated there")
    stems = Counter(str(PurePosixPath(file).with_suffix("")) for file in files)
    for stem, count in stems.items():
        if count > 1:
            raise ValueError(f"{count} files of {FOLDER}/ are called {stem!r} but for their suffix; rename them")
    return tuple(files)


def unfit_files(bundle: Path, wanted: AnnotationType) -> Iterator[str]:
    """Yield the defects of a bundle's files, for the creator before submission."""
    try:
        files = annotation_files(bundle)
    except ValueError as error:
        yield str(error)
        return
    for file in files:
        try:
            extent_of(bundle, file, wanted)
        except ValueError as error:
            yield str(error)


def extent_of(bundle: Path, file: str, wanted: AnnotationType) -> Extent:
    """Return a file's extent. Raises `ValueError` for a file of the wrong type."""
    path = bundle / FOLDER / file
    match wanted:
        case AnnotationType.OBJECT_DETECTION:
            return _picture_size(path, file)
        case AnnotationType.TEXT_SPAN:
            return _text_length(path, file)
        case AnnotationType.CLASSIFICATION:
            return None


class _FewReads:
    """File wrapper that limits reads to a thousand: a crafted JPEG has millions of segments before its size."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = MAX_READS

    def read(self, size: int = -1) -> bytes:
        self._left -= 1
        if self._left < 0:
            raise ValueError("too many reads")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)


def _picture_size(path: Path, file: str) -> PictureSize:
    import imagesize  # slow to import, and rarely needed

    with path.open("rb") as opened:
        if opened.read(8).startswith(_PICTURES):
            width, height = imagesize.get(_FewReads(opened), exif_rotation=False)
            if width > 0 and height > 0:
                return PictureSize(width=width, height=height)
    raise ValueError(
        f"{FOLDER}/{file} is no picture whose size in pixels can be read; use PNG, JPEG, GIF, BMP, WebP or TIFF"
    )


def _text_length(path: Path, file: str) -> TextLength:
    with path.open("rb") as opened:
        content = opened.read(MAX_TEXT + 1)
    if len(content) > MAX_TEXT:
        raise ValueError(f"{FOLDER}/{file} has more than {MAX_TEXT >> 20} MiB; split the text")
    try:
        return TextLength(characters=len(content.decode()))
    except UnicodeDecodeError as error:
        raise ValueError(f"{FOLDER}/{file} is no UTF-8 text, see its byte {error.start}; convert it") from error
