"""Does the engine see our mounts? It does when the process behind its socket lives in our mount namespace."""

import os
import socket
import struct
from pathlib import Path
from urllib.parse import urlsplit


def unix_socket(url: str) -> Path | None:
    """The socket's path, None for an engine that is reached in another way."""
    parts = urlsplit(url)
    return Path(parts.netloc + parts.path) if parts.scheme in ("unix", "http+unix") else None


def shares_mounts(path: Path) -> bool:
    """False also when it cannot be known, e.g. for another user's process or across containers."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(5)
            probe.connect(os.fspath(path))
            size = struct.calcsize("3i")
            pid, _, _ = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
        return pid > 0 and Path(f"/proc/{pid}/ns/mnt").stat() == Path("/proc/self/ns/mnt").stat()
    except (OSError, AttributeError):  # no SO_PEERCRED outside Linux
        return False
