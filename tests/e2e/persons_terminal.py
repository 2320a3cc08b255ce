"""A command of `node-runtime` under a pseudo-terminal: send keys, read the screen."""

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
    """A command at a terminal. ``seen`` is all output so far, ``unused`` the initial settings of the terminal."""

    hand: int
    unused: list[object]
    process: subprocess.Popen[bytes]
    seen: str = ""
    nobody: int | None = None
    _matched: int = 0

    def waits_for(self, text: str, *, again: bool = False, within: float = 240) -> None:
        """Wait for output; `again` ignores output that was awaited before."""
        since, give_up = self._matched if again else 0, time.monotonic() + within
        while (found := self.seen.find(text, since)) < 0:
            assert time.monotonic() < give_up, f"waited for {text!r}, saw:\n{self.seen}"
            ended = self.process.poll() is not None  # checked first: the last output may come between the two calls
            assert self._read_output() or not ended, f"it ended without {text!r}, saw:\n{self.seen}"
        self._matched = found + len(text)

    def types(self, keys: str) -> None:
        os.write(self.hand, keys.encode())

    def interrupts(self, *, within: float = 240) -> None:
        """Send Ctrl-C at a prompt, once it reads: Python handles one before that only with the next key."""
        give_up = time.monotonic() + within
        while not self._reads():
            assert time.monotonic() < give_up, f"waited for it to read, saw:\n{self.seen}"
            time.sleep(0.01)
        self.types("\x03")

    def _reads(self) -> bool:
        """Return whether the command is in a system call on its standard input: see proc(5), /proc/pid/syscall."""
        call = Path(f"/proc/{self.process.pid}/syscall").read_text().split()
        return call[1:2] == ["0x0"]

    def ends(self, *, within: float = 240) -> int:
        """Wait for the end; return the exit code."""
        give_up = time.monotonic() + within
        while self.process.poll() is None:
            assert time.monotonic() < give_up, f"waited for the end, saw:\n{self.seen}"
            self._read_output()
        while self._read_output():
            pass
        return self.process.returncode

    def closes(self) -> None:
        """Close the terminal: the command receives SIGHUP, and its further output is lost."""
        os.close(self.hand)
        self.hand, self.nobody = os.pipe()  # without input

    def settings(self) -> list[object]:
        return list(termios.tcgetattr(self.hand))

    def _read_output(self) -> bool:
        """Read the terminal; return False if no output came for a moment."""
        if not select.select([self.hand], [], [], 0.1)[0]:
            return False
        try:
            printed = os.read(self.hand, 1 << 16)
        except OSError:  # the other end is closed
            return False
        self.seen += printed.decode(errors="replace").replace("\r\n", "\n")
        return bool(printed)


@contextmanager
def at_terminal(*arguments: str, folder: Path, environment: Mapping[str, str]) -> Iterator[PersonsTerminal]:
    """Run the command in `folder` at a new terminal."""
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
