"""How does a call get into a finalised block exactly once? Signs, sends, looks for it, and sends it again if lost."""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from substrateinterface import Keypair

from node_runtime.errors import ChainError, ChainUnavailable

from .blocks import Block, FinalisedBlocks, extrinsic_hash
from .codec import Call, Codec, CurrentCodec, Event
from .connection import Connection, RpcRefused
from .refusals import BANNED, Verdict, dispatch_refusal, pool_refusal, verdict
from .transaction import Transaction, sign

PATIENCE = 120.0  # seconds from sending to finality
RESEND = 3.0  # seconds without a sign of it, after which it may have been lost from the pool
_ATTEMPTS = 50  # each is lost to another program that used the nonce first
_FIRST_PAUSE = 0.003
_LONGEST_PAUSE = 0.25


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """A call that succeeded: its block and what the block tells of it."""

    block: Block
    events: tuple[Event, ...]

    def field(self, pallet: str, event: str, name: str) -> Any:
        """A field of the first event of this name, None when there is none."""
        found = (event_.fields for event_ in self.events if (event_.pallet, event_.name) == (pallet, event))
        return next((fields[name] for fields in found), None)


class Sender:
    """Sends calls of one account, for any number of threads.

    A signed transaction counts once however often it is sent, so a doubtful one is sent again as it is. The call is
    signed anew only when the first transaction can never count any more: another took its nonce, or its time is over,
    and it is in none of the finalised blocks up to there.
    """

    def __init__(self, connection: Connection, codec: CurrentCodec, blocks: FinalisedBlocks, key: Keypair) -> None:
        self._connection = connection
        self._codec = codec
        self._blocks = blocks
        self._key = key
        self._nonces = threading.Lock()
        self._next: int | None = None  # None: ask the node

    def send(self, call: Call, doing: str) -> Outcome:
        """Returns when the call's block is final. Raises `ChainRefused` (with `doing` in it) or `ChainUnavailable`."""
        sent: list[Transaction] = []
        for _ in range(_ATTEMPTS):
            transaction, taken = self._submit(call, doing)
            sent.append(transaction)
            found = None
            try:
                found = self._await(sent, taken, doing)
            finally:
                if found is None:
                    self._lose_count()
            if found is not None:
                return self._outcome(*found, doing)
        raise ChainUnavailable(
            f"can't {doing}: other transactions of {self._key.ss58_address} always came first",
            remedy="let only one program at a time use this key",
        )

    def catch_up(self) -> None:
        """Returns when every transaction of the account that the node knows of now is final, or lost."""
        give_up, next_nonce = time.monotonic() + PATIENCE, self._node_next()
        while self._nonce_at(self._blocks.head()) < next_nonce:
            if time.monotonic() > give_up:
                raise ChainUnavailable(
                    f"a transaction of {self._key.ss58_address} is in no finalised block after {PATIENCE:.0f} s",
                    remedy="check that the chain makes and finalises blocks",
                )
            time.sleep(_LONGEST_PAUSE)
            next_nonce = min(next_nonce, self._node_next())

    def _submit(self, call: Call, doing: str) -> tuple[Transaction, bool]:
        """Sign with the next nonce and send; whether the node took it without a doubt.

        One thread at a time, so that nonces arrive in their order.
        """
        with self._nonces:
            codec = self._codec.get()
            transaction = self._sign(call, codec)
            self._next = None  # in case of an error the node knows best
            try:
                self._connection.request("author_submitExtrinsic", transaction.hex)
            except RpcRefused as refusal:
                match verdict(refusal):
                    case Verdict.FINAL:
                        raise pool_refusal(refusal, doing) from None
                    case Verdict.RESIGN:
                        return self._resign(call, codec, refusal, doing), False
                    case Verdict.PERHAPS:
                        return transaction, False
            self._next = transaction.nonce + 1
            return transaction, True

    def _lose_count(self) -> None:
        """A nonce that was given to a transaction may be free again; behind the gap no other would ever count."""
        with self._nonces:
            self._next = None

    def _sign(self, call: Call, codec: Codec) -> Transaction:
        head = self._blocks.head()
        nonce = self._next
        if nonce is None:
            nonce = self._node_next()
        encoded = codec.call(call)
        return sign(codec, self._key, encoded, nonce=nonce, block=head.number, block_hash=head.hash)

    def _resign(self, call: Call, outdated: Codec, refusal: RpcRefused, doing: str) -> Transaction:
        """A signature that fits no more means that the runtime was upgraded."""
        codec = self._codec.renew()
        if codec is outdated:
            raise ChainError(f"can't {doing}: {refusal.message}", remedy="check the key")
        transaction = self._sign(call, codec)
        self._connection.request("author_submitExtrinsic", transaction.hex)
        return transaction

    def _await(self, sent: Sequence[Transaction], taken: bool, doing: str) -> tuple[Block, int] | None:
        """The block and index of the newest transaction, or None when it won't count any more.

        Of those before it none can count; they are looked for all the same, since a call may not happen twice.
        """
        transaction, searched = sent[-1], sent[0].birth
        names = {extrinsic_hash(each.encoded) for each in sent}
        generation, started = self._connection.generation, time.monotonic()
        resend_at, pause, checked = started + RESEND, _FIRST_PAUSE, -1
        while time.monotonic() < started + PATIENCE:
            head = self._blocks.head()
            while searched < head.number:
                searched += 1
                block = self._blocks.at(searched)
                index = block.index(names)
                if index is not None:
                    return block, index
            lost = generation != self._connection.generation or time.monotonic() >= resend_at
            taken = taken and not lost
            if not taken and head.number != checked:
                checked = head.number
                if head.number >= transaction.death or self._nonce_at(head) > transaction.nonce:
                    return None
            if lost:
                if not self._resend(transaction, doing):
                    return None
                generation, resend_at = self._connection.generation, time.monotonic() + RESEND
            time.sleep(pause)
            pause = min(pause * 1.3, _LONGEST_PAUSE)
        raise ChainUnavailable(
            f"can't tell whether the chain did {doing}: sent, but in no finalised block after {PATIENCE:.0f} s",
            remedy="check that the chain makes and finalises blocks",
        )

    def _node_next(self) -> int:
        """What the account signs with next, as far as the node knows: behind all of it in the pool."""
        return int(self._connection.request("system_accountNextIndex", self._key.ss58_address))

    def _nonce_at(self, block: Block) -> int:
        codec = self._codec.get()
        key = codec.key("System", "Account", (self._key.ss58_address,))
        encoded = self._connection.request("state_getStorage", key.to_hex(), block.hash)
        return int(codec.value(key, encoded)["nonce"])

    def _resend(self, transaction: Transaction, doing: str) -> bool:
        """A pool is forgotten when its node restarts; sending the same bytes again is harmless.

        False when the node will have nothing of it: it bans what was in a block or couldn't stand in one, e.g. because
        another of the account's calls had spent the fee; and where it was in a block, its nonce is used.
        """
        try:
            self._connection.request("author_submitExtrinsic", transaction.hex)
        except RpcRefused as refusal:
            if verdict(refusal) is Verdict.FINAL:
                raise pool_refusal(refusal, doing) from None
            return refusal.code != BANNED or self._node_next() > transaction.nonce
        return True

    def _outcome(self, block: Block, index: int, doing: str) -> Outcome:
        codec = self._codec.get()
        events = tuple(event for event in self._blocks.events(block, codec) if event.extrinsic == index)
        for event in events:
            if (event.pallet, event.name) == ("System", "ExtrinsicFailed"):
                raise dispatch_refusal(codec, event.fields["dispatch_error"], doing)
        return Outcome(block=block, events=events)


def batched(calls: Sequence[Call], *, function: str) -> Call:
    """One call of Utility: ``batch_all`` is all or nothing, ``force_batch`` goes on after failures."""
    inner = [call.named() for call in calls]
    return Call(pallet="Utility", function=function, arguments={"calls": inner})
