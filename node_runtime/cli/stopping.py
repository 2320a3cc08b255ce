"""How is a command ended that has started processes? By Ctrl-C or SIGTERM alike, and once: then it cleans up."""

import signal
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


def _end(_number: int, _frame: FrameType | None) -> None:
    let_nothing_interrupt()
    raise KeyboardInterrupt
