"""What does `run` stand on? The engine of this machine, and folders of this user."""

import secrets
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from node_runtime.containers.own_engine import own_engine
from node_runtime.creator.local_run import Bench, Say
from node_runtime.home import home
from node_runtime.storage.cache import Cache
from node_runtime.storage.local import LocalStore
from node_runtime.workspace import Workspaces

CACHE = 20 << 30  # bytes of inputs kept from run to run


@contextmanager
def open_bench(target: Path, *, say: Say) -> Iterator[Bench]:
    """Building is allowed: the Dockerfiles are the user's own. Nothing but the cache and `target` stays."""
    # never used again: a container that a killed process left must not be taken for one of this run
    node = f"run-{secrets.token_hex(6)}"
    place = home() / "run"
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    with ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="work-", dir=place)))
        engine = stack.enter_context(own_engine(work, node=node, say=say))
        cache = Cache(place / "cache", limit=CACHE)
        stack.callback(cache.close)
        workspaces = Workspaces(work / "attempts", engine=engine, node=node)
        store = LocalStore(work / "store")
        yield Bench(engine=engine, workspaces=workspaces, store=store, cache=cache, target=target, say=say)
