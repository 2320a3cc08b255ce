"""Whether this user may use an engine's socket, and how they get to if not."""

import grp
import os
import pwd
import stat
from pathlib import Path
from urllib.parse import urlsplit

from node_runtime.errors import HostError


def unix_socket(url: str) -> Path | None:
    """The path of the engine's Unix socket; None for other transports."""
    parts = urlsplit(url)
    return Path(parts.netloc + parts.path) if parts.scheme in ("unix", "http+unix") else None


def closed_to_user(url: str) -> HostError | None:
    """Return the error of a socket that is there and closed to this user; None for any other address."""
    path = unix_socket(url)
    if path is None:
        return None
    try:
        found = path.stat()
        if os.access(path, os.R_OK | os.W_OK, effective_ids=True):
            return None
    except PermissionError:
        return HostError(
            f"the container engine's socket {path} lies in a folder closed to this user ({_user(os.geteuid())})",
            remedy="run this as the user whose engine it is, or name another engine in DOCKER_HOST "
            "(or as `docker:` in the node's configuration)",
        )
    except OSError:
        return None
    owner, group = _user(found.st_uid), _group(found.st_gid)
    return HostError(
        f"the container engine's socket {path} is closed to this user ({_user(os.geteuid())}, in the groups "
        f"{_own_groups()}): it belongs to {owner}:{group} with mode {stat.S_IMODE(found.st_mode):04o}",
        remedy=_remedy(found, owner=owner, group=group),
    )


def _remedy(found: os.stat_result, *, owner: str, group: str) -> str:
    if found.st_gid != 0 and found.st_mode & stat.S_IWGRP:
        return f"add the user to the group {group} (`sudo usermod -aG {group} $USER`) and log in again"
    return f"let the engine open it to a group (dockerd --group=docker), or run this as {owner}"


def _own_groups() -> str:
    return ", ".join(_group(number) for number in sorted({os.getegid(), *os.getgroups()}))


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)
