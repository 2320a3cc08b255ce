"""What is the chain now, and what is next? Ties the runtime, the store, the pool and the block building together.

One thread owns a `Chain`. Finality is immediate: there is one block producer and no fork, so the newest block is final.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path

from node_runtime.errors import HostError, InputError

from . import api, blocks, trie
from .blocks import CODE_KEY
from .header import Header, decode_header
from .host import Runtime, RuntimePanic
from .host_functions import twox
from .pool import Pool, Status
from .scale import ScaleError
from .state import Overlay
from .store import Block, Origin, Store
from .views import StoredState, keys_under

_AGENDA = twox(b"Tasks", 2) + twox(b"Agenda", 2)
_TRIE_BATCH = 4096


@dataclass(frozen=True, kw_only=True)
class Rules:
    """A runtime and what it always answers the same. ``slot_duration`` is in milliseconds."""

    runtime: Runtime
    version: api.Version
    slot_duration: int
    metadata: bytes


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A block that was just stored, and what it changed in the state."""

    block: Block
    header: Header
    changes: dict[bytes, bytes | None]


@dataclass(frozen=True, kw_only=True)
class AgendaHead:
    """What the task pallet has to do next. ``due`` is in milliseconds since 1970: a later block does it."""

    due: int
    entry: bytes


class TransactionRefused(Exception):
    """The runtime does not take a transaction."""

    def __init__(self, refusal: api.Refusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


def _steady_clock() -> int:
    """Milliseconds; unlike the wall clock it is never set."""
    return time.monotonic_ns() // 1_000_000


class Chain:
    """The chain in one store, continued or begun.

    ``wall_clock`` gives milliseconds since 1970. Raises `InputError` when the store holds a chain that grew from
    another wasm or preset, `HostError` when what is stored is damaged.
    """

    def __init__(
        self,
        store: Store,
        *,
        code: bytes,
        preset: str,
        cache_folder: Path,
        wall_clock: Callable[[], int],
        notify: Callable[[bytes, Status], None],
    ) -> None:
        self._store = store
        self._cache_folder = cache_folder
        self._wall_clock = wall_clock
        self._rules: dict[bytes, Rules] = {}
        self.pool = Pool(notify, _steady_clock)
        origin = Origin(wasm=sha256(code).hexdigest(), preset=preset)
        stored = store.origin()
        if stored is None:
            self._begin(origin, code)
        elif stored != origin:
            raise InputError(
                f"the stored chain grew from runtime {stored.wasm[:12]} and preset {stored.preset!r}, "
                f"not from {origin.wasm[:12]} and {preset!r}",
                remedy="start with --fresh to begin anew (the stored chain is lost), or with another folder",
            )
        self._trie = self._loaded_trie()
        self.head = self._known(store.head())
        self.header = decode_header(self.head.header)
        if trie.root_of(self._trie) != self.header.state_root:
            raise HostError(
                f"the stored state does not match block {self.head.number}",
                remedy="the database is damaged: start with --fresh to begin anew",
            )

    def number_of(self, block_hash: bytes) -> int | None:
        return self._store.number_of(block_hash)

    def block_at(self, number: int) -> Block | None:
        return self._store.block_at(number)

    def hash_at(self, number: int) -> bytes | None:
        return self._store.hash_at(number)

    def state_at(self, number: int) -> StoredState:
        """The state after block ``number``; raises `StateDiscarded` when it is too old."""
        return self._store.state_at(number)

    def overlay_at(self, number: int) -> Overlay:
        """A scratch storage over the state after block ``number``; raises `StateDiscarded`."""

        def base_trie() -> trie.Node | None:
            return trie.updated(self._trie, self._store.replaced_since(number))

        return Overlay(self._store.state_at(number), base_trie)

    def rules_at(self, number: int) -> Rules:
        """The runtime that decides over the state after block ``number``; raises `StateDiscarded`."""
        block = self.head if number == self.head.number else self._known(self._store.block_at(number))
        digest = block.code
        if digest not in self._rules:
            code = self._store.state_at(number).get(CODE_KEY)
            self._rules[digest] = self._load(Runtime(code or b"", self._cache_folder), self.overlay_at(number))
        return self._rules[digest]

    def submit(self, extrinsic: bytes) -> bytes:
        """Put a transaction into the pool; returns its hash.

        Raises `TransactionRefused`, `PoolRefusal`, or `RuntimePanic` when it cannot even be decoded.
        """
        self.pool.check_unknown(trie.blake2_256(extrinsic))
        verdict = api.validate(
            self.rules_at(self.head.number).runtime, self.overlay_at(self.head.number), extrinsic, self.head.hash
        )
        if isinstance(verdict, api.Refusal):
            raise TransactionRefused(verdict)
        return self.pool.add(extrinsic, verdict, self.head.number)

    def next_nonce(self, account: bytes) -> int:
        """The account's nonce after its ready transactions; ``account`` is 32 bytes."""
        nonce = api.account_nonce(self.rules_at(self.head.number).runtime, self.overlay_at(self.head.number), account)
        while self.pool.provides(account + nonce.to_bytes(4, "little")):
            nonce += 1
        return nonce

    def seal(self) -> Sealed:
        """Make the next block from the ready transactions and store it.

        Raises `HostError` when it cannot be stored; the chain and the pool are then as before.
        """
        rules = self.rules_at(self.head.number)
        ready = (entry.extrinsic for entry in self.pool.ready())
        built = blocks.build(
            rules.runtime,
            self.overlay_at(self.head.number),
            self.header,
            now=self._wall_clock(),
            slot_duration=rules.slot_duration,
            transactions=ready,
        )
        changes = built.overlay.changes()
        code = changes.get(CODE_KEY)
        block = Block(
            number=built.header.number,
            hash=built.header.hash,
            header=built.header.encode(),
            extrinsics=built.extrinsics,
            code=sha256(code).digest() if code else self.head.code,
        )
        self._store.append(block, changes)
        self._trie = built.overlay.trie()
        self.head, self.header = block, built.header
        self.pool.settle_block(built.included, built.refused, block.number, block.hash)
        return Sealed(block=block, header=built.header, changes=changes)

    def execute_again(self, number: int) -> None:
        """Check a stored block by executing it over its parent's state; raises `RuntimePanic` when it differs."""
        block = self._known(self._store.block_at(number))
        runtime = self.rules_at(number - 1).runtime
        blocks.execute(runtime, self.overlay_at(number - 1), decode_header(block.header), block.extrinsics)

    def agenda_head(self) -> AgendaHead | None:
        """The agenda's first entry, None when it is empty or the runtime has no agenda."""
        first = next(keys_under(self._store.state_at(self.head.number), _AGENDA), None)
        if first is None:
            return None
        entry = first[len(_AGENDA) :]
        return AgendaHead(due=int.from_bytes(entry[:8], "big"), entry=entry[8:])

    def _begin(self, origin: Origin, code: bytes) -> None:
        header, overlay = blocks.genesis(Runtime(code, self._cache_folder), code, origin.preset)
        block = Block(number=0, hash=header.hash, header=header.encode(), extrinsics=(), code=sha256(code).digest())
        self._store.append(block, overlay.changes(), origin=origin)

    def _loaded_trie(self) -> trie.Node | None:
        items: Iterator[tuple[bytes, bytes]] = self._store.items()
        loaded: trie.Node | None = None
        while batch := list(islice(items, _TRIE_BATCH)):
            loaded = trie.updated(loaded, dict(batch))
        return loaded

    def _load(self, runtime: Runtime, overlay: Overlay) -> Rules:
        try:
            return Rules(
                runtime=runtime,
                version=api.version(runtime, overlay),
                slot_duration=api.slot_duration(runtime, overlay),
                metadata=api.metadata(runtime, overlay),
            )
        except (RuntimePanic, ScaleError) as failure:
            raise InputError(
                f"this runtime cannot run a devnet: {failure}", remedy="use this network's own"
            ) from failure

    def _known(self, block: Block | None) -> Block:
        if block is None:
            raise HostError("a block is missing in the database", remedy="start with --fresh to begin anew")
        return block
