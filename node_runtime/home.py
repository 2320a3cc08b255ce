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
