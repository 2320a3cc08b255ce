"""A devnet whose clock is set through a file, in ms after this machine's, so that hours can pass.

python -m tests.later_devnet FOLDER CLOCK CODE
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node_runtime.devnet import BlockTime
from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.rpc.subscriptions import Subscriptions
from node_runtime.devnet.sealing import wall_clock
from node_runtime.devnet.server.server import RUNTIME, DevnetServer
from node_runtime.devnet.state.store import Store
from node_runtime.devnet.upgrade import follow_package
from node_runtime.devnet.wasm.compiled import default_cache
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
def later_devnet(folder: Path, *, begins: int | None = None, code: Path = RUNTIME) -> Iterator[LaterDevnet]:
    """Run the devnet for a ``with``. A chain that is stored in the folder goes on.

    The clock shows ``begins``, in ms since 1970, when it starts; by default this machine's time. ``code`` takes the
    place of the packaged runtime.
    """
    folder.mkdir(exist_ok=True)
    clock = folder / "clock"
    clock.write_text(str(0 if begins is None else begins - wall_clock()))
    command = [sys.executable, "-m", "tests.later_devnet", str(folder), str(clock), str(code)]
    with subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with in_time(process):
                word, _, url = process.stdout.readline().strip().partition(" ")
            assert word == "ready", "the devnet did not start"
            yield LaterDevnet(url=url, clock=clock)
        finally:
            process.kill()


def _serve(folder: Path, clock: Path, code: Path) -> None:
    subscriptions = Subscriptions()
    chain = EmbeddedChain(
        Store(folder / "chain.sqlite"),
        code=code.read_bytes(),
        preset="development",
        cache_folder=default_cache(),
        wall_clock=lambda: wall_clock() + int(clock.read_text()),
        notify=subscriptions.transaction_changed,
    )
    follow_package(chain, code.read_bytes(), same_version=False, say=lambda line: print(line, file=sys.stderr))
    server = DevnetServer(chain, subscriptions, BlockTime.INSTANT)
    asyncio.run(server.run("127.0.0.1", 0, lambda url: print(f"ready {url}", flush=True)))


if __name__ == "__main__":
    _serve(*map(Path, sys.argv[1:4]))
