"""How long does an ending daemon wait for what is still at work, and what does it say meanwhile?"""

import threading
import time
from collections.abc import Callable, Sequence

import structlog

log = structlog.get_logger()

LAST_WORD = 60.0  # seconds all stopped attempts may take to remove their containers and hand their tasks back
LAST_LOOK = 20.0  # seconds a look at the chain may go on: a claim that is still finalised can be handed back
TELL_AGAIN = 10.0  # seconds between two lines that tell what is waited for


def wait_for_last_words(
    work: Callable[[], Sequence[threading.Thread]], look: threading.Thread, *, ask: Callable[[], None]
) -> None:
    """Until ``work``, which the ``look`` may still add to, and the look itself have ended, or have had their time.

    ``ask`` asks all of the work to end; it may be repeated, and is.
    """
    begun = told = time.monotonic()
    while True:
        ask()
        left = _left(work(), look, seconds=time.monotonic() - begun)
        if not left:
            break
        left[0].join(0.05)
        if time.monotonic() > told + TELL_AGAIN:
            told = time.monotonic()
            log.info("stopping", waits_for=[thread.name for thread in left])
    forsaken = [thread.name for thread in work() if thread.is_alive()]
    if forsaken:
        log.warning("left", what=forsaken, remedy="start the daemon again before they are due: it goes on with them")


def _left(work: Sequence[threading.Thread], look: threading.Thread, *, seconds: float) -> list[threading.Thread]:
    """Whom somebody who has waited so long still waits for."""
    wanted = [*(work if seconds < LAST_WORD else ()), *([look] if seconds < LAST_LOOK else ())]
    return [thread for thread in wanted if thread.is_alive()]
