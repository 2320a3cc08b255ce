"""A tree's packed stream in pieces: cut and sent, fetched and joined, several at once and in bounded memory."""

import io
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import BinaryIO, Protocol, TypeVar, cast

from node_runtime.errors import AssetUnavailable, StorageError

PIECE = 8 << 20  # bytes
IN_FLIGHT = 4  # pieces that one transfer sends or fetches at once
_READ = 1 << 20  # bytes that a reader takes at once
_LOOK = 0.2  # seconds between looks at a request to stop

T = TypeVar("T")


class Buffer(Protocol):
    """Bytes that are read without a copy."""

    def __buffer__(self, flags: int, /) -> memoryview: ...


Fetch = Callable[[str], Buffer]
"""Fetches a piece by its name."""


def piece_sizes(total: int) -> tuple[int, ...]:
    """Return the sizes of the pieces of a stream of ``total`` bytes."""
    whole, rest = divmod(total, PIECE)
    return (PIECE,) * whole + ((rest,) if rest else ())


def cut(stream: Iterable[bytes | memoryview]) -> Iterator[bytearray]:
    """Yield the stream in pieces of `PIECE` bytes, the last one shorter."""
    piece, filled = bytearray(PIECE), 0
    for chunk in stream:
        left = memoryview(chunk)
        while left:
            taken = left[: PIECE - filled]
            piece[filled : filled + len(taken)] = taken
            filled, left = filled + len(taken), left[len(taken) :]
            if filled == PIECE:
                yield piece
                piece, filled = bytearray(PIECE), 0
    if filled:
        del piece[filled:]
        yield piece


def send(pieces: Iterable[T], put: Callable[[T], None], *, stop: threading.Event | None) -> None:
    """Put all pieces, `IN_FLIGHT` at once. Raises the first error, and `StorageError` soon after ``stop`` is set."""
    with _Workers() as pool:
        sending = deque[Future[None]]()
        for piece in pieces:
            sending.append(pool.submit(put, piece))
            if len(sending) == IN_FLIGHT:
                _result(sending.popleft(), stop, _STOPPED)
        for each in sending:
            _result(each, stop, _STOPPED)


def joined(
    fetch: Callable[[str], Buffer], names: Iterable[str], *, stop: threading.Event | None, ahead: int
) -> BinaryIO:
    """Return a stream of the named pieces, fetched ``ahead`` of the reader. Close it after use.

    Reading raises what ``fetch`` raises, and `AssetUnavailable` soon after ``stop`` is set.
    """
    return cast(BinaryIO, io.BufferedReader(_Joined(fetch, names, stop=stop, ahead=ahead), _READ))


class _Joined(io.RawIOBase):
    def __init__(
        self, fetch: Callable[[str], Buffer], names: Iterable[str], *, stop: threading.Event | None, ahead: int
    ) -> None:
        self._pool = ThreadPoolExecutor(ahead, thread_name_prefix="fetch")
        self._fetch = fetch
        self._left = iter(names)
        self._ahead = ahead
        self._stop = stop
        self._fetching: deque[Future[Buffer]] = deque()
        self._piece = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._piece:
            while len(self._fetching) < self._ahead and (name := next(self._left, None)) is not None:
                self._fetching.append(self._pool.submit(self._fetch, name))
            if not self._fetching:
                return 0
            self._piece = memoryview(_result(self._fetching.popleft(), self._stop, _CANCELLED)).cast("B")
        taken = self._piece[: len(target)]
        target[: len(taken)] = taken
        self._piece = self._piece[len(taken) :]
        return len(taken)

    def close(self) -> None:
        if not self.closed:
            self._pool.shutdown(wait=False, cancel_futures=True)
        super().close()


class _Workers(ThreadPoolExecutor):
    """A pool whose ``with`` doesn't wait for requests that nobody wants any more."""

    def __init__(self) -> None:
        super().__init__(IN_FLIGHT, thread_name_prefix="send")

    def __exit__(self, *_: object) -> None:
        self.shutdown(wait=False, cancel_futures=True)


_STOPPED = StorageError("storing was cancelled on request", remedy="repeat it: what is stored isn't sent again")
_CANCELLED = AssetUnavailable("fetching was cancelled on request", remedy="repeat it")


def _result(future: "Future[T]", stop: threading.Event | None, stopped: StorageError) -> T:
    while not wait((future,), timeout=None if stop is None else _LOOK).done:
        if stop is not None and stop.is_set():
            raise type(stopped)(stopped.message, remedy=stopped.remedy)
    return future.result()
