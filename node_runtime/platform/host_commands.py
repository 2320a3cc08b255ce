"""Host programs (mount, mkfs, apt-get): their failures become `HostError`."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from node_runtime.errors import HostError
from node_runtime.platform.printable import Say


def tool_path(name: str) -> str | None:
    """Where the program is, also when this user's PATH lacks the folders of the system's programs."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def run_tool(command: Sequence[str], *, files: Sequence[int] = ()) -> subprocess.CompletedProcess[str]:
    """Run the program and return its result, a failure too. It inherits the descriptors in ``files``."""
    program = tool_path(command[0]) or command[0]
    return subprocess.run(
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,  # a prompt reads end of file
        capture_output=True,
        text=True,
        check=False,
        pass_fds=files,
    )


def need_tool(command: Sequence[str], what: str, *, files: Sequence[int] = ()) -> None:
    """Run the program. Raises `HostError` about `what` unless it exits with 0."""
    ended = run_tool(command, files=files)
    if ended.returncode != 0:
        raise tool_failed(ended, what)


def tool_failed(ended: subprocess.CompletedProcess[str], what: str) -> HostError:
    said = " ".join(ended.stderr.split()) or f"exit code {ended.returncode}"
    tool = Path(ended.args[0]).name
    return HostError(f"{what}: {tool} failed: {said}", remedy="see that the disk has room and mounts are allowed")


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
    # a freshly booted machine may be updating itself: wait for the lock
    install = ["apt-get", "install", "-y", "-q", "-o", "DPkg::Lock::Timeout=600", "--no-install-recommends", *names]
    # package lists may be missing or outdated: refresh them only after a failure
    if _apt(install, log) == 0 or (_apt(["apt-get", "update", "-q"], log) == 0 and _apt(install, log) == 0):
        return
    last = "\n  ".join(log.read_text(errors="replace").splitlines()[-3:])
    raise HostError(f"apt-get could not install {wanted}:\n  {last}", remedy=f"see {log}, fix the error, then repeat")


def _apt(command: list[str], log: Path) -> int:
    # RUNLEVEL=1 keeps package scripts from starting services
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1", "LC_ALL": "C"}
    with log.open("ab") as output:
        return subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, check=False
        ).returncode
