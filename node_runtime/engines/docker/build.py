"""Builds of Dockerfile folders by the engine, with a memory limit, a deadline and a floor of free disk."""

import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import docker
import requests

from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.platform.paths import without_places

from .build_environment import BuildCgroup
from .client import without_limit
from .dockerignore import IGNORE_FILE, Pattern, is_excluded, read_patterns_of

KEPT_LINES = 12  # last lines of the build's output in the message of a failed build
_CHECK_INTERVAL = 0.5  # seconds between checks of deadline and disk
_PERIOD = 100_000  # microseconds: period of the CPU quota
_EXIT_STATUS = re.compile(r'": while running runtime: exit status (\d{1,3})\s*\Z')
_LONGEST = 4096  # characters of a line of output


@dataclass(frozen=True, kw_only=True)
class BuildLimits:
    """Limits of every build of a node. ``disk`` is where the engine keeps images.

    ``cgroup`` makes the parent cgroups that limit the processes of RUN steps, where this node can make any.
    """

    network: str | None
    memory: int
    cpus: float
    cgroup: BuildCgroup
    timeout: float
    first_output: float
    disk: Path
    disk_floor: int


@dataclass(frozen=True, kw_only=True)
class Build:
    """``dockerfile`` replaces the folder's own."""

    folder: Path
    dockerfile: str
    tag: str
    labels: dict[str, str]
    arguments: dict[str, str]
    limits: BuildLimits


class BuildFailed(Exception):
    """A build failed. ``code`` is the exit code of its RUN step, None for other failures."""

    def __init__(self, reason: str, code: int | None, last: Sequence[str] = ()) -> None:
        super().__init__(reason)
        self.reason = reason
        self.code = code
        self.last = tuple(last)


def build(client: docker.APIClient, what: Build, log: Callable[[str], None], stop: threading.Event) -> None:
    """Build and tag an image, until `stop` is set.

    Raises `BuildFailed` for an error that the engine reports, whatever its cause; `TaskFailed` image_unavailable when
    the build exceeds the node's limits, at its cancellation node_error; `HostError` when the disk has too little space.
    """
    _check_room(what)
    last: deque[str] = deque(maxlen=KEPT_LINES)
    failure: BuildFailed | None = None
    with tempfile.TemporaryFile() as context, what.limits.cgroup.of(what.tag) as parent:
        write_context(what.folder, what.dockerfile, context, stop=stop)
        response = _post(client, what, context, parent)
        with _watched(response, what.limits, stop) as verdict:
            for line, error in _lines(response, known=what.dockerfile):
                last.append(line)
                log(line)
                failure = error or failure
    if stop.is_set():
        raise stopped("building")
    if verdict:
        raise TaskFailed(
            FailureCategory.IMAGE_UNAVAILABLE,
            build_failure_message(verdict[0], last),
            remedy="let it build less, or name a ready image by digest",
        )
    if failure is not None:
        raise BuildFailed(failure.reason, failure.code, last)


def build_failure_message(reason: str, last: Sequence[str]) -> str:
    return f"the image could not be built: {reason}" + "".join(("\nits last output:", *(f"\n  {one}" for one in last)))


def _check_room(what: Build) -> None:
    """Require free space for two copies of the folder above the floor: the context, and its unpacked form."""
    size = sum(Path(place, name).lstat().st_size for place, _, names in os.walk(what.folder) for name in names)
    for disk, needed in ((what.limits.disk, what.limits.disk_floor + 2 * size), (Path(tempfile.gettempdir()), size)):
        free = free_in(disk)
        if free is not None and free < needed:
            raise HostError(
                f"nothing is built: {free >> 20} MiB are free in {disk}, the folder of {size >> 20} MiB needs "
                f"{needed >> 20} MiB with the floor",
                remedy="free some disk (`docker image prune`), or lower the floor",
            )


def stopped(doing: str) -> TaskFailed:
    """The failure of a cancelled build or pull; the setter of the event knows the reason."""
    return TaskFailed(FailureCategory.NODE_ERROR, f"{doing} was stopped by this node before its end")


def write_context(folder: Path, dockerfile: str, target: IO[bytes], *, stop: threading.Event) -> None:
    """Write the folder as a reproducible tar without the paths that its .dockerignore excludes."""
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name in sorted(_included(folder, stop)):
            _check_wanted(stop)
            _add(tar, folder, name)
        entry = tarfile.TarInfo("Dockerfile")
        entry.size, entry.mode = len(dockerfile.encode()), 0o644
        tar.addfile(entry, io.BytesIO(dockerfile.encode()))
    target.seek(0)


def context_digest(folder: Path, *, stop: threading.Event) -> str:
    """Return the sha256 of what `write_context` writes, with the folder's own Dockerfile."""
    with tempfile.TemporaryFile() as context:
        write_context(folder, (folder / "Dockerfile").read_text(encoding="utf-8"), context, stop=stop)
        return hashlib.file_digest(context, "sha256").hexdigest()


def _included(folder: Path, stop: threading.Event) -> list[str]:
    """List files and folders, except the Dockerfile."""
    patterns = _ignored(folder)
    names = []
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _check_wanted(stop)
            path = Path(place, name).relative_to(folder).as_posix()
            if path != "Dockerfile" and (path == IGNORE_FILE or not is_excluded(path, patterns)):
                names.append(path)
    return names


def _ignored(folder: Path) -> tuple[Pattern, ...]:
    try:
        return read_patterns_of(folder)
    except ValueError as error:
        raise TaskFailed(
            FailureCategory.BUILD_FAILED,
            f"the image could not be built: its .dockerignore can't be used: {error}",
            remedy="write it in UTF-8, a pattern a line, and register the folder again",
        ) from error


def _check_wanted(stop: threading.Event) -> None:
    if stop.is_set():
        raise stopped("building")


def _add(tar: tarfile.TarFile, folder: Path, name: str) -> None:
    entry = tar.gettarinfo(str(folder / name), arcname=name)
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
    # assets are stored read-only; the image gets ordinary modes
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    if entry.isreg():
        with (folder / name).open("rb") as file:
            tar.addfile(entry, file)
    elif entry.isdir():
        tar.addfile(entry)


def _post(client: docker.APIClient, what: Build, context: IO[bytes], parent: str | None) -> requests.Response:
    """Start the build. The client's own `build` hides the response, which a deadline has to close."""
    limits = what.limits
    params = {
        "t": what.tag,
        "rm": "1",
        "forcerm": "1",  # always remove intermediate containers
        "memory": str(limits.memory),
        "memswap": str(limits.memory),
        "cpuperiod": str(_PERIOD),
        "cpuquota": str(int(max(0.01, limits.cpus) * _PERIOD)),
        "labels": json.dumps(what.labels),
        "buildargs": json.dumps(what.arguments),
        **({"cgroupparent": parent} if parent else {}),
        **({"networkmode": limits.network} if limits.network else {}),
    }
    response = client.post(
        f"{client.base_url}/v{client.api_version}/build",
        params=params,
        data=context,
        headers={"Content-Type": "application/x-tar"},
        stream=True,
        timeout=(client.timeout, limits.first_output),
    )
    if not response.ok:
        said: dict[str, Any] = {}
        with suppress(json.JSONDecodeError):
            said = json.loads(response.text)
        answer = " ".join(str(said.get("message") or response.text).split())
        raise BuildFailed(without_places(answer, known=what.dockerfile)[:_LONGEST], None)
    without_limit(client, response)
    return response


@contextmanager
def _watched(response: requests.Response, limits: BuildLimits, stop: threading.Event) -> Iterator[list[str]]:
    """Cancel the build at its deadline, below the disk floor or at `stop`; the yielded list then holds the reason."""
    over = threading.Event()
    verdict: list[str] = []
    deadline = time.monotonic() + limits.timeout

    def watch() -> None:
        while not over.wait(_CHECK_INTERVAL):
            free = free_in(limits.disk)
            if time.monotonic() > deadline:
                verdict.append(f"it took more than {limits.timeout:g} s")
            elif stop.is_set():
                verdict.append("it was stopped")
            elif free is not None and free < limits.disk_floor:
                verdict.append(f"it left only {free >> 20} MiB of disk free")
            if verdict:
                response.raw.shutdown()  # the engine cancels a build whose client disconnects
                return

    watcher = threading.Thread(target=watch, daemon=True, name="build")
    watcher.start()
    try:
        yield verdict
    except (requests.RequestException, OSError):
        if not verdict:
            raise
    finally:
        over.set()
        watcher.join()
        response.close()


def _lines(response: requests.Response, *, known: str) -> Iterator[tuple[str, BuildFailed | None]]:
    """Yield lines of output, each with the error it reports, if any.

    Paths of this machine are removed from the engine's own messages, except those in ``known``, the Dockerfile.
    """
    for raw in response.iter_lines(chunk_size=None):
        if not raw.strip():
            continue
        said: dict[str, Any] = {}
        with suppress(json.JSONDecodeError):
            said = json.loads(raw)
        error = said.get("error")
        code = ((said.get("errorDetail") or {}).get("code") or _told_code(str(error))) if error else None
        if error and code is None:  # else the message has the step's command and exit code
            error = without_places(str(error), known=known)
        failed = BuildFailed(" ".join(str(error).split())[:_LONGEST], code) if error else None
        for line in str(error or said.get("stream") or said.get("status") or "").splitlines():
            if line.strip():
                yield line.rstrip()[:_LONGEST], failed


def _told_code(error: str) -> int | None:
    """The exit code of a RUN step that the engine's message (Podman's) ends with."""
    found = _EXIT_STATUS.search(error)
    return None if found is None else int(found[1])


def free_in(disk: Path) -> int | None:
    """Free bytes; None when the images are on another machine or in an unreadable folder."""
    try:
        return shutil.disk_usage(disk).free
    except OSError:
        return None
