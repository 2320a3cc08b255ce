"""A pool of transactions, with its clock and its notifications."""

from node_runtime.devnet.pool import (
    Pool,
    Status,
    StatusName,
)
from node_runtime.devnet.runtime_api import Validity
from node_runtime.devnet.state.trie import blake2_256
from tests.devnet import Clock

BLOCK = b"B" * 32


class World:
    """A pool, its clock and its notifications."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.told: list[tuple[bytes, StatusName]] = []
        self.pool = Pool(self._note, self.clock)

    def add(
        self, name: str, *, requires: str = "", provides: str = "", priority: int = 1, longevity: int = 64
    ) -> bytes:
        """Add a transaction; tags are single letters."""
        tags = [tuple(letter.encode() for letter in letters) for letters in (requires, provides or name)]
        validity = Validity(priority=priority, requires=tags[0], provides=tags[1], longevity=longevity)
        return self.pool.add(name.encode(), validity, 0)

    def ready(self) -> str:
        return " ".join(entry.extrinsic.decode() for entry in self.pool.ready())

    def settle(self, included: str = "", refused: str = "", number: int = 1) -> None:
        self.pool.settle_block(
            [name.encode() for name in included.split()], [name.encode() for name in refused.split()], number, BLOCK
        )

    def statuses(self, name: str) -> list[str]:
        return [str(status) for hash_, status in self.told if hash_ == blake2_256(name.encode())]

    def _note(self, transaction: bytes, status: Status) -> None:
        self.told.append((transaction, status.name))
