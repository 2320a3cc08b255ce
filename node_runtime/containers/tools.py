"""How are the system's own programs run (mount, mkfs, rm), and what is said when one of them fails?"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from node_runtime.errors import HostError


def tool_path(name: str) -> str | None:
    """Where the program is, also when this user's PATH lacks the folders of the system's programs."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")


def run_tool(command: Sequence[str], *, files: Sequence[int] = ()) -> subprocess.CompletedProcess[str]:
    """To its end, however that is. It sees the open files of these descriptors too."""
    program = tool_path(command[0]) or command[0]
    return subprocess.run(
        [program, *command[1:]],
        stdin=subprocess.DEVNULL,  # one that asks something hears at once that nobody answers
        capture_output=True,
        text=True,
        check=False,
        pass_fds=files,
    )


def need_tool(command: Sequence[str], what: str, *, files: Sequence[int] = ()) -> None:
    """Raises `HostError` about `what` unless the program ends well."""
    ended = run_tool(command, files=files)
    if ended.returncode != 0:
        raise tool_failed(ended, what)


def tool_failed(ended: subprocess.CompletedProcess[str], what: str) -> HostError:
    said = " ".join(ended.stderr.split()) or f"exit code {ended.returncode}"
    tool = Path(ended.args[0]).name
    return HostError(f"{what}: {tool} failed: {said}", remedy="see that the disk has room and mounts are allowed")
