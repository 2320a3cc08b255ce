"""Archives of a folder (zip, tar, tar.gz), recognised by their content and unpacked as untrusted.

Only regular files and folders leave an archive, each under its own name, within limits of bytes, entries, depth and
time. Python's `zipfile` and `tarfile` parse it; they read through `_Guarded`, which bounds what a forged header can
ask for.
An archive inside an archive stays a file.
"""

import gzip
import io
import shutil
import stat
import struct
import tarfile
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, cast

from node_runtime.domain.units import size

MOST_BYTES = 1 << 30  # of all files together
MOST_ENTRIES = 10_000
MOST_DEPTH = 64
MOST_NAME, MOST_PATH = 255, 1024  # bytes of UTF-8
MOST_SECONDS = 60.0
RATIO, PLAIN = 200, 16 << 20  # bytes of files for one byte of the archive, beyond what any archive may have
_MOST_READ = 4 << 20  # bytes at once: a zip's directory, an extended header of a tar
_CHUNK = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1  # flag of a zip's entry
# what Python's modules raise for archives that are damaged or forged
_DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, gzip.BadGzipFile, struct.error, EOFError),
    *(NotImplementedError, OverflowError, RuntimeError, ValueError),
)


class ArchiveRefused(ValueError):
    """An archive that isn't unpacked: what it holds, what it claims, or how it is damaged."""


def is_archive(path: Path) -> bool:
    """Whether the file begins as a zip, tar or tar.gz does. Its name is of no account."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _kind(file) != ""


@contextmanager
def unpacked(archive: Path, scratch: AbstractContextManager[Path]) -> Iterator[Path]:
    """Unpack an archive into a folder of `scratch` and yield it. Raises `ArchiveRefused`."""
    with scratch as place:
        folder = place / "unpacked"
        folder.mkdir()
        unpack(archive, folder)
        yield folder


def unpack(archive: Path, target: Path) -> None:
    """Unpack an archive into an empty folder. Raises `ArchiveRefused`; the folder then holds a part."""
    packed = archive.stat().st_size
    sink = _Sink(target=target, most=min(MOST_BYTES, max(PLAIN, RATIO * packed)))
    until = time.monotonic() + MOST_SECONDS
    with archive.open("rb") as file:
        kind = _kind(file)
        with _opened_stream(kind, file) as stream:
            guarded = _Guarded(stream, until=until)
            try:
                (_unzip if kind == "zip" else _untar)(guarded, sink)
            except UnicodeDecodeError as error:
                raise ArchiveRefused("a name in it is not UTF-8; rename it, and pack it again") from error
            except ArchiveRefused:
                raise
            except _DAMAGED as error:
                raise ArchiveRefused(f"it is damaged: {_shown(str(error))[:160]}; pack it again") from error


def _kind(file: BinaryIO) -> str:
    head = file.read(512)
    file.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return "zip"
    return "tar.gz" if head.startswith(b"\x1f\x8b") else "tar" if head[257:262] == b"ustar" else ""


def _opened_stream(kind: str, file: BinaryIO) -> AbstractContextManager[BinaryIO]:
    if kind == "tar.gz":
        return cast(AbstractContextManager[BinaryIO], gzip.GzipFile(fileobj=file))
    if kind:
        return nullcontext(file)
    raise ArchiveRefused("it is neither a zip nor a tar nor a tar.gz; pack it as one of them")


class _Guarded(io.RawIOBase):
    """A stream that refuses reads of more than `_MOST_READ` at once, seeks past every limit, and both after `until`."""

    def __init__(self, stream: BinaryIO, *, until: float) -> None:
        self._stream = stream
        self._until = until

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, count: int | None = -1, /) -> bytes:
        asked = _MOST_READ + 1 if count is None or count < 0 else count
        self._check_time()
        found = self._stream.read(min(asked, _MOST_READ + 1))
        if len(found) > _MOST_READ:
            raise ArchiveRefused("a header or a directory in it is too large; pack it again, with fewer files")
        return found

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._check_time()
        if whence == 0 and not 0 <= offset <= MOST_BYTES + _MOST_READ * 2:
            raise ArchiveRefused(f"it has more than {size(MOST_BYTES)}; leave out what the image doesn't need")
        return self._stream.seek(offset, whence)

    def tell(self) -> int:
        return self._stream.tell()

    def _check_time(self) -> None:
        if time.monotonic() > self._until:
            raise ArchiveRefused(f"it takes more than {MOST_SECONDS:g} s; pack fewer and smaller files")


@dataclass(kw_only=True)
class _Sink:
    """The folder that an archive is unpacked into. ``names`` are its files and folders by now, each by its `_key`."""

    target: Path
    most: int
    total: int = 0  # bytes
    entries: int = 0
    names: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def claim(self, name: str, *, is_folder: bool, length: int = 0) -> Path | None:
        """Return the place of an entry; None for the top folder. Raises `ArchiveRefused`."""
        self.entries += 1
        self.total += length
        if length < 0 or self.total > self.most:
            claimed = "" if self.most == MOST_BYTES else ", too much for an archive of this size"
            told = f"the files up to {_shown(name)} claim more than {size(self.most)} in all{claimed}"
            raise ArchiveRefused(f"{told}; leave out what the image doesn't need")
        path = name.removesuffix("/") if is_folder else name
        while path.startswith("./"):  # as `tar -C folder -c .` writes them
            path = path[2:]
        if is_folder and path in ("", "."):
            return None
        parts = path.split("/")
        _check_name(name, parts)
        for depth in range(1, len(parts)):
            self._know("/".join(parts[:depth]), is_folder=True)
        self._know(path, is_folder=is_folder)
        if max(self.entries, len(self.names)) > MOST_ENTRIES:
            raise ArchiveRefused(f"it has more than {MOST_ENTRIES} entries; leave out what the image doesn't need")
        return self.target / path

    def folder(self, place: Path | None) -> None:
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)

    def file(self, place: Path | None, content: IO[bytes], *, length: int, executable: bool) -> None:
        assert place is not None  # a file has a name
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            shutil.copyfileobj(content, file, _CHUNK)
            if file.tell() != length:
                raise ArchiveRefused(f"{_shown(place.name)} has another length than it claims; pack it again")
        place.chmod(0o755 if executable else 0o644)

    def _know(self, path: str, *, is_folder: bool) -> None:
        key = _key(path)
        if key not in self.names:
            self.names[key] = path, is_folder
            return
        known, was_folder = self.names[key]
        if known != path:
            raise ArchiveRefused(f"{_shown(known)} and {_shown(path)} are one name on other machines; rename one")
        if not (is_folder and was_folder):
            raise _refused(path, "is in it twice", "pack it again, with each file once")


def _key(path: str) -> str:
    """The name as file systems without case and with another composition of characters see it."""
    return unicodedata.normalize("NFC", path).casefold()


def _check_name(name: str, parts: list[str]) -> None:
    """Raise `ArchiveRefused` for a name that could leave the folder or deceive a reader."""
    if name.startswith("/"):
        raise _refused(name, "is an absolute path", "pack the folder's content with relative ones")
    if ".." in parts:
        raise _refused(name, "leads out of the archive by '..'", "pack the folder's content alone")
    if "" in parts or "." in parts:
        raise _refused(name, "has an empty or '.' part", "pack it again")
    if "\\" in name:
        raise _refused(name, "has a backslash", "pack it by a program that separates folders by '/'")
    if any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in name):
        raise _refused(name, "is not UTF-8 or has control characters", "rename it, and pack it again")
    if len(name.encode()) > MOST_PATH or any(len(part.encode()) > MOST_NAME for part in parts):
        raise _refused(name[:40] + "…", f"is longer than {MOST_NAME} bytes, or {MOST_PATH} with folders", "rename it")
    if len(parts) > MOST_DEPTH:
        raise _refused(name[:40] + "…", f"is deeper than {MOST_DEPTH} folders", "use fewer folders")


def _unzip(stream: _Guarded, sink: _Sink) -> None:
    with zipfile.ZipFile(cast(IO[bytes], stream), metadata_encoding="utf-8") as zipped:
        for info in zipped.infolist():
            name = info.orig_filename  # the other one is cut at a NUL
            _check_type(name, stat.S_IFMT(info.external_attr >> 16) or stat.S_IFREG)
            if info.flag_bits & _ENCRYPTED:
                raise _refused(name, "is encrypted", "pack it without a password")
            if info.compress_type not in _METHODS:
                raise _refused(name, "is not compressed by deflate", "pack it again, by a usual program")
            place = sink.claim(name, is_folder=info.is_dir(), length=info.file_size)
            if info.is_dir():
                sink.folder(place)
                continue
            with zipped.open(info) as content:
                executable = bool(info.external_attr >> 16 & stat.S_IXUSR)
                sink.file(place, content, length=info.file_size, executable=executable)


_TYPES = {
    tarfile.SYMTYPE: stat.S_IFLNK,
    tarfile.LNKTYPE: stat.S_IFLNK,
    tarfile.DIRTYPE: stat.S_IFDIR,
    tarfile.REGTYPE: stat.S_IFREG,
    tarfile.AREGTYPE: stat.S_IFREG,
}


def _untar(stream: _Guarded, sink: _Sink) -> None:
    with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:", encoding="utf-8", errors="strict") as tar:
        for member in tar:
            if member.issparse():
                raise _refused(member.name, "is a sparse file", "pack it without --sparse")
            _check_type(member.name, _TYPES.get(member.type, stat.S_IFCHR))
            place = sink.claim(member.name, is_folder=member.isdir(), length=member.size)
            content = tar.extractfile(tarfile.data_filter(member, str(sink.target)))
            if content is None:
                sink.folder(place)
                continue
            with content:
                sink.file(place, content, length=member.size, executable=bool(member.mode & stat.S_IXUSR))


def _check_type(name: str, kind: int) -> None:
    if kind == stat.S_IFLNK:
        raise _refused(name, "is a link", "put there what it points to: only regular files and folders are kept")
    if kind not in (stat.S_IFREG, stat.S_IFDIR):
        raise _refused(name, "is a device or a pipe", "leave it out: only regular files and folders are kept")


def _refused(name: str, reason: str, remedy: str) -> ArchiveRefused:
    return ArchiveRefused(f"{_shown(name)} {reason}; {remedy}")


def _shown(name: str) -> str:
    return name if name.isprintable() else ascii(name)[1:-1]
