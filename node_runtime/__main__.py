"""``python -m node_runtime`` is the command `node-runtime`."""

from node_runtime.cli import main

main()
