"""Where this user's files are: the local network's state and the caches.

``NODE_RUNTIME_HOME`` moves everything; the default is the platform's folder for user data.
"""

import os
from pathlib import Path

import platformdirs


def home() -> Path:
    """The folder of everything node-runtime keeps for this user; it may not exist yet."""
    named = os.environ.get("NODE_RUNTIME_HOME")
    return Path(named).expanduser().absolute() if named else platformdirs.user_data_path("node-runtime")


def network_folder() -> Path:
    return home() / "network"


def engine_folder() -> Path:
    """Of the Docker Engine that is started where none answers: its images are kept from one run to the next."""
    return home() / "engine"


def cache_folder() -> Path:
    """What can be made again: the base image's tarball."""
    return home() / "cache"
