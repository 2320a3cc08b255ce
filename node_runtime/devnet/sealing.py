"""Block sealing: when a transaction is ready, when an agenda entry falls due, or at an interval."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from node_runtime.devnet.wasm.host import RuntimePanic
from node_runtime.errors import HostError

from . import BlockTime
from .chain import AgendaHead, EmbeddedChain, Sealed

log = logging.getLogger(__name__)

_PAUSE_S = 1.0
_LONGEST_WAIT_S = 60.0  # bound of a sleep: the wall clock may be set meanwhile


def wall_clock() -> int:
    """Return milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Sealer:
    """Make blocks until cancelled; call ``announce`` with each one after it is stored."""

    def __init__(self, chain: EmbeddedChain, block_time: BlockTime, announce: Callable[[Sealed], None]) -> None:
        self._chain = chain
        self._block_time = block_time
        self._announce = announce
        self._wanted = asyncio.Event()
        self._trouble = ""
        self._served: AgendaHead | None = None  # the agenda entry that the last block was made for
        self._served_at = 0.0

    def wake(self) -> None:
        """Check again for a reason to make a block, after a request."""
        self._wanted.set()

    async def run(self) -> None:
        while True:
            if self._block_time is BlockTime.INSTANT:
                await self._wait_for_cause()
            else:
                await asyncio.sleep(2.0 - time.time() % 2.0)  # aligned with the runtime's slots
            if not self._seal():
                await asyncio.sleep(_PAUSE_S)

    async def _wait_for_cause(self) -> None:
        """Wait until a transaction is ready, the agenda's first entry is due, or the runtime has changed."""
        await asyncio.sleep(0)  # yield to clients between blocks
        while True:
            self._wanted.clear()
            if self._chain.upgrading or self._chain.pool.has_ready():
                return
            head = self._chain.agenda_head()
            wait = _LONGEST_WAIT_S if head is None else (head.due + 1 - wall_clock()) / 1000
            if head is not None and head == self._served:
                # a block was made for this entry and did not remove it: don't loop
                wait = max(wait, self._served_at + _PAUSE_S - time.monotonic())
            if wait <= 0:
                self._served, self._served_at = head, time.monotonic()
                return
            with suppress(TimeoutError):
                # not the slower `wait_for`: the next request would be served first and see the old head
                async with asyncio.timeout(min(wait, _LONGEST_WAIT_S)):
                    await self._wanted.wait()

    def _seal(self) -> bool:
        try:
            sealed = self._chain.seal()
        except (HostError, RuntimePanic) as failure:
            if str(failure) != self._trouble:  # retried every second; log each reason once
                log.error("no block was made: %s", failure)
            self._trouble = str(failure)
            return False
        self._trouble = ""
        self._announce(sealed)
        return True
