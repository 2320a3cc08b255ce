"""Make the environment in .venv; on a bare Debian, install the package that `python3 -m venv` needs first."""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before anything has looked
    sys.exit(
        f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; name another: make PYTHON=python3.12 …"
    )
if importlib.util.find_spec("ensurepip") is None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(
            "this Python cannot make environments (ensurepip is missing); install it, e.g. apt-get install python3-venv"
        )
    print("installing python3-venv (apt)", flush=True)
    for step in (["update"], ["install", "-y", "--no-install-recommends", "python3-venv"]):
        done = subprocess.run(
            ["apt-get", "-qq", *step], env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, capture_output=True
        )
        if done.returncode != 0:
            sys.exit(f"apt-get {step[0]} failed:\n{done.stderr.decode(errors='replace')}")
print("making the Python environment in .venv", flush=True)
subprocess.run([sys.executable, "-m", "venv", ".venv"], check=True)
pathlib.Path(".venv/made").touch()
