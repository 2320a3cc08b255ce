"""A listener on every address of this machine, for what a container without a network could reach."""

import socket
from types import TracebackType
from typing import Self

import psutil


def host_addresses() -> list[str]:
    """Return this machine's IPv4 addresses, those of the engine's bridges and the loopback among them."""
    found = (one.address for many in psutil.net_if_addrs().values() for one in many if one.family is socket.AF_INET)
    return sorted(set(found))


class Listener:
    """Takes TCP connections and UDP packets at one ``port`` of every address."""

    def __init__(self) -> None:
        self._stream = socket.create_server(("0.0.0.0", 0))
        self._stream.setblocking(False)
        self.port = int(self._stream.getsockname()[1])
        self._packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._packets.bind(("0.0.0.0", self.port))
        self._packets.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._packets.close()

    def reached(self) -> bool:
        """Return whether a connection or a packet has come since the last call."""
        try:
            self._stream.accept()[0].close()
        except BlockingIOError:
            pass
        else:
            return True
        try:
            self._packets.recv(1)
        except BlockingIOError:
            return False
        return True
