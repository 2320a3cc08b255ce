"""Programs of other people that tests install once for each version, in this user's cache."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import platformdirs


def installed_once(version: str, install: Callable[[Path], None]) -> Path:
    """Return the folder of this version; ``install`` fills it, once among all processes."""
    folder = platformdirs.user_cache_path("node-runtime") / "peers" / version
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            install(folder)
            (folder / "complete").touch()
    return folder
