"""A socket that is closed to its user is told with its group, and with the way into it."""

import grp
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.background import LIMIT

OTHER_GROUP = 54321  # without a name
SCRIPT = """
import os, sys
from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.discovery import require_engine
from node_runtime.errors import HostError
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
os.environ.pop("DOCKER_HOST", None)
if sys.argv[1] == "named":
    os.environ["DOCKER_HOST"] = sys.argv[2]
try:
    require_engine() if sys.argv[1] == "named" else connect(sys.argv[2])
except HostError as error:
    print(f"{error.message}; {error.remedy}")
"""


@pytest.fixture
def path() -> Iterator[Path]:
    """An engine's socket for its group alone, which the user is not in, or as whose owner they have no right."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as engine:
        Path(folder).chmod(0o755)
        path = Path(folder, "socket")
        engine.bind(str(path))
        if os.geteuid() == 0:
            os.chown(path, 0, OTHER_GROUP)
        path.chmod(0o060)
        yield path


def told(by: str, path: Path) -> str:
    command = [sys.executable, "-c", SCRIPT, by, f"unix://{path}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=True).stdout


@pytest.mark.parametrize("by", ["named", "configured"])
def test_its_group_is_told_with_the_way_into_it(path: Path, by: str) -> None:
    group = str(path.stat().st_gid)
    with suppress(KeyError):
        group = grp.getgrgid(path.stat().st_gid).gr_name
    said = told(by, path)
    assert f"the container engine's socket {path} is closed to this user" in said
    assert f":{group} with mode 0060" in said
    assert f"`sudo usermod -aG {group} $USER`" in said


def test_one_that_no_group_may_use_is_not_entered_by_a_group(path: Path) -> None:
    path.chmod(0)
    said = told("named", path)
    assert "usermod" not in said
    assert "let the engine open it to a group" in said


def test_a_folder_that_is_closed_is_told_as_one(path: Path) -> None:
    path.parent.chmod(0)
    said = told("configured", path)
    path.parent.chmod(0o755)
    assert f"the container engine's socket {path} lies in a folder closed to this user" in said
