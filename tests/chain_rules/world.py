"""How does a test talk to the chain? By signed calls in blocks that it seals itself, at times that it sets."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from substrateinterface import Keypair

from node_runtime.devnet import blocks
from node_runtime.devnet.chain import Chain
from node_runtime.devnet.state import Overlay
from node_runtime.devnet.views import keys_under
from tests.chain_rules.schema import Call, Schema
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
    """A chain of one's own with its accounts, and the state after its newest block."""

    def __init__(self, chain: Chain, clock: Clock, names: Sequence[str]) -> None:
        self.chain = chain
        self.clock = clock
        self.rules = chain.rules_at(0)
        self.schema = Schema(self.rules.metadata)
        self._signers = {signer.account: signer for signer in map(self._signer, names)}
        self.accounts = tuple(self._signers)
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
        self.state.apply(sealed.changes.items())
        told = self._told(signed, sealed.block.extrinsics, self.state)
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

    def imagine(self, *steps: tuple[int, Sequence[Signed]]) -> tuple[State, tuple[Sealed, ...]]:
        """What would come of these blocks, each so many milliseconds after the one before with the signed calls in
        this order. The chain stays as it is."""
        overlay, parent, state, told = self._head(), self.chain.header, self.state, []
        now = self.clock.now
        for later, signed in steps:
            now += later
            built = blocks.build(
                self.rules.runtime,
                overlay,
                parent,
                now=now,
                slot_duration=self.rules.slot_duration,
                transactions=[each.encoded for each in signed],
            )
            state = state.changed(built.overlay.changes())
            told.append(self._told(signed, built.extrinsics, state))
            overlay, parent = Overlay(built.overlay, lambda trie=built.overlay.trie(): trie), built.header
        return state, tuple(told)

    def _head(self) -> Overlay:
        return self.chain.overlay_at(self.chain.head.number)

    def _told(self, signed: Sequence[Signed], extrinsics: Sequence[bytes], state: State) -> Sealed:
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


def fees_in(events: Iterable[Event]) -> Counter[bytes]:
    """What each account paid for its transactions, which the treasury got (there with a minus)."""
    fees: Counter[bytes] = Counter()
    for event in events:
        if event.name == "TransactionFeePaid":
            fees[event.fields.who] += event.fields.actual_fee
            fees[TREASURY] -= event.fields.actual_fee
    return fees
