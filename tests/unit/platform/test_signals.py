"""Signal handling of commands: no signal is lost, and cleanup is not interrupted."""

import subprocess
import sys

import pytest

LIMIT = 120  # seconds
_BEGIN = """
import os, signal, threading
from node_runtime.platform.signals import interrupt_on_signals, ignore_closed_output, discard_closed_output, on_signals
from node_runtime.platform.signals import ending_signals, uninterrupted
told = threading.Event()
"""


def said_by(script: str) -> str:
    """Return the output of the script in a new process, since signals need a main thread."""
    command = [sys.executable, "-c", _BEGIN + script]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=LIMIT).stdout


def test_a_signal_during_a_wait_on_the_same_event_is_handled() -> None:
    """A handler that sets the event itself would deadlock on the lock that the waiting thread holds."""
    script = """
with on_signals((signal.SIGTERM,), told.set):
    with told._cond:
        signal.raise_signal(signal.SIGTERM)
    print(told.wait(60))
"""
    assert said_by(script) == "True\n"


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_each_signal_calls_the_handler_and_other_handlers_are_kept(number: str) -> None:
    script = f"""
times = threading.Semaphore(0)
other = signal.signal(signal.SIGUSR1, lambda *_: print("other"))
before = signal.getsignal(signal.{number})
with on_signals((signal.{number},), times.release):
    signal.raise_signal(signal.SIGUSR1)
    for _ in range(2):
        signal.raise_signal(signal.{number})
        print(times.acquire(timeout=60))
print(times.acquire(blocking=False), signal.getsignal(signal.{number}) is before)
"""
    assert said_by(script) == "other\nTrue\nTrue\nFalse True\n"


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_the_first_signal_ends_a_command_and_later_ones_are_ignored(number: str) -> None:
    script = f"""
interrupt_on_signals()
try:
    with uninterrupted():
        signal.raise_signal(signal.{number})
        print("whole")
    print("not ended")
except KeyboardInterrupt:
    for other in ending_signals():
        signal.raise_signal(other)
    print("cleaned up")
"""
    assert said_by(script) == "whole\ncleaned up\n"


@pytest.mark.parametrize("number", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_a_signal_in_a_callback_whose_exceptions_are_dropped_ends_a_command(number: str) -> None:
    script = f"""
import time
class Object:
    def __del__(self):
        signal.raise_signal(signal.{number})
interrupt_on_signals()
kept = Object()
try:
    del kept
    for other in ending_signals():
        signal.raise_signal(other)
    time.sleep(60)
    print("not ended")
except KeyboardInterrupt:
    for other in ending_signals():
        signal.raise_signal(other)
    print("cleaned up")
"""
    assert said_by(script) == "cleaned up\n"


def test_an_ignored_sighup_stays_ignored() -> None:
    """`nohup` starts a command with SIGHUP ignored."""
    script = """
signal.signal(signal.SIGHUP, signal.SIG_IGN)
interrupt_on_signals()
with on_signals(ending_signals(), told.set), uninterrupted():
    signal.raise_signal(signal.SIGHUP)
print(told.is_set(), signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)
"""
    assert said_by(script) == "False True\n"


def test_output_to_a_broken_pipe_is_discarded() -> None:
    script = """
import sys
reading, writing = os.pipe()
heard, kept = os.pipe()
os.dup2(writing, 2)
os.close(writing)
os.close(reading)
discard_closed_output()
print("lost", file=sys.stderr, flush=True)
os.dup2(kept, 2)
discard_closed_output()
print("kept", file=sys.stderr, flush=True)
print(os.read(heard, 100))
def lost(text):
    raise BrokenPipeError
ignore_closed_output(lost)("what")
"""
    assert said_by(script) == "b'kept\\n'\n"
