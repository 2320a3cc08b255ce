"""The adapters that the contract of the port `AssetStore` runs against, each empty."""

from collections.abc import Callable
from pathlib import Path

import obstore.store
import pytest

from node_runtime.domain.assets import Account
from node_runtime.ports.store import AssetStore
from node_runtime.stores.local import LocalStore
from node_runtime.stores.memory import MemoryStore
from node_runtime.stores.object_client import Objects, open_objects
from node_runtime.stores.objects import ObjectStore
from tests.object_storage import S3Server

ALICE = Account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
ADAPTERS = [
    "local",
    pytest.param("memory", marks=pytest.mark.twin),
    pytest.param("objects", marks=pytest.mark.twin),
    *(pytest.param(server, marks=pytest.mark.peers) for server in ("s3", "minio")),
]


def new_store(adapter: str, folder: Path, request: pytest.FixtureRequest) -> AssetStore:
    opened: dict[str, Callable[[], AssetStore]] = {
        "local": lambda: LocalStore(folder),
        "memory": MemoryStore,
        "objects": lambda: ObjectStore(Objects("memory:", obstore.store.MemoryStore()), writer=ALICE),
    }
    return opened[adapter]() if adapter in opened else _on_server(request.getfixturevalue(adapter))


def _on_server(server: S3Server) -> AssetStore:
    return ObjectStore(open_objects(server.new_bucket(), server.access), writer=ALICE)
