"""The wheel alone, installed with its tested versions in an empty environment, does the main job."""

import os
import re
import subprocess
import sys
import venv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from node_runtime import __version__
from tests.docker_engine import DockerHost
from tests.docker_engine import docker_engine as docker_engine

pytestmark = [pytest.mark.peers, pytest.mark.slow]

CHECKOUT = Path(__file__).parents[2]
DISTRIBUTIONS = "from importlib.metadata import distributions; print(*(one.name for one in distributions()))"
NO_CHAIN = "ws://127.0.0.1:1"
INSTALL_S = 600
RUN_S = 300


@dataclass(frozen=True, kw_only=True)
class Installed:
    """An installation: its program, and a user's folder that holds nothing else."""

    program: Path
    folder: Path

    def run(self, *words: str, code: int = 0, **environment: str) -> str:
        """Run a command in the folder, without this process's settings; fail the test if it ends otherwise."""
        kept = {name: os.environ[name] for name in ("SSL_CERT_FILE", "PIP_CERT", *_INDEX) if name in os.environ}
        given = {"HOME": str(self.folder), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        command = [str(self.program), *words]
        done = _run(command, cwd=self.folder, env=given | kept | environment, timeout=RUN_S)
        assert done.returncode == code, f"{' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def python(self, script: str) -> str:
        """Run a script with the installation's interpreter and return what it prints."""
        command = [str(self.program.resolve().parent / "python"), "-c", script]
        done = _run(command, cwd=self.folder, timeout=RUN_S)
        assert done.returncode == 0, done.stderr
        return done.stdout


_INDEX = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_CONFIG_FILE")


def _run(
    command: list[str], *, timeout: float, cwd: Path, env: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def _name(distribution: str) -> str:
    """Return a distribution's name as indexes write it."""
    return re.sub("[-_.]+", "-", distribution).lower()


def _install(command: list[str], folder: Path, **environment: str) -> None:
    without = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    done = _run(command, cwd=folder, env={**without, **environment}, timeout=INSTALL_S)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `make wheel` makes: the wheel, and the versions that it was tested with."""
    folder = tmp_path_factory.mktemp("dist")
    _install(["make", "-C", str(CHECKOUT), "wheel", f"DIST={folder}", f"BIN={Path(sys.executable).parent}"], folder)
    return folder


@pytest.fixture(scope="module", params=["venv", "pipx"])
def installed(request: pytest.FixtureRequest, dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Install the wheel as docs/operators.md says, with traces where it is in a venv."""
    folder = tmp_path_factory.mktemp("user")
    (wheel,) = dist.glob("*.whl")
    constraints = dist / "constraints.txt"
    venv.create(folder / "venv", with_pip=True)
    pip = [str(folder / "venv" / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    if request.param == "venv":
        _install([*pip, "--constraint", str(constraints), f"{wheel}[tracing]"], folder)
        return Installed(program=folder / "venv" / "bin" / "node-runtime", folder=folder)
    _install([*pip, "pipx"], folder)
    pipx = [str(folder / "venv" / "bin" / "pipx"), "install", "--pip-args", f"--constraint {constraints}", str(wheel)]
    homes = {"PIPX_HOME": str(folder / "pipx"), "PIPX_BIN_DIR": str(folder / "bin"), "HOME": str(folder)}
    _install(pipx, folder, **homes)
    return Installed(program=folder / "bin" / "node-runtime", folder=folder)


@pytest.fixture
def network(installed: Installed, docker_engine: DockerHost) -> Iterator[Installed]:
    """The local network of this installation, up."""
    try:
        installed.run("up", "--detach", "--port", "0", DOCKER_HOST=docker_engine.url)
        yield installed
    finally:
        installed.run("down")


def test_what_needs_no_network_comes_out_of_the_wheel(installed: Installed) -> None:
    assert installed.run("--version").strip() == __version__
    for template in ("training", "scoring", "annotation", "function", "plan"):
        installed.run("new", template, template)
        installed.run("check", f"{template}/task.yaml")
    assert '"$defs"' in installed.run("schema")
    installed.run("monitoring", "prometheus")
    assert (installed.folder / "prometheus" / "dashboard.json").exists()
    package = installed.python("import node_runtime; print(node_runtime.__path__[0])")
    assert str(CHECKOUT) not in package
    assert (Path(package.strip()) / "py.typed").exists(), "types are for those who import it"


def test_every_package_is_one_of_the_versions_that_were_tested(installed: Installed, dist: Path) -> None:
    tested = {_name(line.partition("==")[0]) for line in (dist / "constraints.txt").read_text().splitlines()}
    there = {_name(name) for name in installed.python(DISTRIBUTIONS).split()}
    assert there - tested <= {"node-runtime", "pip", "setuptools"}


@pytest.mark.docker
def test_an_operator_makes_a_node_and_its_unit(installed: Installed, docker_engine: DockerHost) -> None:
    password = installed.folder / "password"
    password.touch(mode=0o600)
    password.write_text("a good one\n")
    init = ("init", "node", "--password-file", "password", "--chain", NO_CHAIN)
    told = installed.run(*init, code=4, DOCKER_HOST=docker_engine.url)
    assert "ok  key" in told
    assert "ok  docker" in told
    looked = installed.run("doctor", "--config", "node/node.yaml", code=4, DOCKER_HOST=docker_engine.url)
    assert "no  chain" in looked
    for name in ("work", "store"):  # a service's folders aren't among temporary files, as this test's are
        file = installed.folder / "node" / "node.yaml"
        file.write_text(file.read_text().replace(f"{name}: {name}", f"{name}: /srv/{name}"))
    unit = installed.run("service", "--config", "node/node.yaml")
    assert f"ExecStart={installed.program.resolve().parent / 'node-runtime'} daemon --config " in unit


@pytest.mark.docker
def test_the_main_job_is_done_from_up_to_payment(network: Installed) -> None:
    network.run("new", "training", "my-task")
    network.run("submit", "my-task/task.yaml")
    assert "done" in network.run("wait", "1", "--timeout", "4m")
    network.run("fetch", "1", "my-model")
    assert list((network.folder / "my-model").rglob("model"))
