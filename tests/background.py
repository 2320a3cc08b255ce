"""Concurrent work of tests: threads, processes and bounded waits."""

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from subprocess import Popen
from typing import AnyStr, TypeVar

LIMIT = 240
"""Seconds after which something that should have happened has failed; a test as a whole has more."""

T = TypeVar("T")


def in_background(work: Callable[[], T]) -> "Future[T]":
    """Run `work` in a thread; a pool would be waited for at its end, also by a test that has failed."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def all_at_once(works: Iterable[Callable[[], T]]) -> list[T]:
    """Run all at once and return their results in order. Raises what one of them raised."""
    return [each.result(LIMIT) for each in [in_background(work) for work in works]]


def wait_until(true: Callable[[], bool], what: str, *, within: float = LIMIT) -> None:
    """Poll until `true` holds; fail the test after ``within`` seconds."""
    give_up = time.monotonic() + within
    while not true():
        assert time.monotonic() < give_up, f"waited {within} s for {what}"
        time.sleep(0.02)


@contextmanager
def in_time(process: "Popen[AnyStr]", within: float = LIMIT) -> Iterator[None]:
    """Kill the process when the ``with`` takes too long, so that reads from it and waits for its end return."""
    late = threading.Timer(within, process.kill)
    late.daemon = True
    late.start()
    try:
        yield
    finally:
        late.cancel()


@contextmanager
def ended(process: "Popen[AnyStr]", within: float = LIMIT) -> Iterator["Popen[AnyStr]"]:
    """As `in_time`, and kill the process at the end of the ``with`` in any case."""
    with process, in_time(process, within):  # leaving the process waits for its end without a limit
        try:
            yield process
        finally:
            process.kill()
