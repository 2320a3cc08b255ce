"""How is a folder kept from outgrowing its quota? A file system of that size where we may mount, else by watching it.

Mounted: an ext4 in a sparse file, exact in number of entries and within a few MiB in bytes. Watched: every tick of the
run the bytes and entries are counted and the container is killed when there are too many; what it writes between two
looks goes over.
"""

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import IO

from node_runtime.containers.peer import shares_mounts
from node_runtime.containers.removal import remove_folder, unmount
from node_runtime.containers.tools import need_tool, run_tool, tool_path
from node_runtime.errors import HostError
from node_runtime.ports import Mount

_MIB = 1 << 20
_SLACK = 6 * _MIB  # a large write is refused as a whole: so the quota is passed before the file system is full
_DEEPEST = 100  # folders in folders, when watching
_OPTIONS = "loop,nosuid,nodev,noatime"
_TOOLS = ("mount", "umount", "unshare", "mkfs.ext4", "e2fsck")


class QuotaMode(StrEnum):
    MOUNTED = "mounted"  # exact within a few MiB
    WATCHED = "watched"  # may be overshot by what is written within a tick


class Folders:
    """The bounded folders of one node. Safe to share between threads; each folder is used by one of them at a time.

    ``images`` is where the file systems lie, ``owner`` who may write into the folders, ``files`` how many entries they
    may have. ``socket`` is the engine's, None when it isn't on this machine or nothing is to be mounted.
    """

    def __init__(self, images: Path, *, owner: tuple[int, int], files: int, socket: Path | None) -> None:
        self._images = images
        self._owner = owner
        self._files = files
        self._socket = socket
        self._mode: QuotaMode | None = None
        self._guard = threading.Lock()

    def mode(self) -> QuotaMode:
        """Which way works here, tried once."""
        with self._guard:
            if self._mode is None:
                mountable = self._socket is not None and shares_mounts(self._socket) and self._try_mount()
                self._mode = QuotaMode.MOUNTED if mountable else QuotaMode.WATCHED
            return self._mode

    def open(self, folder: Path, quota: int) -> None:
        """Make `folder` writable for containers and bounded. One that is there stays as it is."""
        folder.mkdir(parents=True, exist_ok=True)
        if folder.is_mount():
            return
        if self.mode() is QuotaMode.MOUNTED:
            self._mount(folder, self._image(folder), quota)
        elif os.geteuid() == 0:
            os.chown(folder, *self._owner)

    def close(self, folder: Path) -> None:
        """The folder, what is in it and what bounded it are gone."""
        unmount(folder)
        self._image(folder).unlink(missing_ok=True)
        remove_folder(folder)

    def give(self, mounts: Iterable[Mount]) -> None:
        """What lies in writable mounts before the start belongs to the container's user. Follows no link."""
        if os.geteuid() != 0:
            return
        for mount in mounts:
            for _, folders, files, descriptor in os.fwalk(mount.source):
                for name in (*folders, *files):
                    os.chown(name, *self._owner, dir_fd=descriptor, follow_symlinks=False)
            os.chown(mount.source, *self._owner)

    def watched(self, mounts: Iterable[Mount]) -> tuple[Mount, ...]:
        """Those that nothing but watching bounds."""
        return tuple(mount for mount in mounts if not _mounted_at(mount.source))

    def overflow(self, watched: Iterable[Mount]) -> bool:
        """Whether one of them has grown too large."""
        return any(_outgrown(mount.source, mount.quota or 0, self._files) for mount in watched)

    def full(self, mounts: Iterable[Mount]) -> bool:
        """Whether a folder has no room left, or more in it than it may."""
        return any(
            _used_up(mount.source, mount.quota or 0)
            if _mounted_at(mount.source)
            else _outgrown(mount.source, mount.quota or 0, self._files)
            for mount in mounts
        )

    def _image(self, folder: Path) -> Path:
        return self._images / f"{hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:32]}.ext4"

    def _mount(self, folder: Path, image: Path, quota: int) -> None:
        what = f"quota folder {folder}"
        if not (image.exists() and run_tool(["e2fsck", "-p", str(image)]).returncode in (0, 1)):
            image.parent.mkdir(parents=True, exist_ok=True)
            with image.open("wb") as file:
                self._format(file, quota, what)
        need_tool(["mount", "-o", _OPTIONS, str(image), str(folder)], what)
        with suppress(FileNotFoundError):
            Path(folder, "lost+found").rmdir()

    def _format(self, image: IO[bytes], quota: int, what: str) -> None:
        # room for the inodes, for what ext4 keeps in reserve (2 %) and for its own tables
        image.truncate(quota + quota // 32 + self._files * 256 + _SLACK)
        uid, gid = self._owner
        options = [f"-Eroot_owner={uid}:{gid},lazy_itable_init=1,nodiscard", "-O^has_journal,^resize_inode"]
        size = ["-b4096", "-I256", f"-N{self._files}", "-m0"]
        need_tool(["mkfs.ext4", "-q", "-F", *size, *options, _path_of(image)], what, files=[image.fileno()])

    def _try_mount(self) -> bool:
        """Leaves nothing, wherever this process is killed: the file has no name, the mount a namespace of its own."""
        if os.geteuid() != 0 or not all(tool_path(tool) for tool in _TOOLS):
            return False
        self._images.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._images) as image:
            mount = ["unshare", "--mount", "mount", "-o", _OPTIONS, _path_of(image), str(self._images)]
            try:
                self._format(image, _MIB, "trial of quotas")
            except HostError:
                return False
            return run_tool(mount, files=[image.fileno()]).returncode == 0


def _path_of(file: IO[bytes]) -> str:
    """For a program that is given the open file too."""
    return f"/proc/self/fd/{file.fileno()}"


def _mounted_at(source: Path) -> bool:
    """A writable mount is a bounded folder or lies in one."""
    return any(folder.is_mount() for folder in (source, source.parent))


def _used_up(source: Path, quota: int) -> bool:
    room = os.statvfs(source)
    return (room.f_blocks - room.f_bfree) * room.f_frsize > quota or room.f_ffree == 0


def _outgrown(source: Path, quota: int, files: int) -> bool:
    """Counts allocated bytes and entries; what cannot be looked into counts as too much, since it may hide anything."""
    used = entries = 0
    waiting = [(os.fspath(source), 0)]
    while waiting:
        folder, depth = waiting.pop()
        try:
            with os.scandir(folder) as found:
                for entry in found:
                    entries += 1
                    with suppress(FileNotFoundError):
                        used += entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append((entry.path, depth + 1))
                    if used > quota or entries > files or depth > _DEEPEST:
                        return True
        except (FileNotFoundError, NotADirectoryError):  # removed or replaced meanwhile
            continue
        except OSError:
            return True
    return False
