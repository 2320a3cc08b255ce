"""Fixtures for the cache tests: a store with five trees of the same size."""

from pathlib import Path

import pytest

from node_runtime.domain.assets import Digest
from tests.unit.stores.cache_room import SIZE, CountingStore


@pytest.fixture
def store(tmp_path: Path) -> CountingStore:
    return CountingStore(tmp_path / "store")


@pytest.fixture
def trees(store: CountingStore, tmp_path: Path) -> list[Digest]:
    """Five trees of the same size."""
    digests = []
    for number in range(5):
        folder = tmp_path / f"tree-{number}"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "data").write_bytes(bytes([number]) * (SIZE - 10))
        (folder / "run").write_bytes(b"0123456789")
        (folder / "run").chmod(0o755)
        digests.append(store.put(folder))
    return digests
