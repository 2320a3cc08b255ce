"""How is a command ended that has started processes? By Ctrl-C or SIGTERM alike, and once: then it cleans up."""

import signal

_ENDING = (signal.SIGINT, signal.SIGTERM)


def end_by_any_signal() -> None:
    """From now on a termination signal raises `KeyboardInterrupt`, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def let_nothing_interrupt() -> None:
    """An impatient second Ctrl-C must not leave half of it running."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
