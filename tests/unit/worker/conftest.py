"""A chain for each module, and a room of faults for each test."""

import threading
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from node_runtime.substrate.memory import MemoryNetwork
from tests.unit.worker.faults_room import Crash, Room


@pytest.fixture(scope="module")
def network() -> Iterator[MemoryNetwork]:
    with MemoryNetwork() as network:
        yield network


@pytest.fixture
def room(network: MemoryNetwork, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    told = threading.excepthook
    monkeypatch.setattr(threading, "excepthook", lambda args: None if args.exc_type is Crash else told(args))
    return Room(folder=tmp_path, creator=network.connect("//Alice"), network=network, key=f"//node{uuid4().hex[:12]}")
