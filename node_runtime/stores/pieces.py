"""A tree's packed stream in pieces: cut and sent, fetched and joined, several at once and in bounded memory."""

import io
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from functools import partial
from typing import TypeVar

from node_runtime.errors import AssetUnavailable, StorageError

from .tree.manifest import TreeRefused

PIECE = 8 << 20  # bytes
IN_FLIGHT = 4  # pieces that one transfer sends or fetches at once
_READ = 64 << 10  # bytes that a reader takes at once; what asks for more gets it without another copy
_LOOK = 0.2  # seconds between looks at a request to stop

T = TypeVar("T")
R = TypeVar("R")


def count_of(total: int) -> int:
    """Return the number of pieces of a stream of ``total`` bytes."""
    return -(-total // PIECE)


def size_of(number: int, total: int) -> int:
    """Return the size in bytes of a piece; 0 or less for a number beyond the last."""
    return min(PIECE, total - number * PIECE)


def cut(stream: Iterable[bytes | memoryview]) -> Iterator[bytearray]:
    """Yield the stream in pieces of `PIECE` bytes, the last one shorter, and only once the stream has ended."""
    piece, filled = bytearray(PIECE), 0
    for chunk in stream:
        left = memoryview(chunk)
        while left:
            if filled == PIECE:
                yield piece
                piece, filled = bytearray(PIECE), 0
            taken = left[: PIECE - filled]
            piece[filled : filled + len(taken)] = taken
            filled, left = filled + len(taken), left[len(taken) :]
    if filled:
        yield piece if filled == PIECE else piece[:filled]


def send(pieces: Iterable[T], put: Callable[[T], None], *, stop: threading.Event | None) -> None:
    """Put all pieces, `IN_FLIGHT` at once. Raises the first error, and `StorageError` soon after ``stop`` is set."""
    sending = deque[Future[None]]()
    try:
        for piece in pieces:
            sending.append(_begun(put, piece))
            if len(sending) == IN_FLIGHT:
                _result(sending.popleft(), stop, _STOPPED)
    except TreeRefused:
        wait(sending)  # else they would arrive after what was sent is removed
        raise
    for each in sending:
        _result(each, stop, _STOPPED)


def joined(
    fetch: Callable[[T], bytes | memoryview], pieces: Iterable[T], *, stop: threading.Event | None, ahead: int
) -> io.BufferedIOBase:
    """Return a stream of the pieces, fetched ``ahead`` of the reader. Close it after use.

    Reading raises what ``fetch`` raises, and `AssetUnavailable` soon after ``stop`` is set.
    """
    begun = (partial(_begun, fetch, piece) for piece in pieces)
    return io.BufferedReader(_Joined(begun, stop=stop, ahead=ahead), _READ)


class _Joined(io.RawIOBase):
    """A stream of what requests bring, each of which begins when it is called."""

    def __init__(
        self,
        begun: Iterator[Callable[[], Future[bytes | memoryview]]],
        *,
        stop: threading.Event | None,
        ahead: int,
    ) -> None:
        self._begun = begun
        self._ahead = ahead
        self._stop = stop
        self._fetching: deque[Future[bytes | memoryview]] = deque()
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._piece:
            while len(self._fetching) < self._ahead and (begin := next(self._begun, None)) is not None:
                self._fetching.append(begin())
            if not self._fetching:
                return 0
            self._piece = memoryview(_result(self._fetching.popleft(), self._stop, _CANCELLED)).cast("B")
        taken = self._piece[: len(target)]
        target[: len(taken)] = taken
        self._piece = self._piece[len(taken) :]
        return len(taken)


def _begun(call: Callable[[T], R], argument: T) -> "Future[R]":
    """Call in a thread of its own that no end of the process waits for, as a pool's would be."""
    future: Future[R] = Future()

    def run() -> None:
        try:
            future.set_result(call(argument))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True, name="storage").start()
    return future


_STOPPED = StorageError("storing was cancelled on request", remedy="repeat it: what is stored isn't sent again")
_CANCELLED = AssetUnavailable("fetching was cancelled on request", remedy="repeat it")


def _result(future: "Future[R]", stop: threading.Event | None, stopped: StorageError) -> R:
    while not wait((future,), timeout=None if stop is None else _LOOK).done:
        if stop is not None and stop.is_set():
            raise type(stopped)(stopped.message, remedy=stopped.remedy)
    return future.result()
