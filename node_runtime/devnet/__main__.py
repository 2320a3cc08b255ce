"""How is a devnet started as a program of its own? ``python -m node_runtime.devnet --base-path FOLDER``."""

import argparse
import logging
import sys
from pathlib import Path

from node_runtime.errors import NodeRuntimeError

from .block_time import BlockTime
from .server import serve


def main() -> int:
    """Print ``ready ws://HOST:PORT`` once clients may connect; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m node_runtime.devnet", description="Run an embedded chain.")
    parser.add_argument("--base-path", type=Path, required=True, help="the chain's folder")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=9944, help="0 takes a free one")
    parser.add_argument("--block-time", type=BlockTime, choices=list(BlockTime), default=BlockTime.INSTANT)
    parser.add_argument("--preset", default="development", help="a genesis preset of the runtime")
    parser.add_argument("--fresh", action="store_true", help="forget the chain stored in the folder")
    parser.add_argument("--allow-remote", action="store_true", help="let other machines connect")
    options = parser.parse_args()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s")
    try:
        serve(
            base_path=options.base_path,
            host=options.host,
            port=options.port,
            block_time=options.block_time,
            preset=options.preset,
            ready=lambda url: print(f"ready {url}", flush=True),
            fresh=options.fresh,
            allow_remote=options.allow_remote,
        )
    except NodeRuntimeError as failure:
        print(f"error: {failure}", file=sys.stderr)
        return failure.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
