"""How do tests let hours pass? A devnet whose clock stands in a file: so many ms after this machine's.

python -m tests.later_devnet FOLDER CLOCK
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node_runtime.devnet.block_time import BlockTime
from node_runtime.devnet.chain import Chain
from node_runtime.devnet.compiled import default_cache
from node_runtime.devnet.sealing import wall_clock
from node_runtime.devnet.server import RUNTIME, DevnetServer
from node_runtime.devnet.store import Store
from node_runtime.devnet.subscriptions import Subscriptions
from tests.background import in_time


@dataclass(frozen=True, kw_only=True)
class LaterDevnet:
    """A running devnet. The next block after `pass_time` is made so much later."""

    url: str
    clock: Path

    def pass_time(self, milliseconds: int) -> None:
        fresh = self.clock.with_suffix(".new")
        fresh.write_text(str(int(self.clock.read_text()) + milliseconds))
        fresh.replace(self.clock)


@contextmanager
def later_devnet(folder: Path) -> Iterator[LaterDevnet]:
    """Gone after the ``with``, whatever happened in it."""
    folder.mkdir()
    clock = folder / "clock"
    clock.write_text("0")
    command = [sys.executable, "-m", "tests.later_devnet", str(folder), str(clock)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with in_time(process):
                word, _, url = process.stdout.readline().strip().partition(" ")
            assert word == "ready", "the devnet did not start"
            yield LaterDevnet(url=url, clock=clock)
        finally:
            process.kill()


def _serve(folder: Path, clock: Path) -> None:
    subscriptions = Subscriptions()
    chain = Chain(
        Store(folder / "chain.sqlite"),
        code=RUNTIME.read_bytes(),
        preset="development",
        cache_folder=default_cache(),
        wall_clock=lambda: wall_clock() + int(clock.read_text()),
        notify=subscriptions.transaction_changed,
    )
    server = DevnetServer(chain, subscriptions, BlockTime.INSTANT)
    asyncio.run(server.run("127.0.0.1", 0, lambda url: print(f"ready {url}", flush=True)))


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), Path(sys.argv[2]))
