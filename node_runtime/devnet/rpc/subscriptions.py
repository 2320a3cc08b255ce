"""Subscriptions and broadcasts of connections, and the queue of pending notifications.

A broadcast (``transaction_v1_*``) submits a transaction without status notifications. Source:
https://paritytech.github.io/json-rpc-interface-spec/api/transaction.html.
"""

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from node_runtime.devnet.blocks import CODE_KEY, decode_header
from node_runtime.devnet.chain import EmbeddedChain, Sealed
from node_runtime.devnet.pool import Status, StatusName

from . import errors
from .methods import header_json, submit, version_json
from .request import ConnectionMethods, Json, Params, ReplyRoom, Subscriber, hexed, notice
from .storage import check_reads, storage_changes

log = logging.getLogger(__name__)

MOST_A_CONNECTION = 1024  # as a Substrate node
_MOST_KEY_BYTES = 4 * 1024 * 1024  # total size of the storage keys that a connection watches
_MOST_BROADCASTS = 16  # per connection; the specification requires at least four
_LARGEST_NOTICE = 1 << 31  # bytes; the block size and the connection's queue are the effective limits
FINALITY_NOTICE_S = 0.25
"""Seconds without a request from a watcher between its ``inBlock`` and ``finalized``, although blocks are final at
once. Clients request the block after ``inBlock``, and polkadot.js drops that status when the next one precedes the
replies."""
LATEST_NOTICE_S = 2.0  # upper bound of that delay after ``inBlock``, for busy watchers
_Key = TypeVar("_Key")
_LAST = (StatusName.FINALIZED, StatusName.DROPPED, StatusName.INVALID, StatusName.USURPED)

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

_UNSUBSCRIBING = frozenset(
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Subscription:
    """One subscription. ``event`` is the method of its notifications; ``keys`` are its storage keys, ``transaction``
    is the hash of the transaction it watches."""

    id: str
    subscriber: Subscriber
    event: str
    keys: tuple[bytes, ...] = ()
    transaction: bytes | None = None

    def tell(self, result: Json) -> None:
        self.subscriber.push(notice(self.event, self.id, result))


class Subscriptions:
    """All subscriptions of a server.

    Events are queued until `deliver` sends them, so that a client receives the reply with its subscription's id before
    the first notification.
    """

    def __init__(self) -> None:
        self._open: dict[str, Subscription] = {}
        self._own: dict[Subscriber, dict[str, Subscription]] = {}
        self._watchers: dict[bytes, dict[str, Subscription]] = {}  # by transaction hash
        self._noted: list[Callable[[], None]] = []

    def methods(self) -> ConnectionMethods:
        """Return the methods that start and end these subscriptions."""
        beginning = {name: partial(self._subscribe, name) for name in EVENTS}
        return {**beginning, **dict.fromkeys(_UNSUBSCRIBING, self._unsubscribe)}

    def transaction_changed(self, transaction: bytes, status: Status) -> None:
        if status.name is StatusName.FINALIZED:
            self._noted.append(lambda: self._begin_notice(transaction, status))
        else:
            self._noted.append(lambda: self._tell_status(transaction, status))

    def block_sealed(self, chain: EmbeddedChain, sealed: Sealed) -> None:
        self._noted.append(lambda: self._tell_block(chain, sealed))

    def deliver(self) -> None:
        noted, self._noted = self._noted, []
        for tell in noted:
            tell()

    def has(self, subscriber: Subscriber) -> bool:
        return subscriber in self._own

    def _subscribe(self, method: str, chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> str:
        """Start a subscription, queue its current state as the first notification, and return its id.

        Raises `RpcError` and the exceptions of `rpc.submit`.
        """
        own = self._own.get(subscriber, {}).values()
        if len(own) >= MOST_A_CONNECTION:
            raise errors.TOO_MANY_SUBSCRIPTIONS
        event = EVENTS[method]
        identity = secrets.token_hex(8)
        keys: tuple[bytes, ...] = ()
        transaction: bytes | None = None
        if event == "state_storage":
            keys = tuple(dict.fromkeys(params.many_data(0)))
            check_reads(len(keys))
            if sum(len(key) for each in (*(open_.keys for open_ in own), keys) for key in each) > _MOST_KEY_BYTES:
                raise errors.TOO_MANY_SUBSCRIPTIONS
        elif event == "author_extrinsicUpdate":
            transaction = submit(chain, params)
        subscription = Subscription(id=identity, subscriber=subscriber, event=event, keys=keys, transaction=transaction)
        first = None if transaction is not None else _present(chain, subscription)
        self._add(subscription)
        if first is not None:
            self._noted.append(lambda: subscription.tell(first))
        return identity

    def _unsubscribe(self, _chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> bool:
        """End one of the subscriber's subscriptions; return whether it existed."""
        subscription = self._open.get(params.text(0))
        if subscription is None or subscription.subscriber is not subscriber:
            return False
        self._remove(subscription)
        return True

    def forget(self, subscriber: Subscriber) -> None:
        """Drop the state of a closed connection."""
        for subscription in tuple(self._own.get(subscriber, {}).values()):
            self._remove(subscription)

    def _add(self, subscription: Subscription) -> None:
        self._open[subscription.id] = subscription
        self._own.setdefault(subscription.subscriber, {})[subscription.id] = subscription
        if subscription.transaction is not None:
            self._watchers.setdefault(subscription.transaction, {})[subscription.id] = subscription

    def _remove(self, subscription: Subscription) -> None:
        del self._open[subscription.id]
        _drop(self._own, subscription.subscriber, subscription.id)
        if subscription.transaction is not None:
            _drop(self._watchers, subscription.transaction, subscription.id)

    def _begin_notice(self, transaction: bytes, status: Status) -> None:
        latest = time.monotonic() + LATEST_NOTICE_S
        for subscription in self._watchers.get(transaction, {}).values():
            asyncio.get_running_loop().call_later(
                FINALITY_NOTICE_S, self._tell_when_silent, subscription, status, latest
            )

    def _tell_when_silent(self, subscription: Subscription, status: Status, latest: float) -> None:
        wait = min(subscription.subscriber.last_heard + FINALITY_NOTICE_S, latest) - time.monotonic()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._tell_when_silent, subscription, status, latest)
        elif subscription.id in self._open:
            self._tell_one(subscription, status)

    def _tell_status(self, transaction: bytes, status: Status) -> None:
        for subscription in tuple(self._watchers.get(transaction, {}).values()):
            self._tell_one(subscription, status)

    def _tell_one(self, subscription: Subscription, status: Status) -> None:
        subscription.tell(str(status.name) if status.hash is None else {str(status.name): hexed(status.hash)})
        if status.name in _LAST:
            self._remove(subscription)

    def _tell_block(self, chain: EmbeddedChain, sealed: Sealed) -> None:
        header = header_json(sealed.header)
        for subscription in tuple(self._open.values()):
            if subscription.event in _HEAD_EVENTS:
                subscription.tell(header)
            elif subscription.event == "state_runtimeVersion" and CODE_KEY in sealed.changes:
                subscription.tell(_present(chain, subscription))
            elif subscription.event == "state_storage":
                _tell_changes(chain, sealed, subscription)


def _drop(index: dict[_Key, dict[str, Subscription]], key: _Key, identity: str) -> None:
    del index[key][identity]
    if not index[key]:
        del index[key]


def _tell_changes(chain: EmbeddedChain, sealed: Sealed, subscription: Subscription) -> None:
    changed = tuple(key for key in subscription.keys if key in sealed.changes)
    if changed:
        number = sealed.block.number
        room = ReplyRoom(_LARGEST_NOTICE)
        subscription.tell(storage_changes(chain, chain.state_at(number), changed, number, room))


def _present(chain: EmbeddedChain, subscription: Subscription) -> Json:
    number = chain.head.number
    if subscription.event == "state_storage":
        return storage_changes(chain, chain.state_at(number), subscription.keys, number, ReplyRoom())
    if subscription.event == "state_runtimeVersion":
        return version_json(chain.runtime_at(number).version)
    return header_json(decode_header(chain.head.header))


class Broadcasts:
    """The open operations of every connection. Without peers a transaction in the pool needs no further broadcast."""

    def __init__(self) -> None:
        self._open: dict[str, Subscriber] = {}

    def methods(self) -> ConnectionMethods:
        return {"transaction_v1_broadcast": self.broadcast, "transaction_v1_stop": self.stop}

    def forget(self, subscriber: Subscriber) -> None:
        """Drop the state of a closed connection."""
        self._open = {name: owner for name, owner in self._open.items() if owner is not subscriber}

    def broadcast(self, chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        params.data(0)
        if sum(owner is subscriber for owner in self._open.values()) >= _MOST_BROADCASTS:
            return None
        operation = secrets.token_hex(8)
        self._open[operation] = subscriber
        try:
            submit(chain, params)
        except Exception as failure:  # the specification defines no error for a refused transaction
            if errors.of_failure(failure) is None:
                raise
            log.debug("a broadcast transaction was not taken: %s", failure)
        return operation

    def stop(self, _chain: EmbeddedChain, params: Params, subscriber: Subscriber) -> Json:
        operation = params.text(0)
        if self._open.get(operation) is not subscriber:
            raise errors.invalid_params("no transaction is broadcast under this operation id")
        del self._open[operation]
        return None
