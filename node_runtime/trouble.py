"""When the operating system refuses, what does a person have to know? The place, the reason and what to do."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.errors import HostError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def host_trouble(place: Path) -> Iterator[None]:
    """An `OSError` in the block becomes a `HostError`; our own errors pass."""
    try:
        yield
    except OSError as error:
        remedy = "free disk space there" if error.errno in _FULL else "check that folder and its rights"
        raise HostError(f"working in {place} failed: {error.strerror or error}", remedy=remedy) from error
