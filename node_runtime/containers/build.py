"""How is a Dockerfile folder built? By the engine, with a limit of memory, a deadline and a floor of free disk."""

import io
import json
import os
import shutil
import tarfile
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import docker
import requests

from node_runtime.containers.connection import without_limit
from node_runtime.containers.ignored import MOST_BYTES, Pattern, left_out, read_patterns
from node_runtime.errors import FailureCategory, HostError, TaskFailed

KEPT_LINES = 12  # of the build's output, in the message of one that failed
_FIRST_WORD = 300.0  # seconds, once the engine has the folder; only then the build can be stopped
_LOOK = 0.5  # seconds between looks at clock and disk
_OURS = ("failed to create endpoint", "no space left on device")  # errors that no Dockerfile is to blame for
_LONGEST = 4096  # characters of a line of output
_IGNORE = ".dockerignore"


@dataclass(frozen=True, kw_only=True)
class Build:
    """``dockerfile`` is the text to build in place of the folder's own. ``disk`` is where the engine keeps images."""

    folder: Path
    dockerfile: str
    tag: str
    label: tuple[str, str]
    arguments: dict[str, str]
    network: str | None
    memory: int
    timeout: float
    disk: Path
    disk_floor: int


def build(client: docker.APIClient, what: Build, log: Callable[[str], None], stop: threading.Event) -> None:
    """Build and tag, until `stop` is set.

    Raises `TaskFailed` image_unavailable with the last lines, policy when it was stopped, `HostError` without room.
    """
    _check_room(what)
    last: deque[str] = deque(maxlen=KEPT_LINES)
    failure: str | None = None
    with tempfile.TemporaryFile() as context:
        write_context(what.folder, what.dockerfile, context, stop=stop)
        response = _post(client, what, context)
        with _watched(response, what, stop) as verdict:
            for line, error in _lines(response):
                last.append(line)
                log(line)
                failure = error or failure
    if stop.is_set():
        raise stopped("building")
    if failure and not verdict and any(sign in failure for sign in _OURS):
        raise _unable(failure)
    if verdict or failure:
        reason = verdict[0] if verdict else failure
        said = "\n  ".join(last)
        raise TaskFailed(
            FailureCategory.IMAGE_UNAVAILABLE,
            f"the image could not be built: {reason}\nits last output:\n  {said}",
            remedy="mend the Dockerfile (try `docker build` on its folder), and submit again",
        )


def _check_room(what: Build) -> None:
    """Beside the floor there is room for the folder twice: as it is sent, and as the engine unpacks it."""
    size = sum(Path(place, name).lstat().st_size for place, _, names in os.walk(what.folder) for name in names)
    for disk, needed in ((what.disk, what.disk_floor + 2 * size), (Path(tempfile.gettempdir()), size)):
        free = free_in(disk)
        if free is not None and free < needed:
            raise HostError(
                f"nothing is built: {free >> 20} MiB are free in {disk}, the folder of {size >> 20} MiB needs "
                f"{needed >> 20} MiB with the floor",
                remedy="free some disk (`docker image prune`), or lower the floor",
            )


def _unable(said: str) -> HostError:
    return HostError(f"the engine could not build: {said}", remedy="see its log and its disk, then repeat")


def stopped(doing: str) -> TaskFailed:
    """What is raised when the caller wanted no image any more; whoever set the event knows why."""
    return TaskFailed(FailureCategory.POLICY, f"{doing} was stopped before its end, as was asked")


def write_context(folder: Path, dockerfile: str, target: IO[bytes], *, stop: threading.Event) -> None:
    """The folder as a tar, the same bytes for the same contents, without what its .dockerignore names."""
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name in sorted(_included(folder, stop)):
            _check_wanted(stop)
            _add(tar, folder, name)
        entry = tarfile.TarInfo("Dockerfile")
        entry.size, entry.mode = len(dockerfile.encode()), 0o644
        tar.addfile(entry, io.BytesIO(dockerfile.encode()))
    target.seek(0)


def _included(folder: Path, stop: threading.Event) -> list[str]:
    """Files and folders, but for the Dockerfile."""
    patterns = _ignored(folder)
    names = []
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            _check_wanted(stop)
            path = Path(place, name).relative_to(folder).as_posix()
            if path != "Dockerfile" and (path == _IGNORE or not left_out(path, patterns)):
                names.append(path)
    return names


def _ignored(folder: Path) -> tuple[Pattern, ...]:
    try:
        with (folder / _IGNORE).open("rb") as file:
            return read_patterns(file.read(MOST_BYTES + 1))
    except (FileNotFoundError, IsADirectoryError):
        return ()
    except ValueError as error:
        raise TaskFailed(
            FailureCategory.IMAGE_UNAVAILABLE,
            f"the image could not be built: its .dockerignore can't be used: {error}",
            remedy="write it in UTF-8, a pattern a line, and register the folder again",
        ) from error


def _check_wanted(stop: threading.Event) -> None:
    if stop.is_set():
        raise stopped("building")


def _add(tar: tarfile.TarFile, folder: Path, name: str) -> None:
    entry = tar.gettarinfo(str(folder / name), arcname=name)
    entry.mtime, entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, 0, "", ""
    # assets are stored read-only; in the image they are ordinary files
    entry.mode = 0o755 if entry.isdir() or entry.mode & 0o100 else 0o644
    if entry.isreg():
        with (folder / name).open("rb") as file:
            tar.addfile(entry, file)
    elif entry.isdir():
        tar.addfile(entry)


def _post(client: docker.APIClient, what: Build, context: IO[bytes]) -> requests.Response:
    """The client's own `build` hides the response, which is what a deadline has to end."""
    params = {
        "t": what.tag,
        "rm": "1",
        "forcerm": "1",  # no intermediate container stays, whatever happens
        "memory": str(what.memory),
        "memswap": str(what.memory),
        "labels": json.dumps(dict([what.label])),
        "buildargs": json.dumps(what.arguments),
        **({"networkmode": what.network} if what.network else {}),
    }
    response = client.post(
        f"{client.base_url}/v{client.api_version}/build",
        params=params,
        data=context,
        headers={"Content-Type": "application/x-tar"},
        stream=True,
        timeout=(client.timeout, _FIRST_WORD),
    )
    if not response.ok:
        said = response.text.strip()
        if any(sign in said for sign in _OURS):
            raise _unable(said)
        raise TaskFailed(
            FailureCategory.IMAGE_UNAVAILABLE, f"the image could not be built: {said}", remedy="mend the Dockerfile"
        )
    without_limit(client, response)
    return response


@contextmanager
def _watched(response: requests.Response, what: Build, stop: threading.Event) -> Iterator[list[str]]:
    """Ends the build at its deadline, below the floor or when told; then the list holds why."""
    over = threading.Event()
    verdict: list[str] = []
    deadline = time.monotonic() + what.timeout

    def watch() -> None:
        while not over.wait(_LOOK):
            free = free_in(what.disk)
            if time.monotonic() > deadline:
                verdict.append(f"it took more than {what.timeout:g} s")
            elif stop.is_set():
                verdict.append("it was stopped")
            elif free is not None and free < what.disk_floor:
                verdict.append(f"it left only {free >> 20} MiB of disk free")
            if verdict:
                response.raw.shutdown()  # the engine ends a build that nobody listens to
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


def _lines(response: requests.Response) -> Iterator[tuple[str, str | None]]:
    """Lines of output, each with the error it tells, if it does."""
    for raw in response.iter_lines(chunk_size=None):
        if not raw.strip():
            continue
        said: dict[str, Any] = {}
        with suppress(json.JSONDecodeError):
            said = json.loads(raw)
        error = said.get("error")
        for line in str(error or said.get("stream") or said.get("status") or "").splitlines():
            if line.strip():
                yield line.rstrip()[:_LONGEST], error


def free_in(disk: Path) -> int | None:
    """Bytes; None when the engine keeps its images on another machine, or where we can't look."""
    try:
        return shutil.disk_usage(disk).free
    except OSError:
        return None
