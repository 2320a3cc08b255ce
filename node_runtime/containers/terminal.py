"""How does a person sit at a container? What they type goes in, what it prints comes out, and then all is as before.

What a container prints reaches the terminal as it is, as from a shell on another machine; what it switched on there is
switched off at the end. Keys go to the container, Ctrl-C too: there it interrupts the program, not this process. Ctrl-]
three times in a row ends what doesn't heed that.
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

from node_runtime.containers.logs import LogFile

_LOOK = 0.2  # seconds between looks at the window's size: a signal would need the main thread
_LAST_WORDS = 10  # seconds without a word of what an ended container has printed
_AT_ONCE = 4096  # bytes to the screen
_NO_DETACHING = "ctrl-@,ctrl-_,ctrl-@"  # else Ctrl-P waits for a Ctrl-Q, and with it the container is left alone
# what a program that was killed leaves switched on: another screen and character set, mouse and focus reports,
# bracketed paste, reverse video; and by a soft reset colours, margins, a hidden cursor, inserting, other codes for keys
_SOBER = b"\x1b[?1047l\x0f\x1b[?9;1000;1002;1003;1004;1005;1006;1015;2004;5l\x1b[!p\x1b[0m\x1b[?25h"
_LEAVE = b"\x1d"  # Ctrl-], as in telnet and systemd-nspawn
_TIMES = 3


class PersonsTerminal:
    """A terminal, by the descriptors of its ``keyboard`` and ``screen``, for the containers of one run.

    The head of what a container prints goes to ``log`` too, at most half of ``cap`` bytes; the engine has the rest.
    ``stop`` is set when the person wants to leave a program that heeds nothing.
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
        self._seat: _Seat | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def join(self, container: str) -> "PersonsTerminal":
        """Sit down at the container, which isn't started yet: `begin` attaches, `finish` leaves it."""
        self._container = container
        return self

    def begin(self) -> None:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._seat = _Seat(self._client, self._container, self._keyboard, self._screen, self._stop)
        if os.isatty(self._keyboard):
            self._saved = termios.tcgetattr(self._keyboard)
            tty.setraw(self._keyboard, termios.TCSANOW)
        self._seat.take(self._log, room=self._cap // 2)

    def drop(self) -> None:
        """The container could not be started: get the terminal back."""
        self.leave()

    def finish(self) -> None:
        """The container has ended: see its last words, get the terminal back, complete the log."""
        if self._seat is not None:
            self._seat.hear_out()
        self.leave()
        LogFile(self._client, self._container, self._log, cap=self._cap).finish()

    def leave(self) -> None:
        """The terminal is as it was. May be repeated."""
        if self._seat is not None:
            self._seat.leave()
            self._seat = None
        if self._saved is not None:
            with suppress(OSError, termios.error):  # a terminal that was closed needs nothing any more
                os.write(self._screen, _SOBER)
                # flushed: what the container made the terminal answer isn't typed into the shell
                termios.tcsetattr(self._keyboard, termios.TCSAFLUSH, self._saved)
            self._saved = None


class _Seat:
    """The two threads between one container and the terminal."""

    def __init__(
        self, client: docker.APIClient, container: str, keyboard: int, screen: int, stop: threading.Event
    ) -> None:
        self._client = client
        self._stop = stop
        self._leaving = 0  # how often in a row
        self._seen = 0  # bytes on the screen
        self._container = container
        self._keyboard = keyboard
        self._screen = screen
        self._size: os.terminal_size | None = None
        options = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "detachKeys": _NO_DETACHING}
        self._stream = client.attach_socket(container, params=options)  # kept: the line closes without it
        self._line = cast(socket.socket, getattr(self._stream, "_sock", self._stream))
        self._line.settimeout(None)  # a person may think for longer than the engine may
        self._wake, self._waker = os.pipe()
        self._typing: threading.Thread | None = None
        self._showing: threading.Thread | None = None

    def take(self, log: Path, *, room: int) -> None:
        self._showing = threading.Thread(target=self._show, args=(log, room), daemon=True, name="screen")
        self._typing = threading.Thread(target=self._type, daemon=True, name="keyboard")
        self._showing.start()
        self._typing.start()

    def hear_out(self) -> None:
        """What it printed to its end, however slow the screen is, unless nothing moves any more."""
        seen = -1
        while self._showing is not None and self._showing.is_alive() and seen < self._seen:
            seen = self._seen
            self._showing.join(_LAST_WORDS)

    def leave(self) -> None:
        """Nothing is read from the keyboard afterwards."""
        os.close(self._waker)
        with suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        for thread in (self._typing, self._showing):
            if thread is not None:
                thread.join(_LAST_WORDS)  # a screen that takes nothing more is left to itself
        os.close(self._wake)
        self._stream.close()

    def _type(self) -> None:
        with suppress(OSError):  # the line or the terminal is gone: whoever waits for the container ends this
            while True:
                ready, _, _ = select.select([self._keyboard, self._wake], [], [], _LOOK)
                if self._wake in ready:
                    return
                self._follow_size()
                if self._keyboard in ready:
                    typed = os.read(self._keyboard, 4096)
                    if not typed:
                        self._line.shutdown(socket.SHUT_WR)
                        return
                    self._look_for_leaving(typed)
                    self._line.sendall(typed)

    def _look_for_leaving(self, typed: bytes) -> None:
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
        with suppress(APIError, RequestException):  # it doesn't run yet, or any more: the next look tries again
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
        """False when the screen is gone: the container goes on, since nobody told it to end."""
        try:
            while printed:
                taken = os.write(self._screen, printed[:_AT_ONCE])
                self._seen += taken
                printed = printed[taken:]
        except OSError:
            return False
        return True
