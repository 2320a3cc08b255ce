"""What a daemon tells the service manager that started it: that it is ready, lives, waits for the chain, or stops."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from node_runtime.platform.service_manager import notify, watchdog_seconds

from .health import Health

_SIGNS = 3  # of life in the time in which one is wanted


def tell_ready() -> None:
    notify("READY=1", "STATUS=takes tasks within its policy")


def tell_waiting_for_chain() -> None:
    """Tell that the start is done as far as it is this machine's: a supervisor's restart brings no chain back."""
    notify("READY=1", "STATUS=waits for the chain; the log says why")


def tell_stopping() -> None:
    notify("STOPPING=1", "STATUS=lets attempts end, hands others back")


@contextmanager
def signs_of_life(health: Health) -> Iterator[None]:
    """Send a sign of life, if one is wanted, for as long as the daemon's loop turns, until exit."""
    wanted = watchdog_seconds()
    if wanted is None:
        yield
        return
    ended = threading.Event()

    def send() -> None:
        while not ended.wait(wanted / _SIGNS):
            if health.stalled() is None:
                notify("WATCHDOG=1")

    notify("WATCHDOG=1")
    threading.Thread(target=send, daemon=True, name="signs-of-life").start()
    try:
        yield
    finally:
        ended.set()
