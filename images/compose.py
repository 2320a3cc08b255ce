"""The network of compose.yaml on this machine.

    compose.py up [OPTION…]   build the images, write .env and the secrets, then `docker compose up --detach --wait`
    compose.py COMMAND…       any other command of docker compose, e.g. ps, logs -f worker, down --volumes

Options go to docker compose: up --scale worker=4.
"""

import json
import os
import re
import secrets
import shlex
import stat
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from images.build import CHECKOUT, DEFAULT, build_images
from images.compose_tool import compose_command
from node_runtime import __version__
from node_runtime.engines.docker.build_environment import build_settings
from node_runtime.engines.docker.client import connect, engine_trouble
from node_runtime.engines.docker.socket_access import unix_socket
from node_runtime.errors import HostError, NodeRuntimeError
from node_runtime.localnet.provision.dockerd import Engine, ensure_engine
from node_runtime.platform.files import host_errors, private_folder, write_atomically
from node_runtime.platform.paths import engine_folder
from node_runtime.platform.printable import print_line

ENVIRONMENT, SECRETS = CHECKOUT / ".env", CHECKOUT / ".compose"
UID = 10001
"""The uid of containers where root brings the network up; where another user does, it is that user's."""

SECRET_BYTES = {"node_password": 24, "storage_access_key": 8, "storage_secret_key": 24}
STORAGE = "s3://network/main"  # as in compose.yaml
ACCESS = "creator.yaml"  # the creator's storage access file, for commands on this machine
_REMEDY = (
    "`make compose ARGS=logs` shows what its services said; other ports than those taken are set in .env, "
    "e.g. CHAIN_PORT=19944; docs/compose.md has more"
)
_KEY = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")


def main() -> int:
    """Do what the command line asks; return the exit code."""
    arguments = sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(__doc__ or "")
        return 0
    try:
        engine = ensure_engine(engine_folder(), say=print_line)
        if arguments[0] == "up":
            set_up(engine, ENVIRONMENT, SECRETS)
        compose = (*compose_command(engine, say=print_line), "--project-directory", str(CHECKOUT))
    except NodeRuntimeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    os.environ["DOCKER_HOST"] = engine.url
    if arguments[0] != "up":
        os.execvp(compose[0], [*compose, *arguments])
    return bring_up(compose, arguments[1:], SECRETS)


def set_up(engine: Engine, environment: Path, folder: Path) -> None:
    """Build the images; write the file of settings and the folder of secrets. Idempotent. Raises `HostError`."""
    base = build_images(engine, DEFAULT, say=print_line)
    settings = {**settings_of(engine, base), "SECRETS": str(folder)}
    make_secrets(folder, int(settings["NODE_UID"]), int(settings["NODE_GID"]))
    before = environment.read_text() if environment.exists() else ""
    with host_errors(environment):
        write_atomically(environment, merged(before, settings))
    print_line(f"settings: {environment}, secrets: {folder}")


def bring_up(compose: Sequence[str], options: Sequence[str], folder: Path) -> int:
    """Bring the network up and say how commands on this machine reach it; return docker compose's exit code."""
    done = subprocess.run([*compose, "up", "--detach", "--wait", *options], check=False)
    if done.returncode != 0:
        sys.stderr.write(f"error: the network did not come up (above: why)\n  → {_REMEDY}\n")
        return done.returncode
    access = folder / ACCESS
    _told([*compose, "cp", f"prepare:/creator/access/{ACCESS}", str(access)])
    variables = {
        "CHAIN": f"ws://{_told([*compose, 'port', 'chain', '9944'])}",
        "STORAGE": STORAGE,
        "STORAGE_ACCESS": str(access),
        "KEY": creator_of(compose),
    }
    print_line("the network is up; for commands on this machine:")
    print_line(f"  export {' '.join(f'NODE_RUNTIME_{name}={shlex.quote(value)}' for name, value in variables.items())}")
    return 0


def creator_of(compose: Sequence[str]) -> str:
    """The creator's account, as compose.yaml has it by the settings. Raises `HostError`."""
    services = json.loads(_told([*compose, "config", "--format", "json"]))["services"]
    return str(services["prepare"]["environment"]["CREATOR"])


def _told(command: Sequence[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        told = f"the network is up, but '{' '.join(command[-3:])}' failed: {done.stderr.strip()[-300:]}"
        raise HostError(told, remedy=_REMEDY)
    return done.stdout.strip()


def settings_of(engine: Engine, base: str) -> dict[str, str]:
    """What compose.yaml has to know of this machine and its engine. Raises `HostError`."""
    with closing(connect(engine.url)) as client, engine_trouble(f"the engine at {engine.url}"):
        info: Mapping[str, Any] = client.info()
    socket = unix_socket(engine.url)
    if socket is None:
        raise HostError(
            f"the engine at {engine.url} is reached by network, and node daemons in containers need its socket",
            remedy="run this on the engine's machine, with DOCKER_HOST unset or unix:///…",
        )
    with host_errors(socket):
        found = socket.stat()
    uid, gid = container_user(found, rootless="name=rootless" in (info.get("SecurityOptions") or ()))
    return {
        "COMPOSE_PROJECT_NAME": "node-runtime",
        "VERSION": __version__,
        "BASE_IMAGE": base,
        "BUILD_ARGUMENTS": f"'{json.dumps(dict(build_settings()))}'",
        "NODE_UID": str(uid),
        "NODE_GID": str(gid),
        "DOCKER_GID": str(found.st_gid),
        "DOCKER_SOCKET": str(socket),
        "DOCKER_ROOT": str(info["DockerRootDir"]),
    }


def container_user(socket: os.stat_result, *, rootless: bool) -> tuple[int, int]:
    """The uid and gid of containers: not root, unless only root may use the socket.

    A rootless engine's root is the user that runs it, whose files the secrets are.
    """
    if rootless or not socket.st_mode & stat.S_IWGRP:
        return 0, 0
    return (os.getuid(), os.getgid()) if os.getuid() else (UID, UID)


def make_secrets(folder: Path, uid: int, gid: int) -> None:
    """Make those secrets that aren't there, readable by the containers' user alone. Raises `HostError`."""
    private_folder(folder)
    for name, size in SECRET_BYTES.items():
        path = folder / name
        with host_errors(path):
            if not path.exists():
                write_atomically(path, secrets.token_hex(size), mode=0o600)
            if os.getuid() == 0:
                os.chown(path, uid, gid)


def merged(before: str, settings: Mapping[str, str]) -> str:
    """The text of .env: its lines, with these settings changed in place or added; a user's project name stays."""
    left, lines = dict(settings), []
    for line in before.splitlines():
        found = _KEY.match(line)
        if found is None or found[1] not in settings:
            lines.append(line)
        elif found[1] in left:
            value = left.pop(found[1])
            lines.append(line if found[1] == "COMPOSE_PROJECT_NAME" else f"{found[1]}={value}")
    if left and not before:
        lines.append("# What compose.yaml knows of this machine, written by `make compose-up`. More: docs/compose.md")
    return "\n".join([*lines, *(f"{name}={value}" for name, value in left.items())]) + "\n"


if __name__ == "__main__":
    sys.exit(main())
