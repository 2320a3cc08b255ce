"""Samples of a container's peak memory and of its full scratch space."""

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.errors import APIError
from docker.utils import version_gte

_CGROUPS = "/sys/fs/cgroup"
_FOLDERS = (  # cgroup v1 and v2, with the engine's cgroup driver cgroupfs or systemd
    "memory/docker/{id}",
    "docker/{id}",
    "memory/system.slice/docker-{id}.scope",
    "system.slice/docker-{id}.scope",
    "memory/libpod_parent/libpod-{id}",  # Podman's
    "libpod_parent/libpod-{id}",
    "memory/machine.slice/libpod-{id}.scope",
    "machine.slice/libpod-{id}.scope/container",
    "machine.slice/libpod-{id}.scope",
)
_ASK_EVERY = 1.0  # seconds between requests to the engine, where its cgroups aren't visible


@dataclass(frozen=True)
class _Files:
    usage: Path
    stat: Path
    reclaimable: str


class MemoryGauge:
    """The memory of one container. ``peak`` is in bytes, None before the first successful sample."""

    def __init__(self, client: docker.APIClient, container: str) -> None:
        self._client = client
        self._container = container
        self._files = _find(container)
        # a running container's cgroup exists by then, if it is visible at all
        self._next = time.monotonic() + _ASK_EVERY
        self.peak: int | None = None

    def sample(self) -> None:
        self._files = self._files or _find(self._container)
        used = _read(self._files) if self._files else self._ask()
        if used is not None:
            self.peak = max(self.peak or 0, used)

    def _ask(self) -> int | None:
        if time.monotonic() < self._next or not version_gte(self._client.api_version, "1.41"):
            return None
        self._next = time.monotonic() + _ASK_EVERY
        try:
            memory = self._client.stats(self._container, stream=False, one_shot=True)["memory_stats"]
        except (APIError, KeyError):
            return None
        stat = memory.get("stats", {})
        if "usage" not in memory:
            return None
        return int(memory["usage"]) - int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))


def _find(container: str) -> _Files | None:
    for folder in cgroups_of(container):
        stat = folder / "memory.stat"
        if (folder / "memory.current").exists():
            return _Files(folder / "memory.current", stat, "inactive_file")
        if (folder / "memory.usage_in_bytes").exists():
            return _Files(folder / "memory.usage_in_bytes", stat, "total_inactive_file")
    return None


def cgroups_of(container: str) -> Iterator[Path]:
    """Candidate paths of a container's memory cgroup on this host."""
    return (Path(_CGROUPS, pattern.format(id=container)) for pattern in _FOLDERS)


def _read(files: _Files) -> int | None:
    """Usage without the reclaimable page cache, as `docker stats` shows it."""
    try:
        usage, stat = int(files.usage.read_text()), files.stat.read_text()
    except (OSError, ValueError):  # the container has exited
        return None
    fields = dict(line.split(" ", 1) for line in stat.splitlines() if " " in line)
    return max(0, usage - int(fields.get(files.reclaimable, 0)))


PLACE = "/tmp"
_FOLDER = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class ScratchGauge:
    """The scratch space of one container. ``full`` is set by a sample without free space, even one after its end.

    The file system is kept open between samples, so it can be read after the container's end.
    """

    def __init__(self, container: str) -> None:
        self._container = container
        self._place: int | None = None
        self.full = False

    def sample(self) -> None:
        with suppress(OSError):
            if self._place is None:
                self._place = _opened(self._container)
            if self._place is not None and not self.full:
                self.full = os.fstatvfs(self._place).f_bavail == 0

    def close(self) -> None:
        """Take a last sample and close the file system."""
        self.sample()
        if self._place is not None:
            os.close(self._place)
            self._place = None


def _opened(container: str) -> int | None:
    """Open /tmp through any process of the container; None when no process is visible."""
    for cgroup in cgroups_of(container):
        with suppress(FileNotFoundError):
            pid = (cgroup / "cgroup.procs").read_text().split()[0:1]
            return os.open(f"/proc/{pid[0]}/root{PLACE}", _FOLDER) if pid else None
    return None
