"""Make the environment in .venv; on a bare Debian, install the package that `python3 -m venv` needs first."""

import importlib.util
import os
import pathlib
import shutil
import subprocess
import sys

if sys.version_info < (3, 11):
    sys.exit(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}; name another: make PYTHON=python3.12 …")
if importlib.util.find_spec("ensurepip") is None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit("this Python cannot make environments (ensurepip is missing); install it, e.g. apt-get install python3-venv")
    print("installing python3-venv (apt)", flush=True)
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "python3-venv"], check=True)
print("making the Python environment in .venv", flush=True)
subprocess.run([sys.executable, "-m", "venv", ".venv"], check=True)
pathlib.Path(".venv/made").touch()
