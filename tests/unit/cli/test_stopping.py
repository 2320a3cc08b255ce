"""Is a signal heard at whatever moment it comes?"""

import subprocess
import sys

import pytest

LIMIT = 120  # seconds
_BEGIN = """
import os, signal, threading
from node_runtime.cli.stopping import told_of
told = threading.Event()
"""


def said_by(script: str) -> str:
    """What a process of its own prints: signals are for a main thread."""
    command = [sys.executable, "-c", _BEGIN + script]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT).stdout


def test_a_signal_in_the_middle_of_a_wait_for_the_same_event_is_heard() -> None:
    """A handler that set the event would wait for ever for the lock that waiting holds for an instant."""
    script = """
with told_of((signal.SIGTERM,), told.set):
    with told._cond:
        signal.raise_signal(signal.SIGTERM)
    print(told.wait(60))
"""
    assert said_by(script) == "True\n"


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT"])
def test_each_signal_is_told_and_the_others_do_what_they_did(number: str) -> None:
    script = f"""
times = threading.Semaphore(0)
other = signal.signal(signal.SIGUSR1, lambda *_: print("other"))
before = signal.getsignal(signal.{number})
with told_of((signal.{number},), times.release):
    signal.raise_signal(signal.SIGUSR1)
    for _ in range(2):
        signal.raise_signal(signal.{number})
        print(times.acquire(timeout=60))
print(times.acquire(blocking=False), signal.getsignal(signal.{number}) is before)
"""
    assert said_by(script) == "other\nTrue\nTrue\nFalse True\n"
