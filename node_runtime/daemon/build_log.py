"""What is kept of what building an image says? Its head and its tail, however much a Dockerfile's steps print."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def build_log(path: Path, *, cap: int) -> Iterator[Callable[[str], None]]:
    """Write lines to `path`: half of ``cap`` bytes as they come, and the last lines, as much again, at the end."""
    half = cap // 2
    room, left_out, kept = half, 0, 0
    tail: deque[bytes] = deque()
    with path.open("wb") as file:

        def say(line: str) -> None:
            nonlocal room, left_out, kept
            encoded = line.rstrip("\n").encode(errors="replace") + b"\n"
            head, rest = encoded[:room], encoded[room:]
            file.write(head)
            room -= len(head)
            if not rest:
                return
            left_out += len(rest[:-half])
            tail.append(rest[-half:])
            kept += len(tail[-1])
            while kept > half:
                kept -= len(tail[0])
                left_out += len(tail.popleft())

        try:
            yield say
        finally:
            if left_out:
                file.write(f"\n[... {left_out} bytes left out ...]\n".encode())
            file.writelines(tail)
