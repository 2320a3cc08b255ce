"""Periodic checks of chain, funds, storage and engine for `/readyz` and the metrics, apart from the daemon's polls.

Each runs in a thread of its own: one that hangs holds up neither the others nor a poll.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from node_runtime.errors import NodeRuntimeError

from .funding import describe_lack
from .health import HealthPart
from .node import Node


@contextmanager
def checking(node: Node) -> Iterator[None]:
    """Check each part every ``times.check`` seconds until exit, which doesn't wait for a check that hangs."""
    stop = threading.Event()
    checks: dict[HealthPart, Callable[[Node], str | None]] = {
        HealthPart.CHAIN: _check_chain,
        HealthPart.STORAGE: _check_storage,
        HealthPart.ENGINE: _check_engine,
    }
    for part, check in checks.items():
        threading.Thread(target=_repeat, args=(part, check, node, stop), daemon=True, name=f"check-{part}").start()
    try:
        yield
    finally:
        stop.set()


def _repeat(part: HealthPart, check: Callable[[Node], str | None], node: Node, stop: threading.Event) -> None:
    while not stop.is_set():
        node.health.begins(part)
        try:
            obstacle = check(node)
        except NodeRuntimeError:  # its message may name an address
            obstacle = "it doesn't answer"
        except Exception as error:
            obstacle = f"its check failed: {type(error).__name__}"
        if not stop.is_set():
            node.health.checked(part, obstacle)
        stop.wait(node.times.check)


def _check_chain(node: Node) -> str | None:
    """Read the head and the account's balance; funds stay as they were known while the chain doesn't answer."""
    node.metrics.head(node.chain.now())
    balance = node.chain.balance(node.chain.account)
    node.metrics.balance(balance)
    node.health.checked(HealthPart.FUNDS, describe_lack(balance))
    return None


def _check_storage(node: Node) -> str | None:
    return node.store.unable()


def _check_engine(node: Node) -> str | None:
    # the reason may quote the engine's messages, which contain untrusted text
    return None if node.engine.unable() is None else "it can run nothing"
