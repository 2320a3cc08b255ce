"""How are missing system packages installed? With apt-get, as root on a Debian-like system, and said on screen."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from node_runtime.errors import HostError
from node_runtime.ports import Say


def install_packages(names: Sequence[str], *, log: Path, say: Say) -> None:
    """Install Debian packages without their recommendations; apt-get's output goes to `log`. Raises `HostError`."""
    wanted = " ".join(names)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise HostError(
            f"missing on this machine: {wanted}",
            remedy=f"install it (on Debian, as root: apt-get install {wanted}), then repeat",
        )
    say(f"installing {wanted} (apt-get)")
    log.parent.mkdir(parents=True, exist_ok=True)
    # a machine that has just started may be updating itself: its turn is waited for
    install = ["apt-get", "install", "-y", "-q", "-o", "DPkg::Lock::Timeout=600", "--no-install-recommends", *names]
    # the lists of a fresh machine are missing or old: refresh them only when the first try fails
    if _apt(install, log) == 0 or (_apt(["apt-get", "update", "-q"], log) == 0 and _apt(install, log) == 0):
        return
    last = "\n  ".join(log.read_text(errors="replace").splitlines()[-3:])
    raise HostError(f"apt-get could not install {wanted}:\n  {last}", remedy=f"see {log}, mend it, then repeat")


def _apt(command: list[str], log: Path) -> int:
    # RUNLEVEL=1 keeps the packages' scripts from starting services: what runs here is started, and ended, by us
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1", "LC_ALL": "C"}
    with log.open("ab") as output:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, check=False
        ).returncode
