"""Reader and writer of model folders: JSON and plain arrays, without framework or pickle.

``structure.json`` is the output of Keras' ``Model.to_json()``. ``weights.npz`` holds an array per variable, named
``<layer>/<variable>``, in NumPy's format (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
``info.json`` is ``{"name": …, "contributor": …, "samples": N, "accuracy": …}``; ``samples`` is the number of training
examples. Folders are untrusted: sizes are checked before anything is read.
"""

import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

STRUCTURE, WEIGHTS, INFO = "structure.json", "weights.npz", "info.json"
MAX_STRUCTURE = 16 << 20  # bytes
MAX_INFO = 1 << 20
MAX_WEIGHTS = 4 << 30
MAX_ARRAYS = 10_000
MAX_DIRECTORY = MAX_ARRAYS * 512  # bytes of the archive's central directory
MAX_SAMPLES = 1 << 53
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # of numpy.savez and numpy.savez_compressed
_HEADER = 4096  # maximum bytes of an array's header
_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # fixed, so that equal weights give equal bytes

Json = Any
Weights = dict[str, NDArray[Any]]


class ModelRefused(ValueError):
    """An unusable model. ``place`` is the location in its folder, e.g. ``weights.npz: dense/kernel``."""

    def __init__(self, place: str, reason: str, *, remedy: str) -> None:
        super().__init__(f"{place}: {reason}; {remedy}")
        self.place, self.reason, self.remedy = place, reason, remedy


@dataclass(frozen=True, kw_only=True)
class ModelInfo:
    """The content of info.json: ``samples`` is the weight in an average, ``rest`` the other keys."""

    name: str
    contributor: str
    samples: int
    rest: Mapping[str, Json]


@dataclass(frozen=True, kw_only=True)
class ModelContents:
    structure: Json
    weights: Weights
    info: ModelInfo


def read_info(folder: Path) -> ModelInfo:
    """Raises `ModelRefused`."""
    found = _read_json(folder / INFO, MAX_INFO)
    remedy = 'write {"name": …, "contributor": …, "samples": …} into it'
    if not isinstance(found, dict):
        raise ModelRefused(INFO, "not a JSON object", remedy=remedy)
    samples = found.get("samples")
    if isinstance(samples, bool) or not isinstance(samples, int) or not 0 < samples <= MAX_SAMPLES:
        said = "is missing" if samples is None else f"is {_short(samples)}"
        raise ModelRefused(
            f"{INFO}: samples", said, remedy="say how many examples the model was trained on, at least 1"
        )
    rest = {key: value for key, value in found.items() if key not in ("name", "contributor", "samples")}
    name, contributor = (_text(found, key, remedy) for key in ("name", "contributor"))
    return ModelInfo(name=name, contributor=contributor, samples=samples, rest=rest)


def read_structure(folder: Path) -> Json:
    """Raises `ModelRefused`."""
    return _read_json(folder / STRUCTURE, MAX_STRUCTURE)


def read_weights(folder: Path, *, limit: int = MAX_WEIGHTS) -> Weights:
    """Read all arrays by name, in the file's order, at most `limit` bytes together. Raises `ModelRefused`."""
    try:
        path = _opened(folder / WEIGHTS)
        with path.open("rb") as opened:
            # zipfile reads the central directory in one piece before any check
            file = _Bounded(opened, MAX_DIRECTORY)
            with zipfile.ZipFile(cast(IO[bytes], file)) as archive:
                file.most = limit
                entries = _entries(archive, limit, length=path.stat().st_size)
                return {name: _read_array(archive, entry, name) for name, entry in entries.items()}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeError) as error:
        raise ModelRefused(WEIGHTS, f"not a NumPy archive: {error}", remedy="write it with numpy.savez") from error


def write_model(model: ModelContents, folder: Path) -> None:
    """Write a model into a new or empty folder. Equal models give equal bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / STRUCTURE).write_text(json.dumps(model.structure, indent=1) + "\n")
    info = {"name": model.info.name, "contributor": model.info.contributor, "samples": model.info.samples}
    (folder / INFO).write_text(json.dumps({**info, **model.info.rest}, indent=1) + "\n")
    with zipfile.ZipFile(folder / WEIGHTS, "w") as archive:
        for name, array in model.weights.items():
            content = io.BytesIO()
            npy.write_array(content, array, allow_pickle=False)
            # in one write: the format of entries of unknown size differs between Python versions
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", date_time=_FIRST_DAY), content.getbuffer())


class _Bounded:
    """File wrapper that refuses single reads of more than ``most`` bytes."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self.most = most
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if size > self.most:
            raise zipfile.BadZipFile(f"{size:,} bytes in one piece, more than {self.most:,}")
        return self._file.read(size)


def _entries(archive: zipfile.ZipFile, limit: int, *, length: int) -> dict[str, zipfile.ZipInfo]:
    found = archive.infolist()
    remedy = "write it with numpy.savez, an array for each variable of each layer"
    if not found:
        raise ModelRefused(WEIGHTS, "there are no weights in it", remedy=remedy)
    if len(found) > MAX_ARRAYS or sum(entry.file_size for entry in found) > limit:
        size = sum(entry.file_size for entry in found)
        raise ModelRefused(
            WEIGHTS,
            f"{len(found)} arrays of {size:,} bytes together",
            remedy=f"at most {MAX_ARRAYS:,} arrays and {limit:,} bytes are read here",
        )
    for entry in found:
        if entry.compress_type not in _COMPRESSIONS or not 0 <= entry.header_offset < length:
            raise zipfile.BadZipFile(f"its entry {_short(repr(entry.filename))} is none of NumPy's")
        if not _is_plain(entry.filename):
            raise ModelRefused(WEIGHTS, f"an array is called {_short(ascii(entry.filename))}", remedy=remedy)
    entries = {entry.filename.removesuffix(".npy"): entry for entry in found if entry.filename.endswith(".npy")}
    if len(entries) < len(found):
        raise ModelRefused(WEIGHTS, "it holds something else than arrays, or one array twice", remedy=remedy)
    return entries


def _is_plain(name: str) -> bool:
    """Return whether a name unpacks inside the target folder."""
    return name.isprintable() and not {"", ".", ".."} & set(name.split("/"))


def _read_array(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str) -> NDArray[Any]:
    place = f"{WEIGHTS}: {name}"
    with archive.open(entry) as member:
        shape, by_columns, kind = _header(member, place)
        size = math.prod(shape) * kind.itemsize
        if kind.kind not in "fiu":
            raise ModelRefused(place, f"holds {kind}, not numbers", remedy="save plain arrays of numbers, no objects")
        if min(shape, default=0) < 0 or not size <= entry.file_size <= size + _HEADER:
            said = f"says it has the shape {_short(shape)}, but not so many numbers"
            raise ModelRefused(place, said, remedy="save it again")
        content = member.read(size)
    if len(content) < size:
        raise ModelRefused(place, "ends too early", remedy="save it again")
    try:
        array = np.frombuffer(content, dtype=kind).reshape(shape, order="F" if by_columns else "C")
    except (ValueError, TypeError, OverflowError) as error:  # too many dimensions, or too long ones
        raise ModelRefused(place, f"has no such shape: {_short(error)}", remedy="save it again") from error
    if kind.kind == "f" and not np.isfinite(array).all():
        bad = int(array.size - np.isfinite(array).sum())
        raise ModelRefused(place, f"{bad} of {array.size} weights are no finite numbers", remedy="train it again")
    return array


def _header(member: IO[bytes], place: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    try:
        version = npy.read_magic(member)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[version]
        shape, by_columns, kind = read(member, max_header_size=_HEADER)
    except (ValueError, KeyError, SyntaxError, TypeError, RecursionError) as error:
        raise ModelRefused(place, f"not a NumPy array: {_short(error)}", remedy="write it with numpy.savez") from error
    return shape, by_columns, kind


def _read_json(path: Path, limit: int) -> Json:
    with _opened(path).open("rb") as file:
        text = file.read(limit + 1)
    if len(text) > limit:
        raise ModelRefused(
            path.name, f"larger than {limit:,} bytes", remedy="only the model's own description is needed"
        )
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ModelRefused(path.name, f"not JSON: {_short(error)}", remedy="save the model again") from error


def _opened(path: Path) -> Path:
    if path.is_symlink() or not path.is_file():
        raise ModelRefused(
            path.name, "isn't there", remedy=f"a model folder has {STRUCTURE}, {WEIGHTS} and {INFO} at its top"
        )
    return path


def _text(found: Mapping[str, Json], key: str, remedy: str) -> str:
    value = found.get(key)
    if not isinstance(value, str) or not 0 < len(value) <= 256:
        raise ModelRefused(f"{INFO}: {key}", "is missing" if value is None else "is no short text", remedy=remedy)
    return value


def _short(value: object) -> str:
    text = str(value)
    return text if len(text) <= 120 else text[:117] + "..."
