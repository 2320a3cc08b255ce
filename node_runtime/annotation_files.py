"""Which files of a bundle are to be annotated, and how large is each: pixels of a picture, characters of a text?"""

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeAlias

from node_runtime.document import AnnotationType

FOLDER = "annotation_files"
MAX_TEXT = 64 << 20  # bytes
MAX_READS = 1000

# how files of the formats begin whose sizes are read; others, e.g. SVG, have none in pixels
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"RIFF", b"II*\x00", b"MM\x00*")


@dataclass(frozen=True, kw_only=True)
class PictureSize:
    """In pixels, as the picture is stored: a rotation in its EXIF data is not applied."""

    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class TextLength:
    characters: int


Extent: TypeAlias = PictureSize | TextLength | None
"""What annotations have to lie in."""


def annotation_files(bundle: Path) -> tuple[str, ...]:
    """The paths inside ``annotation_files/``, sorted; what starts with a dot is none.

    Raises `ValueError` where there are none, and where the outputs of two would have one name.
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
    """What is wrong with the files of a bundle, for its creator to hear before anybody works on it."""
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
    """How large a file is. Raises `ValueError` for one that is no picture, or no text, where it has to be."""
    path = bundle / FOLDER / file
    match wanted:
        case AnnotationType.OBJECT_DETECTION:
            return _picture_size(path, file)
        case AnnotationType.TEXT_SPAN:
            return _text_length(path, file)
        case AnnotationType.CLASSIFICATION:
            return None


class _FewReads:
    """A file that is read at a thousand places at most: made for it, a JPEG has millions before it tells its size."""

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
