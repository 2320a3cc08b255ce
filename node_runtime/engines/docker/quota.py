"""Folders with a quota: a mounted file system of that size where this process may mount, else a watched folder.

Mounted: an ext4 in a sparse file, exact in the number of entries and within a few MiB in bytes. Watched: each tick of
the run counts bytes and entries, and the container is killed above the quota; writes between two ticks may exceed it.
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

import psutil

from node_runtime.errors import HostError
from node_runtime.platform.files import private_file, private_folder
from node_runtime.platform.host_commands import need_tool, run_tool, tool_failed, tool_path
from node_runtime.ports.engine import Mount

from .client import shares_mounts


def remove_folder(folder: Path) -> None:
    """Remove a folder with its contents. Idempotent. Raises `HostError`, e.g. when something is mounted in it.

    Uses `rm`, which handles trees of any depth.
    """
    remove = ["rm", "-rf", "--one-file-system", "--", str(folder)]
    if run_tool(remove).returncode != 0:
        run_tool(["chmod", "-R", "u+rwX", "--", str(folder)])
        need_tool(remove, f"folder {folder}")


def unmount(folder: Path) -> None:
    """Unmount lazily: open files stay usable, but the mount disappears from the path at once."""
    while folder.is_mount():
        ended = run_tool(["umount", "--lazy", str(folder)])
        if ended.returncode != 0 and folder.is_mount():  # else it was unmounted concurrently
            raise tool_failed(ended, f"unmounting {folder}")


def unmount_below(folder: Path) -> None:
    """Unmount everything on the folder and below it, as far as this user may."""
    inside = os.fspath(folder.resolve())
    points = [part.mountpoint for part in psutil.disk_partitions(all=True)]
    for point in sorted(points, key=len, reverse=True):  # inner ones first
        if point == inside or point.startswith(f"{inside}/"):
            run_tool(["umount", "--lazy", point])


_MIB = 1 << 20
_SLACK = 6 * _MIB  # a large write fails as a whole, so the slack lets writes reach the quota
_DEEPEST = 100  # nesting depth, when watching
_OPTIONS = "loop,nosuid,nodev,noatime"
_TOOLS = ("mount", "umount", "unshare", "mkfs.ext4", "e2fsck")


class QuotaMode(StrEnum):
    MOUNTED = "mounted"  # exact within a few MiB
    WATCHED = "watched"  # may be exceeded by the writes within a tick


class Folders:
    """The quota folders of one node. Thread-safe; each folder is used by one thread at a time.

    ``images`` is the folder of the file systems, ``files`` the limit of entries in a folder. ``socket`` is the
    engine's; None when it isn't on this machine or mounting is disabled.
    """

    def __init__(self, images: Path, *, files: int, socket: Path | None) -> None:
        self._images = images
        self._files = files
        self._socket = socket
        self._mode: QuotaMode | None = None
        self._guard = threading.Lock()

    def mode(self) -> QuotaMode:
        """The mode that works here, tested once."""
        with self._guard:
            if self._mode is None:
                mountable = self._socket is not None and shares_mounts(self._socket) and self._try_mount()
                self._mode = QuotaMode.MOUNTED if mountable else QuotaMode.WATCHED
            return self._mode

    def open(self, folder: Path, quota: int) -> None:
        """Create `folder` with a quota. An existing one stays unchanged; its file system is mounted after a reboot.

        A file system that is damaged is made anew: what has to be kept is opened with `reopen`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        if not _has_content(folder) and self.mode() is QuotaMode.MOUNTED:
            self._mount(folder, self._image(folder), quota)

    def reopen(self, folder: Path) -> None:
        """Mount an existing folder's file system, which a reboot has unmounted. It is repaired, never made anew.

        Raises `HostError` where that can't be done here or now; what the folder held stays in the file system.
        """
        image = self._image(folder)
        if not image.exists() or _has_content(folder):
            return
        what = f"quota folder {folder}"
        if self.mode() is not QuotaMode.MOUNTED:
            raise HostError(
                f"{what}: its file system {image} can't be mounted by this process",
                remedy="run the daemon as before: as root, on its engine's machine, with loop devices",
            )
        if not (_checked(image, "-p") or _checked(image, "-y")):
            raise HostError(
                f"{what}: its file system {image} is damaged and e2fsck can't repair it",
                remedy=f"see what 'e2fsck -f {image}' says, or restore the file from a backup",
            )
        _attach(image, folder, what)

    def close(self, folder: Path) -> None:
        """Remove the folder, its contents and its file system. Idempotent."""
        unmount(folder)
        self._image(folder).unlink(missing_ok=True)
        remove_folder(folder)

    def give(self, mounts: Iterable[Mount], owner: tuple[int, int]) -> None:
        """Give writable mounts and their contents to the container's user before the start. Follows no link."""
        if os.geteuid() != 0:
            return
        for mount in mounts:
            for _, folders, files, descriptor in os.fwalk(mount.source):
                for name in (*folders, *files):
                    os.chown(name, *owner, dir_fd=descriptor, follow_symlinks=False)
            os.chown(mount.source, *owner)

    def watched(self, mounts: Iterable[Mount]) -> tuple[Mount, ...]:
        """The writable mounts without a file system of their own."""
        return tuple(mount for mount in mounts if not _mounted_at(mount.source))

    def overflow(self, watched: Iterable[Mount]) -> bool:
        """Whether one of the watched mounts exceeds its quota."""
        return any(_outgrown(mount.source, mount.quota or 0, self._files) for mount in watched)

    def full(self, mounts: Iterable[Mount]) -> bool:
        """Whether an output folder is full or exceeds its quota."""
        return any(self._is_full(mount) and self._by_outputs(mount) for mount in mounts)

    def full_scratch(self, mounts: Iterable[Mount]) -> tuple[str, ...]:
        """The targets of full folders that hold more than outputs."""
        return tuple(mount.target for mount in mounts if self._is_full(mount) and not self._by_outputs(mount))

    def _is_full(self, mount: Mount) -> bool:
        quota = mount.quota or 0
        if _mounted_at(mount.source):
            return _used_up(mount.source, quota)
        return _outgrown(mount.source, quota, self._files)

    def _by_outputs(self, mount: Mount) -> bool:
        if mount.outputs is None:
            return True
        place = mount.source / mount.outputs.entry
        return not place.is_symlink() and _outgrown(place, mount.outputs.most, self._files)

    def _image(self, folder: Path) -> Path:
        """Return the folder's image, named by its path below the work folder, which may be moved.

        Earlier releases named it by the absolute path.
        """
        path, work = folder.absolute(), self._images.absolute().parent
        names = (path.relative_to(work), path) if path.is_relative_to(work) else (path,)
        images = [self._images / f"{hashlib.sha256(os.fsencode(name)).hexdigest()[:32]}.ext4" for name in names]
        return next((image for image in images if image.exists()), images[0])

    def _mount(self, folder: Path, image: Path, quota: int) -> None:
        what = f"quota folder {folder}"
        if not (image.exists() and _checked(image, "-p")):
            private_folder(image.parent)
            private_file(image)
            with image.open("wb") as file:
                self._format(file, quota, what)
        _attach(image, folder, what)

    def _format(self, image: IO[bytes], quota: int, what: str) -> None:
        # plus the inodes, ext4's reserve (2 %) and its tables
        image.truncate(quota + quota // 32 + self._files * 256 + _SLACK)
        options = ["-Elazy_itable_init=1,nodiscard", "-O^has_journal,^resize_inode"]
        size = ["-b4096", "-I256", f"-N{self._files}", "-m0"]
        need_tool(["mkfs.ext4", "-q", "-F", *size, *options, _path_of(image)], what, files=[image.fileno()])

    def _try_mount(self) -> bool:
        """Try a mount without leftovers if killed: the file is unnamed, the mount is in its own namespace."""
        if os.geteuid() != 0 or not all(tool_path(tool) for tool in _TOOLS):
            return False
        private_folder(self._images)
        with tempfile.TemporaryFile(dir=self._images) as image:
            mount = ["unshare", "--mount", "mount", "-o", _OPTIONS, _path_of(image), str(self._images)]
            try:
                self._format(image, _MIB, "trial of quotas")
            except HostError:
                return False
            return run_tool(mount, files=[image.fileno()]).returncode == 0


def _path_of(file: IO[bytes]) -> str:
    """A path of the open file for a child process that inherits it."""
    return f"/proc/self/fd/{file.fileno()}"


def _has_content(folder: Path) -> bool:
    """Whether the folder is mounted, or has entries, e.g. of a backup, which a mount would hide."""
    return folder.is_mount() or any(folder.iterdir())


def _checked(image: Path, how: str) -> bool:
    """Check the file system and repair it: ``-p`` what is safe, ``-y`` everything. Return whether it is sound now."""
    return run_tool(["e2fsck", how, str(image)]).returncode in (0, 1)


def _attach(image: Path, folder: Path, what: str) -> None:
    need_tool(["mount", "-o", _OPTIONS, str(image), str(folder)], what)
    with suppress(OSError):  # it is missing, or holds what a repair has found
        Path(folder, "lost+found").rmdir()


def _mounted_at(source: Path) -> bool:
    """Whether the source is a mounted quota folder or lies in one."""
    return any(folder.is_mount() for folder in (source, source.parent))


def _used_up(source: Path, quota: int) -> bool:
    room = os.statvfs(source)
    return (room.f_blocks - room.f_bfree) * room.f_frsize > quota or room.f_ffree == 0


def _outgrown(source: Path, quota: int, files: int) -> bool:
    """Count allocated bytes and entries; an unreadable or too deep folder counts as over the quota."""
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
        except (FileNotFoundError, NotADirectoryError):  # removed or replaced concurrently
            continue
        except OSError:
            return True
    return False
