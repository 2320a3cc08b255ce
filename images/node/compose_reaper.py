"""The service `reaper` of compose.yaml: at its stop it removes the containers that killed node daemons left behind.

A daemon that is stopped removes its containers; those of one that was killed run on, for the daemon to take over when
it is back. When the network is taken down it never is, so the daemons depend on this service and it is stopped last.
"""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from compose_places import WORK

from node_runtime.errors import NodeRuntimeError
from node_runtime.platform.locks import try_lock
from node_runtime.platform.printable import print_line
from node_runtime.worker.state_dir import ID, engine_name

_ENDS = (signal.SIGTERM, signal.SIGINT)


def main() -> int:
    """Wait for the signal to stop, then remove the containers; return the exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    print_line("ready")
    signal.sigwait(_ENDS)
    try:
        for name in reap(Path(os.environ["NODES"])):
            print_line(f"removed container {name}")
    except NodeRuntimeError as error:
        sys.stderr.write(f"nothing more is removed: {error.message}\n")  # e.g. the engine itself is being stopped
        return error.exit_code
    return 0


def reap(volume: Path) -> Iterator[str]:
    """Remove the containers of nodes whose daemon doesn't run; yield their names. Raises `HostError`."""
    from contextlib import closing  # loaded at the end of the service's life, most of which it only waits

    from node_runtime.engines.docker.client import connect, engine_trouble, remove_container
    from node_runtime.engines.docker.discovery import require_engine
    from node_runtime.engines.docker.settings import NODE_LABEL

    engine = require_engine()
    with closing(connect(engine)) as client, engine_trouble(f"the engine at {engine}"):
        for node in abandoned(volume):
            for one in client.containers(all=True, filters={"label": f"{NODE_LABEL}={node}"}):
                remove_container(client, one["Id"])
                yield one["Names"][0].removeprefix("/")


def abandoned(volume: Path) -> Iterator[str]:
    """Yield the nodes whose place no daemon holds, by their names at the engine; none can take it meanwhile."""
    for file in sorted(volume.glob(f"*/{WORK}/{ID}")):
        work, place = file.parent, file.parents[1]
        lock = os.open(place.with_suffix(".lock"), os.O_RDONLY | os.O_CLOEXEC)
        try:
            if try_lock(lock):
                yield engine_name(work, place.name)
        finally:
            os.close(lock)


if __name__ == "__main__":
    sys.exit(main())
