"""The user's terminal attached to a container, restored at its end.

The container's output reaches the terminal unfiltered, as from a remote shell; terminal modes that it set are reset at
the end. Keys, including Ctrl-C, go to the container, where Ctrl-C interrupts the program, not this process. Ctrl-]
three times in a row stops a program that ignores it.
"""

import os
import select
import socket
import termios
import threading
import tty
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import docker
from docker.errors import APIError
from requests.exceptions import RequestException

from .logs import LogFile

_CHECK_INTERVAL = 0.2  # seconds between checks of the window size: SIGWINCH would need the main thread
_LAST_WORDS = 10  # seconds without output after which reading an ended container stops
_WRITE_SIZE = 4096  # bytes per write to the screen
_NO_DETACHING = "ctrl-@,ctrl-_,ctrl-@"  # keys that are never typed: by default Ctrl-P Ctrl-Q would detach
# resets modes that a killed program leaves set: alternate screen and character set, mouse and focus reports,
# bracketed paste, reverse video; a soft reset covers colours, margins, cursor, insert mode and key codes
_SOBER = b"\x1b[?1047l\x0f\x1b[?9;1000;1002;1003;1004;1005;1006;1015;2004;5l\x1b[!p\x1b[0m\x1b[?25h"
_LEAVE = b"\x1d"  # Ctrl-], as in telnet and systemd-nspawn
_TIMES = 3


class PersonsTerminal:
    """A terminal, by the descriptors ``keyboard`` and ``screen``, for the containers of one run.

    The head of a container's output is also written to ``log``, at most half of ``cap`` bytes; the engine keeps the
    tail. ``stop`` is set when the user leaves an unresponsive program with Ctrl-].
    """

    def __init__(
        self, client: docker.APIClient, *, keyboard: int, screen: int, log: Path, cap: int, stop: threading.Event
    ) -> None:
        self._client = client
        self._stop = stop
        self._keyboard = keyboard
        self._screen = screen
        self._log = log
        self._cap = cap
        self._saved: list[Any] | None = None
        self._attached: _Attachment | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def join(self, container: str) -> "PersonsTerminal":
        """Select the created container: `begin` attaches to it, `finish` detaches."""
        self._container = container
        return self

    def begin(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._attached = _Attachment(self._client, self._container, self._keyboard, self._screen, self._stop)
        if os.isatty(self._keyboard):
            self._saved = termios.tcgetattr(self._keyboard)
            tty.setraw(self._keyboard, termios.TCSANOW)
        self._attached.take(self._log, room=self._cap // 2)

    def drop(self) -> None:
        """Restore the terminal after a failed start."""
        self.leave()

    def finish(self) -> None:
        """After the container's end, show the remaining output, restore the terminal and complete the log."""
        if self._attached is not None:
            self._attached.drain()
        self.leave()
        LogFile(self._client, self._container, self._log, cap=self._cap).finish()

    def leave(self) -> None:
        """Restore the terminal. Idempotent."""
        if self._attached is not None:
            self._attached.leave()
            self._attached = None
        if self._saved is not None:
            with suppress(OSError, termios.error):  # a closed terminal needs no restoring
                os.write(self._screen, _SOBER)
                # flush: the terminal's replies to the container must not reach the shell
                termios.tcsetattr(self._keyboard, termios.TCSAFLUSH, self._saved)
            self._saved = None


class _Attachment:
    """The attachment of one container: two threads that copy input and output."""

    def __init__(
        self, client: docker.APIClient, container: str, keyboard: int, screen: int, stop: threading.Event
    ) -> None:
        self._client = client
        self._stop = stop
        self._leaving = 0  # consecutive Ctrl-]
        self._seen = 0  # bytes shown
        self._container = container
        self._keyboard = keyboard
        self._screen = screen
        self._size: os.terminal_size | None = None
        options = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "detachKeys": _NO_DETACHING}
        self._stream = client.attach_socket(container, params=options)  # keep a reference: the socket closes without it
        self._line = cast(socket.socket, getattr(self._stream, "_sock", self._stream))
        self._line.settimeout(None)  # input may pause longer than the client's timeout
        self._wake, self._waker = os.pipe()
        self._typing: threading.Thread | None = None
        self._showing: threading.Thread | None = None

    def take(self, log: Path, *, room: int) -> None:
        self._showing = threading.Thread(target=self._show, args=(log, room), daemon=True, name="screen")
        self._typing = threading.Thread(target=self._type, daemon=True, name="keyboard")
        self._showing.start()
        self._typing.start()

    def drain(self) -> None:
        """Show the remaining output to its end, unless nothing is read or shown for `_LAST_WORDS` seconds."""
        seen = -1
        while self._showing is not None and self._showing.is_alive() and seen < self._seen:
            seen = self._seen
            self._showing.join(_LAST_WORDS)

    def leave(self) -> None:
        """Stop reading the keyboard."""
        os.close(self._waker)
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        for thread in (self._typing, self._showing):
            if thread is not None:
                thread.join(_LAST_WORDS)  # abandon a blocked screen
        os.close(self._wake)
        self._stream.close()

    def _type(self) -> None:
        with suppress(OSError):  # connection or terminal closed: the supervisor ends the attachment
            while True:
                ready, _, _ = select.select([self._keyboard, self._wake], [], [], _CHECK_INTERVAL)
                if self._wake in ready:
                    return
                self._follow_size()
                if self._keyboard in ready:
                    typed = os.read(self._keyboard, 4096)
                    if not typed:
                        self._line.shutdown(socket.SHUT_WR)
                        return
                    self._detect_leave_keys(typed)
                    self._line.sendall(typed)

    def _detect_leave_keys(self, typed: bytes) -> None:
        last = len(typed) - len(typed.rstrip(_LEAVE))
        self._leaving = self._leaving + last if last == len(typed) else last
        if self._leaving >= _TIMES:
            self._stop.set()

    def _follow_size(self) -> None:
        if not os.isatty(self._screen):
            return
        size = os.get_terminal_size(self._screen)
        if size == self._size:
            return
        with suppress(APIError, RequestException):  # not running yet or any more: the next check retries
            self._client.resize(self._container, height=size.lines, width=size.columns)
            self._size = size

    def _show(self, log: Path, room: int) -> None:
        seen = True
        with suppress(OSError), log.open("wb", buffering=0) as file:
            while printed := self._line.recv(1 << 16):
                file.write(printed[:room])
                room = max(0, room - len(printed))
                seen = seen and self._print(printed)

    def _print(self, printed: bytes) -> bool:
        """Write to the screen; False when it is closed. The container goes on."""
        try:
            while printed:
                taken = os.write(self._screen, printed[:_WRITE_SIZE])
                self._seen += taken
                printed = printed[taken:]
        except OSError:
            return False
        return True
