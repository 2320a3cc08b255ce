"""A bench for `node-runtime run` on the tests' own container engine, which builds images."""

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from node_runtime.creator.local_run import Bench
from node_runtime.runner.workspace import Workspaces
from node_runtime.stores.cache import Cache
from node_runtime.stores.local import LocalStore
from tests.docker_engine import DockerHost

# a Dockerfile whose image runs the program.sh beside it
SHELL_PROGRAM = """\
ARG BASE_IMAGE=python:3.11-slim-bookworm
FROM ${BASE_IMAGE}
COPY program.sh /program.sh
ENTRYPOINT ["sh", "/program.sh"]
"""


@contextmanager
def open_local_bench(host: DockerHost, folder: Path) -> Iterator[Bench]:
    """Yield a bench with everything in the folder; its results are in ``runs``."""
    node = f"bench-{secrets.token_hex(4)}"
    with (
        host.engine(node=node, work=folder / "engine", build=True) as engine,
        closing(Cache(folder / "cache", limit=1 << 30)) as cache,
    ):
        (folder / "runs").mkdir()
        workspaces = Workspaces(folder / "attempts", engine=engine, node=node)
        store = LocalStore(folder / "store")
        yield Bench(engine=engine, workspaces=workspaces, store=store, cache=cache, target=folder / "runs", say=print)
