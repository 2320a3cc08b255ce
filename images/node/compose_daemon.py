"""The start of a node daemon in a container of compose.yaml: ``compose_daemon.py SERVICE``.

Takes a place of the service, writes the node's configuration from the mounted one and what belongs to the place, then
becomes the daemon. ``NODES`` is the path of the shared volume, ``NODES_VOLUME`` its name at the engine.
"""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from compose_places import KEY, WORK, storage_key, take_place

from node_runtime.engines.docker.client import connect, engine_trouble
from node_runtime.engines.docker.discovery import require_engine
from node_runtime.errors import ConfigError, NodeRuntimeError
from node_runtime.platform.files import private_folder, write_private
from node_runtime.platform.printable import print_line
from node_runtime.spec.yaml_source import load_documents
from node_runtime.substrate.keys import account_of

MOUNTED = Path("/etc/node-runtime/node.yaml")
PASSWORD = "/run/secrets/node_password"


def main() -> int:
    """Become the daemon; return an exit code where that isn't reached."""
    try:
        volume = Path(os.environ["NODES"])
        check_volume(require_engine(), os.environ["NODES_VOLUME"], volume)
        place, _ = take_place(volume, sys.argv[1])
        config = Path(os.environ["NODE_RUNTIME_CONFIG"])
        private_folder(place / WORK)
        write_private(config, json.dumps(configuration(MOUNTED, place, os.environ), indent=2))
    except NodeRuntimeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    print_line(f"place {place.name}")
    return os.execvp("node-runtime", ["node-runtime", "daemon", "--config", str(config)])


def check_volume(engine: str, name: str, mounted: Path) -> None:
    """Raise `ConfigError` unless the engine has the volume at the path at which it is mounted here.

    The engine mounts folders of it into the containers of tasks, by their paths on its machine.
    """
    with closing(connect(engine)) as client, engine_trouble(f"the volume {name}"):
        place = client.inspect_volume(name)["Mountpoint"]
    if Path(place) != mounted:
        raise ConfigError(
            f"the volume {name} is mounted at {mounted}, and the engine has it at {place}",
            remedy="set DOCKER_ROOT in .env to the engine's folder (docker info -f '{{.DockerRootDir}}')",
        )


def configuration(mounted: Path, place: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """The node's configuration: what is mounted, and beside it what the place and this network determine."""
    (document,) = load_documents(mounted)
    arguments = environment.get("BUILD_ARGUMENTS")
    return {
        **document.value,
        **({"build_arguments": json.loads(arguments)} if arguments else {}),
        "node": place.name,
        "chain": environment["NODE_RUNTIME_CHAIN"],
        "storage": environment["NODE_RUNTIME_STORAGE"],
        "storage_access": str(storage_key(place.parent, account_of(str(place / KEY)))),
        "key": str(place / KEY),
        "password_file": PASSWORD,
        "work": str(place / WORK),
    }


if __name__ == "__main__":
    sys.exit(main())
