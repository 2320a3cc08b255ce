"""When is the next block made? When a transaction waits, when the agenda falls due, or every so often."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from node_runtime.errors import HostError

from .block_time import BlockTime
from .chain import AgendaHead, Chain, Sealed
from .host import RuntimePanic

log = logging.getLogger(__name__)

_PAUSE_S = 1.0
_LONGEST_WAIT_S = 60.0  # the wall clock may be set while we wait


def wall_clock() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Sealer:
    """Makes blocks until cancelled. ``announce`` is told of each one after it is stored."""

    def __init__(self, chain: Chain, block_time: BlockTime, announce: Callable[[Sealed], None]) -> None:
        self._chain = chain
        self._block_time = block_time
        self._announce = announce
        self._wanted = asyncio.Event()
        self._trouble = ""
        self._served: AgendaHead | None = None  # what the last block was made for, and when
        self._served_at = 0.0

    def wake(self) -> None:
        """Look whether there is a cause for a block: something was asked of the chain."""
        self._wanted.set()

    async def run(self) -> None:
        while True:
            if self._block_time is BlockTime.INSTANT:
                await self._wait_for_cause()
            else:
                await asyncio.sleep(2.0 - time.time() % 2.0)  # in step with the runtime's slots
            if not self._seal():
                await asyncio.sleep(_PAUSE_S)

    async def _wait_for_cause(self) -> None:
        """Return when a transaction is ready or the agenda's first entry is due."""
        await asyncio.sleep(0)  # clients get a turn between two blocks
        while True:
            self._wanted.clear()
            if self._chain.pool.has_ready():
                return
            head = self._chain.agenda_head()
            wait = _LONGEST_WAIT_S if head is None else (head.due + 1 - wall_clock()) / 1000
            if head is not None and head == self._served:
                # a block was made for it and left it there: no reason to make a thousand
                wait = max(wait, self._served_at + _PAUSE_S - time.monotonic())
            if wait <= 0:
                self._served, self._served_at = head, time.monotonic()
                return
            with suppress(TimeoutError):
                # not `wait_for`, which takes longer: the next request would come first, and hear of the old head
                async with asyncio.timeout(min(wait, _LONGEST_WAIT_S)):
                    await self._wanted.wait()

    def _seal(self) -> bool:
        try:
            sealed = self._chain.seal()
        except (HostError, RuntimePanic) as failure:
            if str(failure) != self._trouble:  # tried again every second: once is enough to say
                log.error("no block was made: %s", failure)
            self._trouble = str(failure)
            return False
        self._trouble = ""
        self._announce(sealed)
        return True
