"""A runtime's storage while it is benchmarked: what was committed is read from a "database", and keys are counted.

As `BenchmarkingState` of Substrate's client: a key counts once for reading, when the database is asked for it, and once
for writing, when a change is committed. Whitelisted keys are not counted.
"""

from bisect import bisect_right, insort
from collections.abc import Mapping

from node_runtime.devnet.scale import Reader, compact
from node_runtime.devnet.state.state import Overlay


class Database:
    """A committed state that notes which keys it is asked for."""

    def __init__(self, genesis: Mapping[bytes, bytes]) -> None:
        self._genesis = dict(genesis)
        self.read: set[bytes] = set()
        self.reset()

    def reset(self) -> None:
        self._values = dict(self._genesis)
        self._keys = sorted(self._values)

    def get(self, key: bytes) -> bytes | None:
        self.read.add(key)
        return self._values.get(key)

    def next_key(self, key: bytes) -> bytes | None:
        self.read.add(key)
        position = bisect_right(self._keys, key)
        return self._keys[position] if position < len(self._keys) else None

    def apply(self, changes: Mapping[bytes, bytes | None]) -> None:
        for key, value in changes.items():
            known = key in self._values
            if value is None:
                if known:
                    del self._values[key]
                    self._keys.remove(key)
            else:
                self._values[key] = value
                if not known:
                    insort(self._keys, key)


class Storage(Overlay):
    """The overlay of one call of `dispatch_benchmark`, which commits and forgets on the way."""

    def __init__(self, genesis: Mapping[bytes, bytes]) -> None:
        self._database = Database(genesis)
        self._written: set[bytes] = set()
        self._whitelist: dict[bytes, bytes] = {}  # the whole encoded entries
        super().__init__(self._database, lambda: None)

    def commit_all(self) -> None:
        if self.depth:
            raise ValueError("a storage transaction is open")
        changes = self.changes()
        self._written.update(changes)
        self._database.apply(changes)
        super().__init__(self._database, lambda: None)

    def wipe(self) -> None:
        self._database.reset()
        super().__init__(self._database, lambda: None)

    def reset_counts(self) -> None:
        self._database.read.clear()
        self._written.clear()

    def counts(self) -> tuple[int, int]:
        """How many keys were read and written."""
        return tuple(len(keys - self._whitelist.keys()) for keys in (self._database.read, self._written))  # type: ignore[return-value]

    def whitelist(self) -> bytes:
        return compact(len(self._whitelist)) + b"".join(self._whitelist.values())

    def set_whitelist(self, encoded: bytes) -> None:
        reader = Reader(encoded)
        self._whitelist = dict(_tracked(reader, encoded) for _ in range(reader.compact()))

    def add_to_whitelist(self, encoded: bytes) -> None:
        key, entry = _tracked(Reader(encoded), encoded)
        self._whitelist[key] = entry

    def remove_from_whitelist(self, key: bytes) -> None:
        self._whitelist.pop(key, None)


def _tracked(reader: Reader, encoded: bytes) -> tuple[bytes, bytes]:
    """A ``TrackedStorageKey``: its key, and all of it."""
    begin = reader.offset
    key = reader.prefixed()
    reader.take(4 + 4 + 1)  # reads, writes, whitelisted
    if reader.u8():
        reader.prefixed()  # of a child trie
    return key, encoded[begin : reader.offset]
