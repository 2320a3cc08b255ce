"""Cleanup removes the sessions of killed commands and keeps those of running ones."""

import fcntl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from node_runtime.contributor.interactive import end_killed_work
from node_runtime.engines.docker.client import connect
from node_runtime.engines.session import ephemeral_session, remove_stale_sessions
from node_runtime.ports.engine import Mount
from tests.background import LIMIT, ended, in_background, wait_until
from tests.contract.engine_world import EngineWorld

pytestmark = pytest.mark.docker

# like `run` and `validate --script`: a session, a quota folder in it, a container that writes there
COMMAND = """
import sys, threading
from node_runtime.engines.session import ephemeral_session
from node_runtime.ports.engine import ContainerSpec, Mount
with ephemeral_session("run", say=print) as session:
    out = session.folder / "out"
    session.engine.open_folder(out, quota=1 << 20)
    spec = ContainerSpec(
        name=f"{session.name}-task", labels=(), image=sys.argv[1], entrypoint=("sh", "-c"),
        arguments=("touch /out/begun; exec sleep 600",), mounts=(Mount(source=out, target="/out", quota=1 << 20),),
        cpus=1, memory=64 << 20, timeout=600, log=session.folder / "log",
    )
    running = threading.Thread(target=session.engine.run, args=(spec,), kwargs={"stop": threading.Event()})
    running.start()
    while not (out / "begun").exists() and running.is_alive():
        running.join(0.05)
    print("ready", session.folder, flush=True)
    running.join()
"""


@pytest.fixture(autouse=True)
def run_folder(engine_world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this test's sessions."""
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(engine_world.folder / "home"))
    monkeypatch.setenv("DOCKER_HOST", engine_world.host.url)
    return engine_world.folder / "home" / "run"


@dataclass(frozen=True, kw_only=True)
class Command:
    """A command that runs a container, which writes into a quota folder of its session."""

    url: str
    session: Path
    process: "subprocess.Popen[str]"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def containers(self) -> list[str]:
        """The task's container and the pause container."""
        with closing(connect(self.url)) as client:
            names = [name for found in client.containers(all=True) for name in found["Names"] or ()]
        return [name for name in names if self.session.name in name]

    def mounts(self) -> list[str]:
        points = (part.mountpoint for part in psutil.disk_partitions(all=True))
        return [point for point in points if point.startswith(f"{self.session}/")]


@pytest.fixture
def command(engine_world: EngineWorld, run_folder: Path) -> Iterator[Command]:
    process = subprocess.Popen([sys.executable, "-c", COMMAND, engine_world.image], stdout=subprocess.PIPE, text=True)
    try:
        with ended(process):
            assert process.stdout is not None
            output = next((line for line in process.stdout if line.startswith("ready ")), "it ended")
            command = Command(url=engine_world.host.url, session=Path(output.split()[1]), process=process)
            assert command.session.parent == run_folder
            yield command
    finally:
        remove_stale_sessions(say=print)


def test_what_a_killed_command_left_is_removed_by_the_next_one(command: Command, run_folder: Path) -> None:
    assert len(command.containers()) == 2
    command.kill()
    with ephemeral_session("validate", say=print) as session:
        assert command.containers() == []
        assert command.mounts() == []
        assert {path.name for path in run_folder.iterdir()} == {session.name, f"{session.name}.lock"}
    assert list(run_folder.iterdir()) == []


def test_a_command_that_lives_keeps_all_it_has(command: Command) -> None:
    before = command.containers(), command.mounts()
    assert remove_stale_sessions(say=print) == 0
    assert (command.containers(), command.mounts()) == before
    assert (command.session / "out" / "begun").exists()


def test_what_a_killed_command_left_on_an_engine_that_is_away_waits_for_it(command: Command, run_folder: Path) -> None:
    command.kill()
    lock = run_folder / f"{command.session.name}.lock"
    lock.write_text(f"unix://{run_folder}/nowhere.sock")
    assert remove_stale_sessions(say=print) == 0
    assert len(command.containers()) == 2
    lock.write_text(command.url)
    assert remove_stale_sessions(say=print) == 1
    assert command.containers() == []


def test_a_command_killed_before_it_had_an_engine_leaves_nothing(run_folder: Path) -> None:
    run_folder.mkdir(parents=True)
    (run_folder / "run-1f.lock").touch()
    assert remove_stale_sessions(say=print) == 1
    assert list(run_folder.iterdir()) == []


def test_the_next_one_who_works_ends_the_containers_of_work_that_was_killed_and_leaves_its_files(
    engine_world: EngineWorld, run_folder: Path
) -> None:
    place = run_folder.parent / "work" / engine_world.node
    out = place / "attempts" / "out"
    engine_world.folders.append(out)
    engine_world.engine.open_folder(out, quota=1 << 20)
    script = "touch /out/begun; exec sleep 200"
    spec = engine_world.spec(script, mounts=(Mount(source=out, target="/out", quota=1 << 20),))
    running = in_background(lambda: engine_world.run(spec))
    wait_until((out / "begun").exists, "the program to begin")
    wait_until(lambda: all(one.running for one in engine_world.engine.list()), "the engine to say so too")
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        end_killed_work(place.parent, say=print)
        assert [one.running for one in engine_world.engine.list()] == [True]
    end_killed_work(place.parent, say=print)
    assert engine_world.engine.list() == ()
    assert (out / "begun").exists()
    running.exception(LIMIT)
