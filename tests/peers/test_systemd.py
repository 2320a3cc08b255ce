"""The unit of `service` under a real systemd: valid, confined, ready with its node, started again, stopped in time."""

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import platformdirs
import pytest
import yaml

from node_runtime.domain.assets import Account
from node_runtime.domain.task import UNIT, SubmissionState
from tests.background import wait_until
from tests.docker_engine import DockerHost
from tests.docker_engine import docker_engine as docker_engine
from tests.e2e.conftest import world as world
from tests.e2e.daemon_world import World
from tests.e2e.test_daemon_s3 import URI, Storage
from tests.peers.systemd import OPERATOR_UID, SOCKET, Machine, machine

pytestmark = [pytest.mark.peers, pytest.mark.docker, pytest.mark.slow]

PLACE = "/etc/systemd/system/node-runtime.service"
EXPOSURE = {"node-operator": 16, "root": 50}  # tenths: 10 is the least that systemd tells of a service on the network


@dataclass(frozen=True, kw_only=True)
class Service:
    """A node on the machine, with its unit installed."""

    machine: Machine
    config: Path
    account: Account

    def state(self) -> str:
        return self.machine.shown("node-runtime", "ActiveState")["ActiveState"]

    def status(self) -> str:
        return self.machine.shown("node-runtime", "StatusText")["StatusText"]

    def restarts(self) -> int:
        return int(self.machine.shown("node-runtime", "NRestarts")["NRestarts"])

    def takes_tasks(self) -> bool:
        return self.state() == "active" and self.status() == "takes tasks within its policy"

    def came_back(self, times: int) -> bool:
        return self.restarts() >= times and self.takes_tasks()


@pytest.fixture(scope="module")
def shared() -> Iterator[Path]:
    """A folder that engine, tests and machine have under one path; none for temporary files, of which a service has its
    own.
    """
    folder = platformdirs.user_cache_path("node-runtime") / f"systemd {secrets.token_hex(4)}"
    folder.mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def booted(docker_engine: DockerHost, shared: Path) -> Iterator[Machine]:
    with machine(docker_engine, shared) as booted:
        group = str(_socket_status(docker_engine).st_gid)
        booted.run("groupadd", "--non-unique", "--gid", group, "engine")  # the image may have a group of this number
        yield booted


def _socket_status(engine: DockerHost) -> os.stat_result:
    return Path(engine.url.removeprefix("unix://")).stat()


@pytest.fixture
def storage(world: World, tmp_path: Path) -> Iterator[Storage]:
    (tmp_path / "s3").mkdir()
    storage = Storage(tmp_path / "s3", world.chain.account)
    storage.start()
    yield storage
    storage.stop()


@pytest.fixture(params=["node-operator", "root"])
def user(request: pytest.FixtureRequest, docker_engine: DockerHost) -> str:
    socket = _socket_status(docker_engine)
    if request.param != "root" and not socket.st_gid and not socket.st_mode & stat.S_IWOTH:
        pytest.skip("the engine's socket is root's alone")
    return str(request.param)


@pytest.fixture
def service(
    booted: Machine, shared: Path, world: World, storage: Storage, user: str, docker_engine: DockerHost
) -> Iterator[Service]:
    """A node of this user, made by `init`, that takes the world's tasks; its service isn't started."""
    folder = shared / f"a node {secrets.token_hex(2)}"
    folder.mkdir()
    (folder / "password").touch(mode=0o600)  # root's: the unit hands it over
    (folder / "password").write_text("a good one")
    (folder / "for-init").touch(mode=0o600)
    (folder / "for-init").write_text("a good one")
    _give(folder, user, keep=folder / "password")
    init = ("node-runtime", "init", str(folder), "--no-check", "--password-file", str(folder / "for-init"))
    booted.run(*init, user=user)
    config = folder / "node.yaml"
    account = Account(yaml.safe_load((folder / "key.json").read_text())["address"])
    world.chain.pay(account, 20 * UNIT)
    storage.accounts = (*storage.accounts, account)
    storage.provide()
    world.store = storage.store(world.chain.account)
    shutil.copyfile(storage.file(account), folder / "access.yaml")
    given = yaml.safe_load(config.read_text()) | {
        "chain": world.devnet.url,
        "storage": URI,
        "storage_access": "access.yaml",
        "password_file": "password",
        "docker": f"unix://{SOCKET}",
        "base_image": docker_engine.base_image,
        "building": "allow",
        "disk_floor": "1GiB",
        "build_arguments": dict(docker_engine.settings(node="n", work=folder).build_arguments),
        "policy": {"kinds": "any", "creators": "any", "algos": "any", "datasets": "any"},
    }
    config.write_text(yaml.safe_dump(given))
    _give(folder, user, keep=folder / "password")
    booted.write(PLACE, booted.run("node-runtime", "service", "--config", str(config)))
    booted.run("systemctl", "daemon-reload")
    yield Service(machine=booted, config=config, account=account)
    booted.run("systemctl", "stop", "node-runtime")


def _give(folder: Path, user: str, *, keep: Path) -> None:
    if user == "node-operator":
        for path in (folder, *folder.rglob("*")):
            if path != keep:
                shutil.chown(path, OPERATOR_UID, OPERATOR_UID)


def test_systemd_finds_no_fault_in_the_unit_and_its_exposure_is_low(service: Service, user: str) -> None:
    assert service.machine.run("systemd-analyze", "verify", PLACE) == ""
    exposure = ("systemd-analyze", "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE[user]}", PLACE)
    service.machine.run(*exposure)


def test_a_service_is_ready_when_its_node_is_and_does_a_task_within_its_bounds(service: Service, world: World) -> None:
    service.machine.run("systemctl", "start", "node-runtime")  # waits until it is ready
    assert service.takes_tasks()
    task = world.train()
    assert world.submission(task).state is SubmissionState.ACCEPTED
    assert world.model_of(task) == "trained\n"
    service.machine.run("systemctl", "stop", "node-runtime")
    ended = service.machine.shown("node-runtime", "Result", "ExecMainStatus", "ActiveState")
    assert ended == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}


def test_a_daemon_that_is_killed_or_hangs_is_started_again(service: Service) -> None:
    service.machine.run("systemctl", "start", "node-runtime")
    service.machine.run("systemctl", "kill", "--signal=KILL", "--kill-whom=main", "node-runtime")
    wait_until(lambda: service.came_back(1), "the daemon to be back")
    service.machine.run("mkdir", "-p", "/etc/systemd/system/node-runtime.service.d")
    service.machine.write("/etc/systemd/system/node-runtime.service.d/watchdog.conf", "[Service]\nWatchdogSec=20s\n")
    service.machine.run("systemctl", "daemon-reload")
    service.machine.run("systemctl", "restart", "node-runtime")
    service.machine.run("systemctl", "kill", "--signal=STOP", "--kill-whom=main", "node-runtime")
    wait_until(lambda: service.came_back(1), "the daemon that hung to be back")
    assert "watchdog" in service.machine.journal().lower()
    service.machine.run("rm", "-r", "/etc/systemd/system/node-runtime.service.d")
    service.machine.run("systemctl", "daemon-reload")


def test_without_its_chain_a_service_is_started_and_says_that_it_waits(service: Service, world: World) -> None:
    def start_and_stop() -> None:
        service.machine.run("systemctl", "start", "node-runtime")
        assert (service.state(), service.status()) == ("active", "waits for the chain; the log says why")

    world.restart_chain(start_and_stop)
    wait_until(service.takes_tasks, "the daemon to go on")


def test_a_wrong_configuration_is_told_once_and_not_tried_again(service: Service) -> None:
    service.config.write_text(service.config.read_text().replace("slots: 1", "slots: none"))
    service.machine.run("systemctl", "start", "node-runtime", fails=True)
    assert service.state() == "failed"
    assert service.restarts() == 0
    assert "slots" in service.machine.journal()
    service.machine.run("systemctl", "reset-failed", "node-runtime")
