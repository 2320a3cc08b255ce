"""The command `version`."""

import node_runtime


def version() -> None:
    """Print the version."""
    print(node_runtime.__version__)
