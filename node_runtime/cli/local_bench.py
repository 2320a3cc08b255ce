"""What does `run` stand on? The engine of this machine, and folders of this user."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from node_runtime.containers.own_room import own_room, rooms
from node_runtime.creator.local_run import Bench
from node_runtime.ports import Say
from node_runtime.storage.cache import Cache
from node_runtime.storage.local import LocalStore
from node_runtime.workspace import Workspaces

CACHE = 20 << 30  # bytes of inputs kept from run to run


@contextmanager
def open_bench(target: Path, *, say: Say) -> Iterator[Bench]:
    """Building is allowed: the Dockerfiles are the user's own. Nothing but the cache and `target` stays."""
    with ExitStack() as stack:
        room = stack.enter_context(own_room("run", say=say))
        cache = Cache(rooms() / "cache", limit=CACHE)
        stack.callback(cache.close)
        workspaces = Workspaces(room.folder / "attempts", engine=room.engine, node=room.name)
        store = LocalStore(room.folder / "store")
        yield Bench(engine=room.engine, workspaces=workspaces, store=store, cache=cache, target=target, say=say)
