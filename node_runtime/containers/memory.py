"""How much memory did a container use? The largest sample of its working set, as cheaply as this host allows."""

import time
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
)
_ASK_EVERY = 1.0  # seconds between questions to the engine, where its cgroups aren't visible


@dataclass(frozen=True)
class _Files:
    usage: Path
    stat: Path
    reclaimable: str


class MemoryGauge:
    """One container's. ``peak`` is bytes, None before the first sample that succeeded."""

    def __init__(self, client: docker.APIClient, container: str) -> None:
        self._client = client
        self._container = container
        self._files = _find(container)
        # by then the cgroup of one that still runs is there, if it can be seen at all
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
    for pattern in _FOLDERS:
        folder = Path(_CGROUPS, pattern.format(id=container))
        stat = folder / "memory.stat"
        if (folder / "memory.current").exists():
            return _Files(folder / "memory.current", stat, "inactive_file")
        if (folder / "memory.usage_in_bytes").exists():
            return _Files(folder / "memory.usage_in_bytes", stat, "total_inactive_file")
    return None


def _read(files: _Files) -> int | None:
    """Usage without the page cache that could be dropped at once: what `docker stats` shows."""
    try:
        usage, stat = int(files.usage.read_text()), files.stat.read_text()
    except (OSError, ValueError):  # the container has ended
        return None
    fields = dict(line.split(" ", 1) for line in stat.splitlines() if " " in line)
    return max(0, usage - int(fields.get(files.reclaimable, 0)))
