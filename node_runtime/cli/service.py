"""Commands that write what an operator's other programs need: `service` for systemd, `monitoring` for Prometheus."""

import os
import pwd
import re
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from node_runtime.errors import InputError
from node_runtime.platform.files import host_errors
from node_runtime.platform.paths import home

from .operator import DEFAULT_CONFIG, ConfigOption
from .output import line, lines

if TYPE_CHECKING:
    from node_runtime.config import NodeConfig

OPERATIONS = Path(__file__).parents[1] / "operations"
UNIT = "node-runtime.service"
HAND_BACK = 120  # seconds from the end of `grace` to the end of a daemon whose engine or chain hangs
_UNFIT = frozenset("\"'$\\;")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
_STATE = ".local/share/node-runtime"  # in the home of a user that isn't this one
_SOCKET = Path("/var/run/docker.sock")

# A root daemon mounts file systems for outputs, which the engine has to see: it shares the machine's mounts. Without
# CAP_SYS_PTRACE it can't read that the engine, which has every capability, shares them too.
_ROOT_MAY = {
    "capabilities": "CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_SYS_ADMIN CAP_SYS_PTRACE",
    "namespaces": "mnt",
    "calls": "@system-service @mount",
    "confined": "",
}
# Paths that may be written begin with "-": those that are missing are made by ExecStartPre, as the daemon's user.
# ProtectClock also limits devices: on some versions of systemd to a list without the loop devices that root mounts.
_CONFINED = """\
PrivateTmp=yes
{devices}ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
ReadWritePaths={written}
RemoveIPC=yes
"""
_NO_DEVICES = "PrivateDevices=yes\n"
_GPUS = "DevicePolicy=closed\nDeviceAllow=char-nvidia* rw\n"


def service(
    config: ConfigOption = DEFAULT_CONFIG,
    user: Annotated[
        str | None, typer.Option(help="The user that the daemon runs as (default: the owner of node.yaml).")
    ] = None,
) -> None:
    """Print a systemd unit for this node: hardened, with its paths and its user.

    Its password file is handed over as a credential, so that the daemon's user needn't be able to read it.
    """
    from node_runtime.config import load_config

    settings = load_config(config)
    name = user or _owner(config)
    for each in unit(settings, config.absolute(), user=name, program=_program(name)).splitlines():
        line(each, whole=True)


def unit(config: "NodeConfig", file: Path, *, user: str, program: str) -> str:
    """Return the unit's text. Raises `InputError` for what can't stand in one."""
    state = _state_folder(user)
    storage = [] if "://" in config.storage else [Path(config.storage)]
    may = _ROOT_MAY if user == "root" else _others_may(config, [config.work, state, *storage])
    password = "" if config.password_file is None else _credential(config.password_file)
    group = "" if user == "root" else _engine_group(config)
    return (
        (OPERATIONS / UNIT)
        .read_text(encoding="utf-8")
        .format(
            node=config.node,
            made=" ".join(map(_word, (config.work, state))),
            program=program,
            config=_word(file),
            home=_word(f"NODE_RUNTIME_HOME={state}"),
            password=password,
            user=user,
            groups=f"SupplementaryGroups={group}\n" if group else "",
            stop=int(config.grace) + HAND_BACK,
            **may,
        )
    )


def _others_may(config: "NodeConfig", written: list[Path]) -> dict[str, str]:
    """Return what a daemon may do that isn't root: nothing but write these folders and reach the engine's socket."""
    below_tmp = [path for path in written if path.parts[1:2] == ("tmp",) or path.parts[1:3] == ("var", "tmp")]
    if below_tmp:
        raise InputError(
            f"{below_tmp[0]} lies in a folder for temporary files, of which a service has its own",
            remedy="move the node to a folder that stays, e.g. in /srv or /var/lib",
        )
    devices = _GPUS if config.pool.gpus else _NO_DEVICES
    paths = " ".join(_word(f"-{path}") for path in dict.fromkeys(written))
    return {
        "capabilities": "",
        "namespaces": "yes",
        "calls": "@system-service\nSystemCallFilter=~@privileged @resources",
        "confined": _CONFINED.format(devices=devices, written=paths),
    }


def _credential(password: Path) -> str:
    """Return the lines that hand the password over; such a path stands unquoted up to the line's end."""
    return f"LoadCredential=password:{_escaped(str(password))}\nEnvironment=NODE_RUNTIME_PASSWORD_FILE=%d/password\n"


def _word(text: str | Path) -> str:
    """Return the text as one word of a unit, quoted where it has to be."""
    escaped = _escaped(str(text))
    return escaped if " " not in escaped else f'"{escaped}"'


def _escaped(text: str) -> str:
    if not text.isprintable() or set(text) & _UNFIT:
        raise InputError(
            f"{text!r} can't stand in a systemd unit",
            remedy=f"choose a path without {' '.join(sorted(_UNFIT))} and control characters",
        )
    return text.replace("%", "%%")


def _owner(config: Path) -> str:
    with host_errors(config):
        return _named(config.stat().st_uid)


def _named(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        raise InputError(f"user {number} has no name on this machine", remedy="name the daemon's with --user") from None


def _state_folder(user: str) -> Path:
    """Return the folder in which this user's daemons keep their locks."""
    if not _USER.fullmatch(user):
        raise InputError(f"--user {user[:70]}: no name of a user", remedy="name one that `getent passwd` lists")
    try:
        known = pwd.getpwnam(user)
    except KeyError:
        raise InputError(
            f"there is no user {user} on this machine",
            remedy=f"make it: useradd --system --create-home --home-dir /var/lib/{user} {user}",
        ) from None
    return home() if known.pw_uid == os.geteuid() else Path(known.pw_dir, _STATE)


def _engine_group(config: "NodeConfig") -> str:
    """Return the group that may use the engine's socket; empty where no group is needed, or none is known."""
    address = urlsplit(config.docker or f"unix://{_SOCKET}")
    if address.scheme != "unix":
        return ""
    with suppress(OSError, KeyError):
        import grp

        found = Path(address.path).stat()
        return grp.getgrgid(found.st_gid).gr_name if found.st_mode & stat.S_IWGRP and found.st_gid else ""
    return "docker" if address.path == str(_SOCKET) else ""


def _program(user: str) -> str:
    """Return the command that starts this installation. Raises `InputError` where the user can't reach it."""
    known = shutil.which("node-runtime", path=str(Path(sys.executable).parent))
    program = Path(known or sys.executable)
    for place in _up_from(program):
        if user != "root" and not _reachable(place, user):
            raise InputError(
                f"user {user} can't start {program}: {place} is closed to it",
                remedy="install node-runtime where it can, e.g. `python3 -m venv /opt/node-runtime`, or name another "
                "user with --user",
            )
    return _word(program) + ("" if known else " -m node_runtime")


def _up_from(program: Path) -> Iterator[Path]:
    for place in (program, program.resolve()):
        yield from reversed(place.parents)


def _reachable(folder: Path, user: str) -> bool:
    found, known = folder.stat(), pwd.getpwnam(user)
    if found.st_uid == known.pw_uid:
        return bool(found.st_mode & stat.S_IXUSR)
    groups = os.getgrouplist(user, known.pw_gid)
    return bool(found.st_mode & (stat.S_IXGRP if found.st_gid in groups else stat.S_IXOTH))


def monitoring(
    folder: Annotated[Path, typer.Argument(help="The folder for Prometheus' configuration, rules and dashboard.")],
) -> None:
    """Write a configuration, rules and alerts for Prometheus and a dashboard for Grafana into a new folder."""
    if os.path.lexists(folder):
        raise InputError(f"{folder} is there already", remedy="name a folder that doesn't exist yet")
    with host_errors(folder):
        shutil.copytree(OPERATIONS / "prometheus", folder, copy_function=shutil.copyfile)
    for file in sorted(folder.iterdir()):
        line(str(file))
    lines("set the node's address under static_configs in prometheus.yml: its metrics_port; see docs/monitoring.md")
