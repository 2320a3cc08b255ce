"""The environment of a build's RUN steps: pip's index and proxies as build arguments, and a process limit.

`build_settings` reads the arguments from this user's environment, for the user's own builds and for the generated
configuration of a node. A node's builds get only the arguments in its configuration.

RUN steps run as root, to which no ulimit applies, and the engine's builder has no process limit. It accepts a parent
cgroup, whose limit applies to everything below: `BuildCgroup` makes one where this process may.
"""

import configparser
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .client import shares_mounts
from .socket_access import unix_socket

_SETTINGS = ("index-url", "extra-index-url", "trusted-host", "timeout", "default-timeout", "retries")
PROXIES = frozenset(("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"))
"""Build arguments predefined by the engine, which keeps them out of an image's history."""


def build_settings() -> tuple[tuple[str, str], ...]:
    """Build arguments for pip, from the environment and pip's configuration files, and the proxies."""
    return tuple(sorted({**pip_arguments(), **proxy_arguments()}.items()))


def pip_arguments() -> dict[str, str]:
    """Pip's settings as environment variables, from the environment and its files, without passwords."""
    found = {_variable(name): value for name, value in _from_files() if name in _SETTINGS}
    for name in _SETTINGS:
        if value := os.environ.get(_variable(name)):
            found[_variable(name)] = value
    return {name: value for name, value in found.items() if not has_password(value)}


def proxy_arguments() -> dict[str, str]:
    """The proxies without a password, which a RUN step could print or send."""
    found = {name: os.environ.get(name, "") for name in sorted(PROXIES)}
    return {name: value for name, value in found.items() if value and not has_password(value)}


def _variable(name: str) -> str:
    return "PIP_" + name.upper().replace("-", "_")


def _from_files() -> list[tuple[str, str]]:
    files = [Path("/etc/pip.conf"), Path.home() / ".pip/pip.conf", Path.home() / ".config/pip/pip.conf"]
    files.append(Path(sys.prefix, "pip.conf"))
    if named := os.environ.get("PIP_CONFIG_FILE"):
        files.append(Path(named))
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(files)
    except (configparser.Error, UnicodeDecodeError):  # pip reports it when it is used
        return []
    sections = [name for name in ("global", "install") if parser.has_section(name)]
    return [(name, " ".join(value.split())) for section in sections for name, value in parser.items(section)]


def has_password(value: str) -> bool:
    """Whether the value may contain a password. Addresses may lack ``https://``, passwords may contain a slash."""
    return "@" in value


_ROOT = Path("/sys/fs/cgroup")


class BuildCgroup:
    """The parent cgroups of one node's builds, on cgroup v1 or v2. ``info`` is the engine's SystemInfo.

    Each build has its own, so no build can exhaust the limit of another one or of the control build. A cgroup that the
    operator names is made and limited by the operator, e.g. a systemd slice with TasksMax.
    """

    def __init__(self, node: str, info: dict[str, Any], *, url: str, processes: int, named: str | None = None) -> None:
        self._prefix = f"node-runtime-builds.{node}."
        self._processes = processes
        self._named = named
        self.obstacle = "" if named else _obstacle(info, url)

    @contextmanager
    def of(self, build: str) -> Iterator[str | None]:
        """Yield the parent cgroup for one build; None where this process can't make one (see ``obstacle``)."""
        if self._named is not None or self.obstacle:
            yield self._named
            return
        name = self._prefix + re.sub(r"\W", "-", build)
        made = self._make(name)
        try:
            yield f"/{name}" if made else None
        finally:
            _remove(name)

    def look(self) -> str:
        """Why there can be none, empty when there can."""
        with self.of("look"):
            return self.obstacle

    def close(self) -> None:
        """Remove the cgroups of ended builds, unless their steps still run."""
        for left in (one for folder in _hierarchies() for one in folder.glob(f"{self._prefix}*")):
            _remove(left.name)

    def _make(self, name: str) -> bool:
        folder = _ROOT / "pids" / name
        if (_ROOT / "cgroup.controllers").exists():
            folder = _ROOT / name
            with suppress(OSError):  # the controller may be enabled already
                (_ROOT / "cgroup.subtree_control").write_text("+pids")
        try:
            folder.mkdir(exist_ok=True)
            (folder / "pids.max").write_text(f"{self._processes}\n")
        except OSError as error:
            self.obstacle = f"{folder}: {error.strerror}"
        return not self.obstacle


def _remove(name: str) -> None:
    for folder in _hierarchies():
        with suppress(OSError):
            (folder / name).rmdir()


def _hierarchies() -> list[Path]:
    """The hierarchies in which the engine makes the parent: one for cgroup v2, several for v1."""
    with suppress(OSError):
        return [_ROOT, *(one for one in _ROOT.iterdir() if one.is_dir() and not one.is_symlink() and _is_v1())]
    return []


def _is_v1() -> bool:
    return (_ROOT / "pids").is_dir() and not (_ROOT / "cgroup.controllers").exists()


def _obstacle(info: dict[str, Any], url: str) -> str:
    """Why there can be no such cgroup, empty when there can."""
    socket = unix_socket(url)
    if os.geteuid() != 0:
        return "this user may make no cgroup"
    if any("name=rootless" in option for option in info.get("SecurityOptions") or ()):
        return "a rootless engine's builds run outside cgroups of this node"
    if info.get("CgroupDriver") != "cgroupfs":
        return f"the engine's cgroups are made by {info.get('CgroupDriver')}"
    if socket is None or not shares_mounts(socket):
        return "the engine runs elsewhere"
    return ""
