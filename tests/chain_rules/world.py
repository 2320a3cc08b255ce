"""A chain for tests of its rules: signed calls in blocks that the test seals, at times that it sets."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from substrateinterface import Keypair

from node_runtime.devnet import blocks
from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.state.state import Overlay, keys_under
from tests.chain_rules.schema import Call, schema_of
from tests.chain_rules.state import Event, State
from tests.devnet import Clock
from tests.transfers import Signer

TREASURY = b"modlnrt/trsy".ljust(32, b"\0")


class Refused(Exception):
    """A call broke a rule; the text is the rule's name."""


@dataclass(frozen=True)
class Signed:
    """A call somebody made."""

    account: bytes
    call: Call
    encoded: bytes


@dataclass(frozen=True)
class Sealed:
    """A block: ``refusals`` has for each call, in the order given, the rule it broke, or None; ``events`` all that
    happened."""

    refusals: tuple[str | None, ...]
    events: tuple[Event, ...]


class World:
    """A chain of one's own, the state after its newest block, its rich ``accounts`` and a ``poor`` one."""

    def __init__(self, chain: EmbeddedChain, clock: Clock, names: Sequence[str]) -> None:
        """``names`` are those of development accounts, the last one of none that is endowed."""
        self.chain = chain
        self.clock = clock
        self.rules = chain.runtime_at(0)
        self.schema = schema_of(self.rules.metadata)
        self._signers = {signer.account: signer for signer in map(self._signer, names)}
        *self.accounts, self.poor = self._signers
        self._fees: Counter[bytes] = Counter()
        self.state = State(self.schema)
        view = chain.state_at(chain.head.number)
        self.state.apply((key, view.get(key)) for key in keys_under(view, b""))

    def _signer(self, name: str) -> Signer:
        version = self.rules.version
        return Signer(
            keys=Keypair.create_from_uri(f"//{name}"),
            genesis=self.chain.head.hash,
            spec_version=version.spec_version,
            transaction_version=version.transaction_version,
        )

    @property
    def now(self) -> int:
        """The time of the newest block; the next one's is at least a millisecond later."""
        return self.clock.now

    def sign(self, *calls: tuple[bytes, Call]) -> tuple[Signed, ...]:
        """Signed for the next block, each account's in the order given."""
        nonces = {account: self.chain.next_nonce(account) for account, _ in calls}
        signed = []
        for account, call in calls:
            encoded = self._signers[account].signed(self.schema.call(call), nonce=nonces[account])
            signed.append(Signed(account, call, encoded))
            nonces[account] += 1
        return tuple(signed)

    def seal(self, *calls: tuple[bytes, Call], later: int = 1) -> Sealed:
        """A block with these calls, ``later`` milliseconds after the one before."""
        signed = self.sign(*calls)
        for each in signed:
            self.chain.submit(each.encoded)
        self.clock.now += later
        sealed = self.chain.seal()
        self.state = self.state.changed(sealed.changes)
        told = self.told(signed, sealed.block.extrinsics, self.state)
        self._fees.update(fees_in(told.events))
        return told

    def do(self, account: bytes, call: Call, *, later: int = 1) -> Sealed:
        """One call in a block of its own; raises `Refused`."""
        sealed = self.seal((account, call), later=later)
        if sealed.refusals[0] is not None:
            raise Refused(sealed.refusals[0])
        return sealed

    def pass_time(self, milliseconds: int) -> Sealed:
        """An empty block, at which the agenda is worked."""
        return self.seal(later=milliseconds)

    def wealth(self, account: bytes) -> int:
        """All that an account owns, as if transactions cost nothing."""
        return self.state.worth(account) + self._fees[account]

    def fork(self) -> "Fork":
        """What may come of the chain, while the chain itself stays as it is."""
        return Fork(self)

    def told(self, signed: Sequence[Signed], extrinsics: Sequence[bytes], state: State) -> Sealed:
        events = state.events
        refused = {
            event.extrinsic: self.schema.error(event.fields.dispatch_error)
            for event in events
            if event.name == "ExtrinsicFailed"
        }
        places = {encoded: place for place, encoded in enumerate(extrinsics)}
        refusals = tuple(refused.get(places[each.encoded]) for each in signed)
        return Sealed(refusals, tuple(events))

    def constant(self, name: str) -> Any:
        """A constant of the pallet Tasks."""
        return self.schema.constant("Tasks", name)


class Fork:
    """Blocks on top of a world's newest one that nobody stores. ``now`` is the time of the last of them."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._overlay = world.chain.overlay_at(world.chain.head.number)
        self._parent = world.chain.header
        self.state = world.state
        self.now = world.now

    def seal(self, *signed: Signed, later: int = 1) -> Sealed:
        """A block with these calls in this order."""
        self.now += later
        built = blocks.build(
            self._world.rules.runtime,
            self._overlay,
            self._parent,
            now=self.now,
            slot_duration=self._world.rules.slot_duration,
            check_code=lambda _code: None,  # nothing here sets code
            transactions=[each.encoded for each in signed],
        )
        self.state = self.state.changed(built.overlay.changes())
        self._overlay, self._parent = Overlay(built.overlay, built.overlay.trie), built.header
        return self._world.told(signed, built.extrinsics, self.state)


def transaction_fees_in(events: Iterable[Event]) -> Counter[bytes]:
    """What each account paid for its transactions; the treasury got it (there with a minus)."""
    return fees_in(event for event in events if event.name == "TransactionFeePaid")


def fees_in(events: Iterable[Event]) -> Counter[bytes]:
    """What each account paid for its transactions and for bytes that stay; the treasury got it (there with a minus)."""
    fees: Counter[bytes] = Counter()
    for event in events:
        match event.name:
            case "TransactionFeePaid":
                payer, amount = event.fields.who, event.fields.actual_fee
            case "BytesPaid":
                payer, amount = event.fields.who, event.fields.amount
            case "RecordPaid":
                payer, amount = event.fields.creator, event.fields.amount
            case _:
                continue
        fees[payer] += amount
        fees[TREASURY] -= amount
    return fees
