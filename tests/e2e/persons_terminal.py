"""How does a test sit at a terminal? A command of `node-runtime` under a pseudo-terminal: keys in, what is seen out."""

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(kw_only=True)
class PersonsTerminal:
    """``seen`` is all that was on the screen so far; ``unused`` are the settings that the terminal began with."""

    hand: int
    unused: list[object]
    process: subprocess.Popen[bytes]
    seen: str = ""
    nobody: int | None = None
    _heeded: int = 0

    def waits_for(self, text: str, *, again: bool = False, within: float = 240) -> None:
        """`again`: what was waited for before doesn't count."""
        since, give_up = self._heeded if again else 0, time.monotonic() + within
        while (found := self.seen.find(text, since)) < 0:
            assert time.monotonic() < give_up, f"waited for {text!r}, saw:\n{self.seen}"
            ended = self.process.poll() is not None  # asked first: its last words may come between two looks
            assert self._look() or not ended, f"it ended without {text!r}, saw:\n{self.seen}"
        self._heeded = found + len(text)

    def types(self, keys: str) -> None:
        os.write(self.hand, keys.encode())

    def interrupts(self, *, within: float = 240) -> None:
        """Ctrl-C at a question. Python hears one that comes between the question and its reading with the next key."""
        give_up = time.monotonic() + within
        while not self._reads():
            assert time.monotonic() < give_up, f"waited for it to read, saw:\n{self.seen}"
            time.sleep(0.01)
        self.types("\x03")

    def _reads(self) -> bool:
        """Whether the command is within a system call on its standard input: see proc(5), /proc/pid/syscall."""
        call = Path(f"/proc/{self.process.pid}/syscall").read_text().split()
        return call[1:2] == ["0x0"]

    def ends(self, *, within: float = 240) -> int:
        """Its exit code."""
        give_up = time.monotonic() + within
        while self.process.poll() is None:
            assert time.monotonic() < give_up, f"waited for the end, saw:\n{self.seen}"
            self._look()
        while self._look():
            pass
        return self.process.returncode

    def closes(self) -> None:
        """The window is closed: the command is told so, and whatever it prints from then on goes nowhere."""
        os.close(self.hand)
        self.hand, self.nobody = os.pipe()  # from which nothing ever comes

    def settings(self) -> list[object]:
        return list(termios.tcgetattr(self.hand))

    def _look(self) -> bool:
        """False when nothing came for a moment."""
        if not select.select([self.hand], [], [], 0.1)[0]:
            return False
        try:
            printed = os.read(self.hand, 1 << 16)
        except OSError:  # nobody is at the other end any more
            return False
        self.seen += printed.decode(errors="replace").replace("\r\n", "\n")
        return bool(printed)


@contextmanager
def at_terminal(*arguments: str, folder: Path, environment: Mapping[str, str]) -> Iterator[PersonsTerminal]:
    """The command runs in `folder`, at a terminal of its own."""
    hand, terminal = pty.openpty()
    unused = termios.tcgetattr(hand)
    process = subprocess.Popen(
        [sys.executable, "-m", "node_runtime", *arguments],
        cwd=folder,
        env={**environment, "TERM": "xterm", "COLUMNS": "200"},
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(terminal)
    person = PersonsTerminal(hand=hand, unused=unused, process=process)
    try:
        yield person
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        for open_end in filter(None, (person.hand, person.nobody)):
            os.close(open_end)
