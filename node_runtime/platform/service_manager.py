"""Messages to the service manager that started this process: systemd's notification protocol, sd_notify(3)."""

import os
import socket
from contextlib import suppress

_SOCKET, _WATCHDOG_TIME, _WATCHDOG_PROCESS = "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"


def notify(*assignments: str) -> bool:
    """Send assignments such as ``READY=1`` as one message. Return whether a service manager took it.

    Without one, as in a terminal, nothing is sent. Never raises: a service manager that doesn't answer stops no work.
    """
    address = os.environ.get(_SOCKET, "")
    if not address.startswith(("/", "@")):
        return False
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        sender.settimeout(5)
        sender.connect("\0" + address[1:] if address.startswith("@") else address)
        sender.sendall("\n".join(assignments).encode())
        return True
    return False


def watchdog_seconds() -> float | None:
    """Return within which time the service manager wants each sign of life from this process; None if it wants none."""
    seconds, process = os.environ.get(_WATCHDOG_TIME, ""), os.environ.get(_WATCHDOG_PROCESS, "")
    if not seconds.isdecimal() or int(seconds) == 0 or process not in ("", str(os.getpid())):
        return None
    return int(seconds) / 1_000_000
