"""Signal handling for commands, and steps that no signal interrupts."""

import os
import select
import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from node_runtime.platform.printable import Say

_TIMER = signal.SIGALRM
_RAISED_AGAIN = 0.05  # seconds


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return SIGINT, SIGTERM and, unless it is ignored (nohup), SIGHUP."""
    always = (signal.SIGINT, signal.SIGTERM)
    return always if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN else (*always, signal.SIGHUP)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Defer these signals until the end of the block.

    For short critical steps, such as starting a process and recording its id, without which it would run on unseen.
    Processes started in the block receive the signals as usual.
    """
    if threading.current_thread() is not threading.main_thread():  # handlers run in the main thread only
        yield
        return
    received: list[int] = []
    deferred = (*ending_signals(), _TIMER)
    before = {each: signal.signal(each, lambda number, _: received.append(number)) for each in deferred}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in received:
            signal.raise_signal(signal.Signals(number))


_LOST = select.POLLERR | select.POLLHUP | select.POLLNVAL


def interrupt_on_signals() -> None:
    """Install handlers: the first of these signals raises `KeyboardInterrupt`, later ones are ignored.

    Where the interpreter drops that exception, as it does in a weak reference's callback, a timer raises it again.
    """
    for number in (*ending_signals(), _TIMER):
        signal.signal(number, _end)
    sys.unraisablehook = _raise_again


def _raise_again(dropped: "sys.UnraisableHookArgs") -> None:
    """Start the timer for a `KeyboardInterrupt` that the interpreter dropped; print other exceptions."""
    if issubclass(dropped.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, _RAISED_AGAIN)
    else:
        sys.__unraisablehook__(dropped)


def ignore_further_signals() -> None:
    """Ignore further signals during cleanup, so that a second Ctrl-C can't interrupt it."""
    for number in ending_signals():
        signal.signal(number, lambda *_: None)  # not SIG_IGN, which child processes would inherit
    discard_closed_output()


def close_interrupted() -> None:
    """Close the context managers that the handled `KeyboardInterrupt` kept from their exit, so that locks are released.

    Its traceback refers to them, so they would stay open until the handling has ended.
    """
    error = sys.exception()
    if isinstance(error, KeyboardInterrupt):
        traceback.clear_frames(error.__traceback__)


def discard_closed_output() -> None:
    """Redirect output to /dev/null where the terminal is closed or the reader has ended, so that writes don't fail."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            poll = select.poll()
            poll.register(stream.fileno(), 0)
            if any(event & _LOST for _, event in poll.poll(0)):
                devnull = os.open(os.devnull, os.O_WRONLY)
                os.dup2(devnull, stream.fileno())
                os.close(devnull)


def ignore_closed_output(say: Say) -> Say:
    """Wrap ``say`` to ignore errors of a closed output, e.g. when the reader has just ended."""

    def tell(text: str) -> None:
        with suppress(OSError, SystemExit):  # rich raises SystemExit when the reader has ended
            say(text)

    return tell


@contextmanager
def on_signals(numbers: Collection[signal.Signals], tell: Callable[[], None]) -> Iterator[None]:
    """Call ``tell`` at each of these signals, from a separate thread. Requires the main thread.

    A plain handler interrupts the main thread, so it may deadlock on a lock that this thread holds (such as that of
    `threading.Event`), and it doesn't run while the main thread blocks.
    """
    received, wakeup = socket.socketpair()
    wakeup.setblocking(False)

    def listen() -> None:
        while number := received.recv(1):
            if number[0] in numbers:
                discard_closed_output()
                tell()

    listener = threading.Thread(target=listen, daemon=True, name="signals")
    listener.start()
    others = signal.set_wakeup_fd(wakeup.fileno(), warn_on_full_buffer=False)  # before the handlers: no signal is lost
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(others)
        wakeup.close()
        listener.join()
        received.close()


def _end(_number: int, _frame: FrameType | None) -> None:
    ignore_further_signals()
    raise KeyboardInterrupt
