"""Files of this machine: OSError as `HostError`, atomic writes, private modes.

An atomic write shows a reader the old content or the new content, never a part. Private folders and files are those of
work folders, configurations and a network: existing ones with wider modes are tightened, and folders of another user,
who can read and change their files, are refused.
"""

import errno
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.errors import ConfigError, DiskFull, HostError

FOLDER, FILE = 0o700, 0o600  # modes of private folders and files
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def host_errors(place: Path) -> Iterator[None]:
    """Translate an `OSError` in the block into `HostError`; let other errors pass."""
    try:
        yield
    except OSError as error:
        raise _host_error(error, place) from error


@contextmanager
def host_error_boundary() -> Iterator[None]:
    """Translate every `OSError` of this machine's files that no `host_errors` inside has: the last resort of a command.

    Also a decorator, for the functions of the Python API. The message names the file where the error does.
    """
    try:
        yield
    except OSError as error:
        if not _is_of_files(error):
            raise
        raise _host_error(error, _place_of(error)) from error


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """Yield a temporary folder, removed at the end; as `host_error_boundary`, with the folder as the likely place.

    It is in ``parent``, or where temporary files are on this machine.
    """
    import tempfile  # lazy: it is slow to import, and every command imports this module

    place: Path | None = None
    try:
        with tempfile.TemporaryDirectory(prefix="node-runtime-", dir=parent) as folder:
            place = Path(folder)
            yield place
    except OSError as error:
        if not _is_of_files(error):
            raise
        raise _host_error(error, _place_of(error) or place) from error


def _is_of_files(error: OSError) -> bool:
    """Whether it is no error of a connection; libraries derive theirs from `OSError`, without a number."""
    if isinstance(error, shutil.Error):  # of `copytree`, which lists the errors of the single files
        return True
    return error.errno is not None and error.errno > 0 and not isinstance(error, ConnectionError | TimeoutError)


def _place_of(error: OSError) -> str | None:
    """Return the file that the error names; of two, of a copy or a renaming, the target."""
    if isinstance(error, shutil.Error):
        return str(error.args[0][0][1])
    named = error.filename2 or error.filename
    return None if named is None else os.fsdecode(named) if isinstance(named, str | bytes) else str(named)


def _host_error(error: OSError, place: object) -> HostError:
    """``place`` is None where the error tells none: a write to an open file, often to the command's own output."""
    where = f"working in {place}" if place is not None else "reading or writing a file"
    reason = str(error.args[0][0][2]) if isinstance(error, shutil.Error) else error.strerror or str(error)
    if error.errno in _FULL:
        remedy = "free disk space there" if place is not None else "free disk space (`df` shows which disk is full)"
        return DiskFull(f"{where} failed: {reason}", remedy=remedy)
    return HostError(f"{where} failed: {reason}", remedy="check that folder and its rights")


def write_atomically(path: Path, content: str | bytes, *, mode: int = 0o666) -> None:
    """Replace the file at `path`; text is encoded as UTF-8, the process's umask applies to ``mode``.

    Raises `HostError`, leaving the old file. A killed process may leave a temporary file ``.<name>.<random>.part``.
    """
    part = path.with_name(f".{path.name}.{os.urandom(4).hex()}.part")
    data = content.encode() if isinstance(content, str) else content
    with host_errors(path):
        try:
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as file:
                file.write(data)
            part.replace(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def private_folder(folder: Path) -> None:
    """Create the folder or tighten its mode. Raises `ConfigError` for another user's folder, and `HostError`."""
    with host_errors(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER)
        found = folder.stat()
        if found.st_uid != os.geteuid():
            raise ConfigError(
                f"{folder} belongs to {_user(found.st_uid)}, who can read and change whatever is put there",
                remedy=f"chown {os.geteuid()} it, or name another folder",
            )
        if found.st_mode & _OTHERS:
            folder.chmod(FOLDER)


def private_file(path: Path) -> None:
    """Create the file empty, or tighten the mode of an existing one."""
    with host_errors(path):
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, FILE))
        tighten(path)


def write_private(path: Path, text: str) -> None:
    """Write a file atomically; other users can't read it at any moment."""
    write_atomically(path, text, mode=FILE)


def tighten(path: Path) -> int | None:
    """Remove group and other permissions; return the old mode if there were any. Raises `OSError`."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & _OTHERS:
        return None
    path.chmod(mode & ~_OTHERS)
    return mode


def _user(number: int) -> str:
    try:
        return f"user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"user {number}"
