"""Signing and sending of transactions with retries, until each call is in a finalised block exactly once.

Source: the Substrate documentation on extrinsic encoding; `Codec` checks that the chain has these extensions.
"""

import struct
import threading
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from substrateinterface import Keypair

from node_runtime.errors import ChainError, ChainUnavailable

from .blocks import Block, FinalisedBlocks, extrinsic_hash
from .codec import Call, Codec, Event
from .connection import Requests, RpcRefused
from .current_codec import CurrentCodec
from .errors import BANNED, PoolOutcome, dispatch_refusal, pool_outcome, pool_refusal

LIFETIME = 64  # blocks; a power of two
_SIGNED_VERSION_4 = b"\x84"
_ACCOUNT_ID = b"\0"  # of MultiAddress
_LONGEST_UNHASHED = 256  # bytes; a longer payload is hashed before signing


@dataclass(frozen=True, kw_only=True)
class Transaction:
    """A signed call. Sending the same bytes again is idempotent.

    It is valid in blocks after `birth` and before `death` only, and only as its account's `nonce`-th.
    """

    encoded: bytes
    nonce: int
    birth: int
    death: int

    @property
    def hex(self) -> str:
        return "0x" + self.encoded.hex()


def sign(codec: Codec, key: Keypair, call: bytes, *, nonce: int, block: int, block_hash: str) -> Transaction:
    """Sign a call that is valid for `LIFETIME` blocks from the finalised `block`."""
    era = codec.encode("Era", {"period": LIFETIME, "phase": block % LIFETIME})
    extra = era + codec.encode("Compact<u32>", nonce) + codec.encode("Compact<u128>", 0)  # no tip
    versions = struct.pack("<II", codec.version.spec, codec.version.transaction)
    payload = call + extra + versions + bytes.fromhex(codec.version.genesis[2:]) + bytes.fromhex(block_hash[2:])
    if len(payload) > _LONGEST_UNHASHED:
        payload = blake2b(payload, digest_size=32).digest()
    signature = bytes([key.crypto_type]) + key.sign(payload)
    body = _SIGNED_VERSION_4 + _ACCOUNT_ID + key.public_key + signature + extra + call
    encoded = codec.encode("Compact<u32>", len(body)) + body
    return Transaction(encoded=encoded, nonce=nonce, birth=block, death=block + LIFETIME)


FINALITY_WAIT = 120.0  # seconds from sending to finality
RESEND = 3.0  # seconds after which an unseen transaction is sent again: the pool may have lost it
_ATTEMPTS = 50  # an attempt fails when another program uses the nonce first
_LARGEST_NONCE = 2**30 - 1  # the largest compact integer of four bytes
_FIRST_PAUSE = 0.003
_LONGEST_PAUSE = 0.25
_LOOKS = 16  # from sending to finality, as long as that lately took

TellFee = Callable[[str, int], None]
"""Callback before a transaction is sent: its purpose and its maximum fee in base units."""


@dataclass(frozen=True, kw_only=True)
class FinalisedCall:
    """A successful call: its block and its events."""

    block: Block
    events: tuple[Event, ...]

    def field(self, pallet: str, event: str, name: str) -> Any:
        """Return a field of the first event of this name, None without one."""
        return next(iter(self.fields(pallet, event, name)), None)

    def fields(self, pallet: str, event: str, name: str) -> list[Any]:
        """Return a field of each event of this name, in their order."""
        return [each.fields[name] for each in self.events if (each.pallet, each.name) == (pallet, event)]


class Sender:
    """Send calls of one account, from any number of threads.

    A signed transaction takes effect once however often it is sent, so an unconfirmed one is sent again unchanged. The
    call is signed again only when the first transaction can no longer take effect: its nonce is used by another or it
    has expired, and no finalised block up to then contains it.
    """

    def __init__(
        self,
        connection: Requests,
        codec: CurrentCodec,
        blocks: FinalisedBlocks,
        key: Keypair,
        tell_fee: TellFee | None,
    ) -> None:
        self._connection = connection
        self._codec = codec
        self._blocks = blocks
        self._key = key
        self._tell_fee = tell_fee
        self._nonces = threading.Lock()
        self._next: int | None = None  # None: ask the node
        self._usual = 0.0  # seconds from sending to finality, lately

    def send(self, call: Call, doing: str) -> FinalisedCall:
        """Send a call and wait for finality. Raises `ChainRefused` (with `doing` in it) or `ChainUnavailable`."""
        sent: list[Transaction] = []
        for _ in range(_ATTEMPTS):
            transaction, taken = self._submit(call, doing)
            sent.append(transaction)
            found = None
            try:
                found = self._await(sent, taken, doing)
            finally:
                if found is None:
                    self._forget_next_nonce()
            if found is not None:
                return self._outcome(*found, doing)
        raise ChainUnavailable(
            f"can't {doing}: other transactions of {self._key.ss58_address} always used its nonce first",
            remedy="let only one program at a time use this key",
        )

    def most_fee(self, call: Call) -> int:
        """Return the maximum fee of this call at the chain's current rate; 0 where the chain can't decode the call."""
        block, codec = self._blocks.recent(), self._codec.get()  # any block: the signature is not checked
        encoded = codec.call(call)
        signed = sign(codec, self._key, encoded, nonce=_LARGEST_NONCE, block=block.number, block_hash=block.hash)
        return self._most_fee(signed) or 0

    def catch_up(self) -> None:
        """Wait until every pending transaction of the account is finalised or dropped."""
        give_up, next_nonce = time.monotonic() + FINALITY_WAIT, self._node_next()
        while self._nonce_at(self._blocks.head_hash()) < next_nonce:
            if time.monotonic() > give_up:
                raise ChainUnavailable(
                    f"a transaction of {self._key.ss58_address} is in no finalised block after {FINALITY_WAIT:.0f} s",
                    remedy="check that the chain makes and finalises blocks",
                )
            time.sleep(_LONGEST_PAUSE)
            next_nonce = min(next_nonce, self._node_next())

    def _submit(self, call: Call, doing: str) -> tuple[Transaction, bool]:
        """Sign with the next nonce and send; return the transaction and whether the node certainly accepted it.

        The lock makes nonces reach the node in order.
        """
        with self._nonces:
            codec = self._codec.get()
            transaction = self._sign(call, codec)
            self._next = None  # after an error the node's count is used
            self._announce(transaction, doing)
            try:
                self._connection.request("author_submitExtrinsic", transaction.hex)
            except RpcRefused as refusal:
                judged = pool_outcome(refusal)
                if judged is PoolOutcome.UNKNOWN:
                    return transaction, False
                if self._codec.renew() is not codec:  # a signature for another runtime can cause any refusal
                    return self._resign(call), False
                if judged is PoolOutcome.REJECTED:
                    raise self._refused(refusal, transaction, doing) from None
                raise ChainError(f"can't {doing}: {refusal.message}", remedy="check the key") from None
            self._next = transaction.nonce + 1
            return transaction, True

    def _announce(self, transaction: Transaction, doing: str) -> None:
        most = self._most_fee(transaction) if self._tell_fee is not None else None
        if self._tell_fee is not None and most is not None:
            self._tell_fee(doing, most)

    def _most_fee(self, transaction: Transaction) -> int | None:
        """Return the fee that the chain withholds at its current rate, before refunding unused weight.

        None where the chain can't estimate it, e.g. for an undecodable call; sending that fails with the reason.
        """
        try:
            return int(self._connection.request("payment_queryInfo", transaction.hex)["partialFee"])
        except RpcRefused:
            return None

    def _refused(self, refusal: RpcRefused, transaction: Transaction, doing: str) -> ChainError:
        return pool_refusal(refusal, doing, most_fee=self._most_fee(transaction))

    def _forget_next_nonce(self) -> None:
        """Forget the next nonce: an assigned nonce may be unused, and a gap blocks all later transactions."""
        with self._nonces:
            self._next = None

    def _sign(self, call: Call, codec: Codec) -> Transaction:
        head = self._blocks.head()
        nonce = self._next
        if nonce is None:
            nonce = self._node_next()
        encoded = codec.call(call)
        return sign(codec, self._key, encoded, nonce=nonce, block=head.number, block_hash=head.hash)

    def _resign(self, call: Call) -> Transaction:
        """Sign and send again after a runtime upgrade."""
        transaction = self._sign(call, self._codec.get())
        self._connection.request("author_submitExtrinsic", transaction.hex)
        return transaction

    def _await(self, sent: Sequence[Transaction], taken: bool, doing: str) -> tuple[Block, int] | None:
        """Wait for the block and index of one of the transactions; None when the newest can no longer take effect.

        The earlier ones are expected to be invalid but are searched for too, since a call must not execute twice.
        """
        transaction, searched = sent[-1], sent[0].birth
        names = {extrinsic_hash(each.encoded) for each in sent}
        generation, started = self._connection.generation, time.monotonic()
        pause, longest = max(_FIRST_PAUSE, self._usual / _LOOKS), max(_LONGEST_PAUSE, self._usual / _LOOKS)
        resend_at, checked = started + RESEND, -1
        while time.monotonic() < started + FINALITY_WAIT:
            head = self._blocks.head()
            if head.number > searched + 1:
                searched = self._skip(sent[0].nonce, searched, head)
            found, searched = self._find(names, searched, head), head.number
            if found is not None:
                self._usual = (self._usual + time.monotonic() - started) / 2
                return found
            lost = generation != self._connection.generation or time.monotonic() >= resend_at
            taken = taken and not lost
            if not taken and head.number != checked:
                checked = head.number
                if head.number >= transaction.death or self._nonce_at(head.hash) > transaction.nonce:
                    return self._find(names, sent[0].birth, head)  # what was skipped too
            if lost:
                if not self._resend(transaction, doing):
                    return None
                generation, resend_at = self._connection.generation, time.monotonic() + RESEND
            time.sleep(pause)
            pause = min(pause * 1.3, longest)
        raise ChainUnavailable(
            f"can't tell whether the chain did {doing}: sent, but in no finalised block after {FINALITY_WAIT:.0f} s",
            remedy="check that the chain makes and finalises blocks",
        )

    def _find(self, names: Collection[bytes], after: int, head: Block) -> tuple[Block, int] | None:
        """Return the first block after this one, up to the head, with one of these extrinsics, and its index there."""
        for number in range(after + 1, head.number + 1):
            block = self._blocks.at(number)
            index = block.index(names)
            if index is not None:
                return block, index
        return None

    def _skip(self, nonce: int, searched: int, head: Block) -> int:
        """Return the last block up to which none can contain the account's transaction with this nonce.

        While other accounts fill the blocks, one read tells of all of them that the nonce isn't used yet.
        """
        try:
            if self._nonce_at(head.hash) <= nonce:
                return head.number
            first = head.number  # the block that uses the nonce is after `searched`, and not after this one
            while first - searched > 1:
                middle = (searched + first) // 2
                if self._nonce_at(self._blocks.hash_of(middle)) > nonce:
                    first = middle
                else:
                    searched = middle
            return first - 1
        except RpcRefused:  # the node keeps the state of recent blocks only
            return searched

    def _node_next(self) -> int:
        """Return the account's next nonce according to the node, counting its transactions in the pool."""
        return int(self._connection.request("system_accountNextIndex", self._key.ss58_address))

    def _nonce_at(self, block_hash: str) -> int:
        codec = self._codec.get()  # the nonce is the first field in every version
        key = codec.key("System", "Account", (self._key.ss58_address,))
        encoded = self._connection.request("state_getStorage", key.to_hex(), block_hash)
        return int(codec.value(key, encoded)["nonce"])

    def _resend(self, transaction: Transaction, doing: str) -> bool:
        """Send the same bytes again, since a node's restart clears its pool; return whether it may still take effect.

        False when the node bans the transaction and its nonce is unused: it was invalid in a block, e.g. because
        another of the account's calls had spent the fee.
        """
        try:
            self._connection.request("author_submitExtrinsic", transaction.hex)
        except RpcRefused as refusal:
            if pool_outcome(refusal) is PoolOutcome.REJECTED:
                raise self._refused(refusal, transaction, doing) from None
            return refusal.code != BANNED or self._node_next() > transaction.nonce
        return True

    def _outcome(self, block: Block, index: int, doing: str) -> FinalisedCall:
        codec = self._codec.at(block.hash)
        events = tuple(event for event in self._blocks.events(block, codec) if event.extrinsic == index)
        for event in events:
            if (event.pallet, event.name) == ("System", "ExtrinsicFailed"):
                raise dispatch_refusal(codec, event.fields["dispatch_error"], doing)
        return FinalisedCall(block=block, events=events)


def batched(calls: Sequence[Call], *, function: str) -> Call:
    """Wrap calls in one call of Utility: ``batch_all`` is atomic, ``force_batch`` continues after failures."""
    inner = [call.named() for call in calls]
    return Call(pallet="Utility", function=function, arguments={"calls": inner})
