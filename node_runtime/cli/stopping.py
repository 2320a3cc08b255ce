"""How is a command ended by a signal? One that has started processes by Ctrl-C or SIGTERM alike, and once: then it
cleans up. One that has work of its own to bring to an end is told, at whatever moment the signal comes."""

import signal
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = (signal.SIGINT, signal.SIGTERM)


def end_by_any_signal() -> None:
    """From now on the first of these signals raises `KeyboardInterrupt`, and those after it do nothing."""
    for number in _ENDING:
        signal.signal(number, _end)


def let_nothing_interrupt() -> None:
    """An impatient second Ctrl-C must not leave half of it running."""
    for number in _ENDING:
        signal.signal(number, lambda *_: None)  # not ignored: the programs that clean up would inherit that


@contextmanager
def told_of(numbers: Collection[signal.Signals], tell: Callable[[], None]) -> Iterator[None]:
    """Call ``tell`` at each of these signals, from a thread of its own. For the main thread.

    A handler would run between two steps of what the main thread does just then, and wait for ever for a lock that
    this holds, as `threading.Event` does for an instant; or not run at all while the main thread waits for somebody.
    """
    heard, bell = socket.socketpair()
    bell.setblocking(False)

    def listen() -> None:
        while number := heard.recv(1):
            if number[0] in numbers:
                tell()

    listener = threading.Thread(target=listen, daemon=True, name="signals")
    listener.start()
    others = signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)  # before any is caught: none is lost
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(others)
        bell.close()
        listener.join()
        heard.close()


def _end(_number: int, _frame: FrameType | None) -> None:
    let_nothing_interrupt()
    raise KeyboardInterrupt
