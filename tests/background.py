"""How do tests let something happen meanwhile? In threads and processes that hold nobody up for ever."""

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
    """What it returns or raises. A pool of threads would be waited for at its end, also by a test that has failed."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def all_at_once(works: Iterable[Callable[[], T]]) -> list[T]:
    """What they return, in their order. Raises what one of them raised."""
    return [each.result(LIMIT) for each in [in_background(work) for work in works]]


def wait_until(true: Callable[[], bool], what: str, *, within: float = LIMIT) -> None:
    give_up = time.monotonic() + within
    while not true():
        assert time.monotonic() < give_up, f"waited {within} s for {what}"
        time.sleep(0.02)


@contextmanager
def in_time(process: "Popen[AnyStr]") -> Iterator[None]:
    """It is killed when the ``with`` takes too long, so that whoever reads from it, or waits for its end, goes on."""
    late = threading.Timer(LIMIT, process.kill)
    late.daemon = True
    late.start()
    try:
        yield
    finally:
        late.cancel()


@contextmanager
def ended(process: "Popen[AnyStr]") -> Iterator["Popen[AnyStr]"]:
    """As `in_time`, and it is gone after the ``with``, whatever happened in it."""
    with process, in_time(process):  # which waits for its end, for ever if need be
        try:
            yield process
        finally:
            process.kill()
