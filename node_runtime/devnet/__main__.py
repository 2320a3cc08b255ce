"""Command-line entry point of the embedded chain: ``python -m node_runtime.devnet --base-path FOLDER``."""

import argparse
import logging
import sys
from pathlib import Path

from node_runtime.devnet.server.server import serve
from node_runtime.errors import NodeRuntimeError
from node_runtime.platform.files import host_error_boundary
from node_runtime.platform.printable import OneRecordFormatter, one_line, print_line

from . import BlockTime


def main() -> int:
    """Run a chain and return the exit code.

    Print ``note …`` for each message to the operator, and ``ready ws://HOST:PORT`` once clients may connect.
    """
    parser = argparse.ArgumentParser(prog="python -m node_runtime.devnet", description="Run an embedded chain.")
    parser.add_argument("--base-path", type=Path, required=True, help="the chain's folder")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--port", type=int, default=9944, help="0 takes a free one")
    parser.add_argument("--block-time", type=BlockTime, choices=list(BlockTime), default=BlockTime.INSTANT)
    parser.add_argument("--preset", default="development", help="a genesis preset of the runtime")
    parser.add_argument("--fresh", action="store_true", help="forget the chain stored in the folder")
    parser.add_argument("--allow-remote", action="store_true", help="let other machines connect")
    parser.add_argument("--cut-future", action="store_true", help="drop blocks later than the clock, after a copy")
    parser.add_argument("--upgrade", action="store_true", help="set other code of the stored runtime's version")
    options = parser.parse_args()
    handler = logging.StreamHandler()
    handler.setFormatter(OneRecordFormatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler])
    try:
        with host_error_boundary():
            serve(
                base_path=options.base_path,
                host=options.host,
                port=options.port,
                block_time=options.block_time,
                preset=options.preset,
                ready=lambda url: print_line(f"ready {url}"),
                fresh=options.fresh,
                allow_remote=options.allow_remote,
                upgrade=options.upgrade,
                cut_future=options.cut_future,
                say=lambda line: print(f"note {line}", flush=True),
            )
    except NodeRuntimeError as failure:
        sys.stderr.write(f"error: {one_line(str(failure))}\n")
        return failure.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
