"""The chain: its head and its next block; ties runtime, store, pool and block building together.

One thread owns an `EmbeddedChain`. Finality is immediate: there is one block producer and no fork, so the newest
block is final.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

from node_runtime.devnet.state.state import Overlay, StoredState, keys_under
from node_runtime.devnet.state.store import Origin, Store, StoredBlock
from node_runtime.devnet.wasm.functions import twox
from node_runtime.devnet.wasm.host import Runtime, RuntimePanic
from node_runtime.errors import HostError, InputError

from . import blocks, runtime_api
from .blocks import CODE_KEY, Header, decode_header
from .pool import Pool, Status
from .runtime_api import LoadedRuntime
from .state import trie
from .trial import Trials

_AGENDA = twox(b"Tasks", 2) + twox(b"Agenda", 2)
_TRIE_BATCH = 4096
_MOST_NONCES = 10_000  # accounts
_LONGEST_UPGRADE = 10_000  # blocks; a migration that takes more is taken to be endless


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """A block that was just stored, and its changes of the state."""

    block: StoredBlock
    header: Header
    changes: dict[bytes, bytes | None]


@dataclass(frozen=True, kw_only=True)
class AgendaHead:
    """The task pallet's next entry. The first block after ``due``, in ms since 1970, handles it."""

    due: int
    entry: bytes


class TransactionRefused(Exception):
    """The runtime refuses a transaction."""

    def __init__(self, refusal: runtime_api.TransactionRefusal) -> None:
        super().__init__(refusal.text)
        self.refusal = refusal


def _steady_clock() -> int:
    """Return milliseconds; unlike the wall clock it is never set."""
    return time.monotonic_ns() // 1_000_000


def _nonce_tag(account: bytes, nonce: int) -> bytes:
    """Return the tag that a transaction provides by frame_system's CheckNonce."""
    return account + nonce.to_bytes(4, "little")


class EmbeddedChain:
    """The chain in one store: the stored one, or a new one where the store is empty.

    ``code`` is a new chain's runtime; a stored chain keeps its own (see `upgrade`). ``wall_clock``
    gives milliseconds since 1970. Raises `InputError` when the store holds a chain of another genesis preset,
    `HostError` when what is stored is damaged.

    ``upgrading`` is true from a block that changes the runtime until its migrations have ended: the next block is due
    at once. ``trials`` holds the runtimes that were refused.
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
        self._runtimes: dict[bytes, LoadedRuntime] = {}
        self.pool = Pool(notify, _steady_clock)
        self.trials = Trials(cache_folder, wall_clock)
        self._next_nonces: dict[bytes, int] = {}  # the latest answer for each account
        stored = store.origin()
        if stored is None:
            stored = Origin(wasm=sha256(code).hexdigest(), preset=preset)
            self._begin(stored, code)
        elif stored.preset != preset:
            raise InputError(
                f"the stored chain was made from preset {stored.preset!r}, not from {preset!r}",
                remedy="start with --fresh to begin anew (the stored chain is lost), or with another folder",
            )
        self.origin = stored
        self._trie = self._loaded_trie()
        self.head = self._known(store.head())
        self.header = decode_header(self.head.header)
        if trie.root_of(self._trie) != self.header.state_root:
            raise HostError(
                f"the stored state does not match block {self.head.number}",
                remedy="the database is damaged: start with --fresh to begin anew",
            )
        self.upgrading = self._awaits_migration()
        self._upgrade_blocks = 0

    @property
    def stuck(self) -> bool:
        """Whether the upgrade took more blocks than any migration needs."""
        return self._upgrade_blocks >= _LONGEST_UPGRADE

    def follow(self, wasm: str) -> None:
        """Record that the chain follows the packaged runtime with this sha256."""
        self._store.follow(wasm)
        self.origin = Origin(wasm=wasm, preset=self.origin.preset)

    def number_of(self, block_hash: bytes) -> int | None:
        return self._store.number_of(block_hash)

    def block_at(self, number: int) -> StoredBlock | None:
        return self._store.block_at(number)

    def hash_at(self, number: int) -> bytes | None:
        return self._store.hash_at(number)

    def state_at(self, number: int) -> StoredState:
        """Return the state after block ``number``. Raises `StateDiscarded` when it is too old."""
        return self._store.state_at(number)

    def trie_at(self, number: int) -> trie.TrieNode | None:
        """Return the trie of the state after block ``number``. Requires that this state is not discarded yet."""
        return trie.updated(self._trie, self._store.replaced_since(number))

    def overlay_at(self, number: int) -> Overlay:
        """Return a scratch storage over the state after block ``number``. Raises `StateDiscarded`."""
        return Overlay(self._store.state_at(number), lambda: self.trie_at(number))

    def runtime_at(self, number: int) -> LoadedRuntime:
        """Return the runtime in force after block ``number``. Raises `StateDiscarded`."""
        block = self.head if number == self.head.number else self._known(self._store.block_at(number))
        digest = block.code
        if digest not in self._runtimes:
            code = self._store.state_at(number).get(CODE_KEY)
            self._runtimes[digest] = runtime_api.load_runtime(
                Runtime(code or b"", self._cache_folder), self.overlay_at(number)
            )
        return self._runtimes[digest]

    def submit(self, extrinsic: bytes) -> bytes:
        """Put a transaction into the pool; return its hash.

        Raises `TransactionRefused`, `PoolRefusal`, or `RuntimePanic` when it cannot even be decoded.
        """
        self.pool.check_unknown(trie.blake2_256(extrinsic))
        verdict = runtime_api.validate(
            self.runtime_at(self.head.number).runtime, self.overlay_at(self.head.number), extrinsic, self.head.hash
        )
        if isinstance(verdict, runtime_api.TransactionRefusal):
            raise TransactionRefused(verdict)
        return self.pool.add(extrinsic, verdict, self.head.number)

    def next_nonce(self, account: bytes) -> int:
        """Return the account's nonce after its ready transactions; ``account`` is 32 bytes."""
        nonce = runtime_api.account_nonce(
            self.runtime_at(self.head.number).runtime, self.overlay_at(self.head.number), account
        )
        known = self._next_nonces.get(account, 0)
        if known > nonce and self.pool.provides(_nonce_tag(account, known - 1)):
            nonce = known  # a transaction is ready only if all with lower nonces are
        while self.pool.provides(_nonce_tag(account, nonce)):
            nonce += 1
        if len(self._next_nonces) > _MOST_NONCES:
            self._next_nonces.clear()
        self._next_nonces[account] = nonce
        return nonce

    def seal(self) -> Sealed:
        """Make the next block from the ready transactions and store it.

        A new runtime with which the chain could not go on is not set, and is recorded in ``trials``. Raises `HostError`
        when the block cannot be stored; the chain and the pool are then unchanged.
        """
        built = self._built()
        changes = built.overlay.changes()
        while (code := changes.get(CODE_KEY)) is not None and (reason := self.trials.try_out(code, built)) is not None:
            self.trials.refuse(code, reason)
            built = self._built()
            changes = built.overlay.changes()
        code = changes.get(CODE_KEY)
        block = StoredBlock(
            number=built.header.number,
            hash=built.header.hash,
            header=built.header.encode(),
            extrinsics=built.extrinsics,
            code=sha256(code).digest() if code else self.head.code,
        )
        self._store.append(block, changes)
        self._trie = built.overlay.trie()
        self.head, self.header = block, built.header
        self._note_upgrade(begins=CODE_KEY in changes, only_inherents=built.only_inherents)
        self.pool.settle_block(built.included, built.refused, block.number, block.hash)
        return Sealed(block=block, header=built.header, changes=changes)

    def upgrade_obstacle(self) -> str | None:
        """Try out the runtime that a ready transaction would set: return why the chain could not go on with it.

        Returns None where it could, or where no transaction sets a runtime. Nothing is stored.
        """
        built = self._built()
        code = built.overlay.changes().get(CODE_KEY)
        return None if code is None else self.trials.try_out(code, built)

    def _built(self) -> blocks.Built:
        loaded = self.runtime_at(self.head.number)
        return blocks.build(
            loaded.runtime,
            self.overlay_at(self.head.number),
            self.header,
            now=self._wall_clock(),
            slot_duration=loaded.slot_duration,
            transactions=(entry.extrinsic for entry in self.pool.ready()),
            check_code=partial(self.trials.why_unusable, spec_name=loaded.version.spec_name),
        )

    def _note_upgrade(self, *, begins: bool, only_inherents: bool) -> None:
        self._upgrade_blocks = 0 if begins else self._upgrade_blocks + self.upgrading
        self.upgrading = begins or (self.upgrading and only_inherents and not self.stuck)

    def _awaits_migration(self) -> bool:
        """Whether the newest block changed the runtime, or the next one would take no transactions."""
        if self.head.number == 0:
            return False
        if self._known(self._store.block_at(self.head.number - 1)).code != self.head.code:
            return True
        try:
            return self._built().only_inherents
        except RuntimePanic:
            return False  # no block can be built; `seal` raises the reason

    def dry_run(self, number: int, extrinsic: bytes) -> bytes:
        """Return the encoded outcome of applying an extrinsic after block ``number``. Raises `StateDiscarded`."""
        loaded, parent = self.runtime_at(number), self._known(self._store.block_at(number))
        return blocks.dry_run(
            loaded.runtime,
            self.overlay_at(number),
            decode_header(parent.header),
            extrinsic,
            slot_duration=loaded.slot_duration,
        )

    def execute_again(self, number: int) -> None:
        """Execute a stored block over its parent's state. Raises `RuntimePanic` when the result differs."""
        block = self._known(self._store.block_at(number))
        runtime = self.runtime_at(number - 1).runtime
        blocks.execute(runtime, self.overlay_at(number - 1), decode_header(block.header), block.extrinsics)

    def agenda_head(self) -> AgendaHead | None:
        """Return the agenda's first entry, None when it is empty or the runtime has no agenda."""
        first = next(keys_under(self._store.state_at(self.head.number), _AGENDA), None)
        if first is None:
            return None
        entry = first[len(_AGENDA) :]
        return AgendaHead(due=int.from_bytes(entry[:8], "big"), entry=entry[8:])

    def _begin(self, origin: Origin, code: bytes) -> None:
        header, overlay = blocks.genesis(Runtime(code, self._cache_folder), code, origin.preset)
        block = StoredBlock(
            number=0, hash=header.hash, header=header.encode(), extrinsics=(), code=sha256(code).digest()
        )
        self._store.append(block, overlay.changes(), origin=origin)

    def _loaded_trie(self) -> trie.TrieNode | None:
        items: Iterator[tuple[bytes, bytes]] = self._store.items()
        loaded: trie.TrieNode | None = None
        while batch := list(islice(items, _TRIE_BATCH)):
            loaded = trie.updated(loaded, dict(batch))
        return loaded

    def _known(self, block: StoredBlock | None) -> StoredBlock:
        if block is None:
            raise HostError("a block is missing in the database", remedy="start with --fresh to begin anew")
        return block
