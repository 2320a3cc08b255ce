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
    """Of the Docker Engine that is started where none answers: its images are kept from one run to the next.

    Where it really is: an engine writes down paths, and may be ended by a home that shares it by a link.
    """
    return Path(os.path.realpath(home() / "engine"))


def cache_folder() -> Path:
    """What can be made again: the base image's tarball. Where it really is, as homes may share it by a link."""
    return Path(os.path.realpath(home() / "cache"))
