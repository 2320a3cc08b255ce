"""The program `docker compose` v2: this machine's, or one that is built once and kept in the user's cache.

Debian 12 has version 1.29 alone, which knows less of compose.yaml and speaks to no engine from 29 on.
"""

import io
import os
import re
import subprocess
import tarfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import platformdirs

from images.build import IMAGES, build_images
from node_runtime.engines.docker.client import connect, engine_trouble, remove_container
from node_runtime.errors import HostError
from node_runtime.localnet.provision.dockerd import Engine
from node_runtime.platform.printable import Say

_IMAGE = IMAGES["compose"]
_PROGRAM = "docker-compose"
_WITHIN = 60  # seconds, in which a program has to tell its version


def compose_command(engine: Engine, *, say: Say) -> tuple[str, ...]:
    """Return the command of compose v2: the docker command's plugin, a program on the PATH, or a built one.

    Raises `HostError` where it has to be built and can't be.
    """
    for command in (("docker", "compose"), (_PROGRAM,)):
        if (version(command) or 0) >= 2:
            return command
    built = cached_program()
    if version((str(built),)) is None:
        say("this machine has no docker compose v2: building it, once")
        build_images(engine, ("compose",), say=say)
        _extract(engine, built)
        say(f"docker compose is {built}; for `docker compose`, link it to ~/.docker/cli-plugins/{_PROGRAM}")
    return (str(built),)


def cached_program() -> Path:
    """Where a built program is kept, by its version."""
    return platformdirs.user_cache_path("node-runtime") / "tools" / f"{_PROGRAM}-{_IMAGE.name.partition(':')[2]}"


def version(command: Sequence[str]) -> int | None:
    """The program's major version; None where it isn't there or doesn't work."""
    try:
        told = subprocess.run(
            [*command, "version", "--short"], capture_output=True, text=True, check=False, timeout=_WITHIN
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.match(r"v?([0-9]+)\.", told.stdout.strip())
    return int(found[1]) if told.returncode == 0 and found is not None else None


def _extract(engine: Engine, target: Path) -> None:
    """Take the program out of its image. Raises `HostError`."""
    with closing(connect(engine.url)) as client, engine_trouble(f"image {_IMAGE.name}"):
        container = client.create_container(_IMAGE.name, [f"/{_PROGRAM}"])["Id"]
        try:
            stream, _ = client.get_archive(container, f"/{_PROGRAM}")
            packed = io.BytesIO(b"".join(stream))
        finally:
            remove_container(client, container)
    with tarfile.open(fileobj=packed) as tar:
        program = tar.extractfile(_PROGRAM)
        if program is None:
            raise HostError(f"image {_IMAGE.name} has no program", remedy=f"docker rmi {_IMAGE.name}, then repeat")
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f"{target.name}.{os.getpid()}")
        fresh.write_bytes(program.read())
        fresh.chmod(0o755)
        fresh.replace(target)
