"""Who is to be told what? Subscriptions, each of one connection, and what happened since they were last told."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from . import rpc_errors
from .blocks import CODE_KEY
from .chain import Chain, Sealed
from .header import decode_header
from .params import Json, Params, hexed
from .pool import Status, StatusName
from .rpc import header_json, storage_changes, submit, version_json

MOST_A_CONNECTION = 1024  # as a Substrate node
_LAST = (StatusName.FINALIZED, StatusName.DROPPED, StatusName.INVALID, StatusName.USURPED)


class Subscriber(Protocol):
    """A connection."""

    def push(self, message: Json) -> None:
        """Queue a message; never blocks."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Subscription:
    """What one subscriber wants. ``event`` is the method of its notifications; ``keys`` are storage keys, and
    ``transaction`` is the hash of one it watches."""

    id: str
    subscriber: Subscriber
    event: str
    keys: tuple[bytes, ...] = ()
    transaction: bytes | None = None

    def tell(self, result: Json) -> None:
        params: Json = {"subscription": self.id, "result": result}
        self.subscriber.push({"jsonrpc": "2.0", "method": self.event, "params": params})


class Subscriptions:
    """All subscriptions of a server.

    What happens is only noted until `deliver` tells it, so that a client gets the reply with its subscription's id
    before the first notification.
    """

    def __init__(self) -> None:
        self._open: dict[str, Subscription] = {}
        self._noted: list[Callable[[], None]] = []

    def transaction_changed(self, transaction: bytes, status: Status) -> None:
        self._noted.append(lambda: self._tell_status(transaction, status))

    def block_sealed(self, chain: Chain, sealed: Sealed) -> None:
        self._noted.append(lambda: self._tell_block(chain, sealed))

    def deliver(self) -> None:
        noted, self._noted = self._noted, []
        for tell in noted:
            tell()

    def subscribe(self, chain: Chain, method: str, params: Params, subscriber: Subscriber) -> str:
        """Begin a subscription, whose present state is noted to be told first; returns its id.

        Raises `RpcError`, and whatever `rpc.submit` does.
        """
        if sum(open_.subscriber is subscriber for open_ in self._open.values()) >= MOST_A_CONNECTION:
            raise rpc_errors.RpcError(-32006, "Too many subscriptions on the connection")
        event = EVENTS[method]
        identity = secrets.token_hex(8)
        keys: tuple[bytes, ...] = ()
        transaction: bytes | None = None
        if event == "state_storage":
            keys = tuple(params.many_data(0))
        elif event == "author_extrinsicUpdate":
            transaction = submit(chain, params)
        subscription = Subscription(id=identity, subscriber=subscriber, event=event, keys=keys, transaction=transaction)
        self._open[identity] = subscription
        if transaction is None:
            self._noted.append(lambda: subscription.tell(_present(chain, subscription)))
        return identity

    def unsubscribe(self, params: Params, subscriber: Subscriber) -> bool:
        """End one of the subscriber's own subscriptions; says whether there was such."""
        subscription = self._open.get(params.text(0))
        if subscription is None or subscription.subscriber is not subscriber:
            return False
        del self._open[subscription.id]
        return True

    def forget(self, subscriber: Subscriber) -> None:
        """The connection is gone."""
        self._open = {
            identity: subscription
            for identity, subscription in self._open.items()
            if subscription.subscriber is not subscriber
        }

    def _tell_status(self, transaction: bytes, status: Status) -> None:
        result: Json = str(status.name) if status.hash is None else {str(status.name): hexed(status.hash)}
        for subscription in tuple(self._open.values()):
            if subscription.transaction == transaction:
                subscription.tell(result)
                if status.name in _LAST:
                    del self._open[subscription.id]

    def _tell_block(self, chain: Chain, sealed: Sealed) -> None:
        header = header_json(sealed.header)
        for subscription in tuple(self._open.values()):
            if subscription.event in _HEAD_EVENTS:
                subscription.tell(header)
            elif subscription.event == "state_runtimeVersion" and CODE_KEY in sealed.changes:
                subscription.tell(_present(chain, subscription))
            elif subscription.event == "state_storage":
                changed = tuple(key for key in subscription.keys if key in sealed.changes)
                if changed:
                    number = sealed.block.number
                    subscription.tell(storage_changes(chain, chain.state_at(number), changed, number))


def _present(chain: Chain, subscription: Subscription) -> Json:
    number = chain.head.number
    if subscription.event == "state_storage":
        return storage_changes(chain, chain.state_at(number), subscription.keys, number)
    if subscription.event == "state_runtimeVersion":
        return version_json(chain.rules_at(number).version)
    return header_json(decode_header(chain.head.header))


_HEAD_EVENTS = ("chain_newHead", "chain_finalizedHead", "chain_allHead")

EVENTS: Mapping[str, str] = {
    "author_submitAndWatchExtrinsic": "author_extrinsicUpdate",
    "chain_subscribeAllHeads": "chain_allHead",
    "chain_subscribeFinalizedHeads": "chain_finalizedHead",
    "chain_subscribeFinalisedHeads": "chain_finalizedHead",
    "chain_subscribeNewHead": "chain_newHead",
    "chain_subscribeNewHeads": "chain_newHead",
    "chain_subscribeRuntimeVersion": "state_runtimeVersion",
    "state_subscribeRuntimeVersion": "state_runtimeVersion",
    "state_subscribeStorage": "state_storage",
}

UNSUBSCRIBING = frozenset(
    {
        "author_unwatchExtrinsic",
        "chain_unsubscribeAllHeads",
        "chain_unsubscribeFinalizedHeads",
        "chain_unsubscribeFinalisedHeads",
        "chain_unsubscribeNewHead",
        "chain_unsubscribeNewHeads",
        "chain_unsubscribeRuntimeVersion",
        "state_unsubscribeRuntimeVersion",
        "state_unsubscribeStorage",
    }
)
