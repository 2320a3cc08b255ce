"""Which steps does no signal come between? A process's start and its being written down, else it runs for ever."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A Ctrl-C or SIGTERM within the ``with`` does at its end what it would have done within.

    For steps that take an instant. Processes that are started there hear these signals as ever.
    """
    if threading.current_thread() is not threading.main_thread():  # no handler runs in another one
        yield
        return
    heard: list[int] = []
    before = {each: signal.signal(each, lambda number, _: heard.append(number)) for each in _ENDING}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in heard:
            signal.raise_signal(signal.Signals(number))
