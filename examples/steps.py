"""The steps of an example as it prints them, and how its errors end it."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from node_runtime.cli.output import is_terminal, line, print_error, status
from node_runtime.cli.progress import NodesStatus
from node_runtime.domain.units import duration
from node_runtime.errors import NodeRuntimeError
from node_runtime.platform.signals import ignore_closed_output, ignore_further_signals


@contextmanager
def errors_told() -> Iterator[None]:
    """End the program as the command `node-runtime` ends: an error of ours as two lines, and its exit code."""
    try:
        yield
    except NodeRuntimeError as error:
        print_error(error.message, error.remedy)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)


SHOWN_AGAIN = 1.0  # seconds between changes of a line that is drawn again
LONGEST_SILENCE = 5.0  # seconds between lines


class Steps:
    """Prints what is being done, and how long each step took.

    A terminal is never silent meanwhile: it shows what the nodes are at, and for how long.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._nodes: NodesStatus | None = None
        self._number = 0
        self._began = time.monotonic()

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        self._number += 1
        started = time.monotonic()
        line(f"{self._number}/{self._count} {title}", style="bold")
        with status("    ") as show, self._telling(show, pause=SHOWN_AGAIN):
            yield
        line(f"    done in {time.monotonic() - started:.1f} s", style="dim")

    @contextmanager
    def last_step(self, title: str) -> Iterator[None]:
        """One that is done by all means: no signal ends it, and nobody has to be there to read of it."""
        ignore_further_signals()
        self._number += 1
        tell = ignore_closed_output(line)
        tell(f"{self._number}/{self._count} {title}")
        self._nodes = None
        with self._telling(tell, pause=LONGEST_SILENCE):
            yield

    def watch(self, nodes: NodesStatus) -> None:
        """Tell from now on what these nodes are at."""
        self._nodes = nodes

    @contextmanager
    def _telling(self, tell: Callable[[str], None], *, pause: float) -> Iterator[None]:
        """Tell at a terminal, after each ``pause``, what is going on; nothing elsewhere."""
        if not is_terminal():
            yield
            return
        over, began = threading.Event(), time.monotonic()

        def run() -> None:
            while not over.wait(pause):
                at_work = self._nodes.lines() if self._nodes is not None else []
                taken = duration(int((time.monotonic() - began) * 1000))
                tell(f"    {'; '.join(at_work) or f'at work for {taken}'}")

        teller = threading.Thread(target=run, daemon=True, name="steps")
        teller.start()
        try:
            yield
        finally:
            over.set()
            teller.join()

    def say(self, text: str) -> None:
        line(f"    {text}")

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began
