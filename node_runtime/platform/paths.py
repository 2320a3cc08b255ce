"""This user's state and cache folders, and removal of local paths from text for other accounts.

``NODE_RUNTIME_HOME`` overrides the location; the default is the platform's folder for user data.
"""

import os
import re
from pathlib import Path

import platformdirs


def home() -> Path:
    """Return the folder of all state of this user; it may not exist yet."""
    named = os.environ.get("NODE_RUNTIME_HOME")
    return Path(named).expanduser().absolute() if named else platformdirs.user_data_path("node-runtime")


def network_folder() -> Path:
    return home() / "network"


def engine_folder() -> Path:
    """Return the data folder of the Docker Engine that `up` starts; its images persist between runs.

    Links are resolved: the engine records paths, and homes that share the folder by a link must agree on them.
    """
    return Path(os.path.realpath(home() / "engine"))


def cache_folder() -> Path:
    """Return the folder of reproducible files, such as the base image's tarball, with links resolved."""
    return Path(os.path.realpath(home() / "cache"))


_PATH = re.compile(r"(?<![\w./:-])/[\w.+@~-][^\s\"'`,;]*")


def without_places(said: str, *, known: str) -> str:
    """Redact absolute paths in ``said`` that don't occur in ``known``, the recipient's own text."""
    return _PATH.sub(lambda found: found[0] if found[0].rstrip(":.)") in known else "(a place on the node)", said)
