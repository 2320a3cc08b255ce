"""Provisioning of an engine and a base image, and the removal of all started processes."""

import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from node_runtime.domain.assets import Digest
from node_runtime.engines.docker.build_environment import build_settings
from node_runtime.engines.docker.client import connect
from node_runtime.engines.docker.discovery import answers
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.engines.docker.settings import EngineSettings
from node_runtime.errors import EngineUnavailable, HostError
from node_runtime.localnet.provision.base_image import ensure_base_image
from node_runtime.localnet.provision.dockerd import (
    StartedEngine,
    ensure_engine,
    start_engine,
    started_engine,
    stop_engine,
)
from node_runtime.platform.paths import cache_folder
from node_runtime.ports.engine import ContainerSpec, ImageSource, Mount
from tests.background import LIMIT, in_background, wait_until
from tests.docker_engine import DockerHost

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.fixture(scope="module")
def own_engine(
    docker_engine: DockerHost, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, StartedEngine]]:
    """Start a second engine in a separate folder, beside the machine's own engine."""
    folder = tmp_path_factory.mktemp("engine")
    before = addresses()
    engine = start_engine(folder, say=print, with_network=False)
    assert bridges(engine.url) <= before.keys()
    yield folder, engine
    stop_engine(folder)
    assert answers(docker_engine.url)
    assert before.items() <= addresses().items()


def bridges(url: str) -> set[str]:
    """Return the devices of this machine that the engine's bridge networks use."""
    with closing(connect(url)) as client:
        networks = [one for one in client.networks() if one["Driver"] == "bridge"]
    return {str(one["Options"]["com.docker.network.bridge.name"]) for one in networks}


def addresses() -> dict[str, set[str]]:
    """Return the addresses of this machine's network devices; other tests' engines may add some meanwhile."""
    devices = psutil.net_if_addrs().items()
    found = {name: {one.address for one in all_of if one.family == socket.AF_INET} for name, all_of in devices}
    return {name: addresses for name, addresses in found.items() if addresses}


def test_an_engine_is_started_once_and_found_again(own_engine: tuple[Path, StartedEngine]) -> None:
    folder, engine = own_engine
    assert answers(engine.url)
    assert start_engine(folder, say=print) == engine
    assert ensure_engine(folder, say=print).url == engine.url
    assert psutil.Process(engine.pid).name() == "dockerd"


def test_the_base_image_is_made_once(own_engine: tuple[Path, StartedEngine]) -> None:
    _, engine = own_engine
    name = ensure_base_image(engine.url, cache_folder(), say=print)
    messages: list[str] = []
    assert ensure_base_image(engine.url, cache_folder(), say=messages.append) == name
    assert messages == []
    client = connect(engine.url)
    client.remove_image(name)
    assert ensure_base_image(engine.url, cache_folder(), say=messages.append) == name
    assert client.images(name)
    client.close()
    assert not any("about a minute" in line for line in messages)


def test_images_are_built_and_run_on_an_engine_without_a_bridge(
    own_engine: tuple[Path, StartedEngine], tmp_path: Path
) -> None:
    """RUN steps have a network; the container has none."""
    _, started = own_engine
    base_image = ensure_base_image(started.url, cache_folder(), say=print)
    source = tmp_path / "algo"
    source.mkdir()
    (source / "Dockerfile").write_text("FROM python:3.11-slim\nRUN pip install iniconfig==2.1.0\n")
    digest = Digest(hashlib.sha256(os.fsencode(source)).hexdigest())
    engine = DockerEngine(
        EngineSettings(
            node="own",
            work=tmp_path / "work",
            docker_host=started.url,
            base_image=base_image,
            build=True,
            build_network=started.build_network,
            build_arguments=build_settings(),
        )
    )
    image = engine.image(ImageSource(folder=source, digest=digest), log=print).id
    spec = ContainerSpec(
        name="own-run",
        labels=(),
        image=image,
        entrypoint=("python", "-c"),
        arguments=("import iniconfig, os; print(os.listdir('/sys/class/net'))",),
        cpus=1,
        memory=64 << 20,
        timeout=300,
        log=tmp_path / "run.log",
    )
    assert engine.run(spec, stop=threading.Event()).failure is None
    assert spec.log.read_text() == "['lo']\n"
    engine.remove(spec.name)
    engine.close()


def test_an_engine_outlives_who_started_it_and_is_ended_with_its_containers(
    docker_engine: DockerHost, tmp_path: Path
) -> None:
    script = "import sys; from pathlib import Path; from node_runtime.localnet.provision.dockerd import start_engine;"
    script += "start_engine(Path(sys.argv[1]), say=print, with_network=False)"
    before = addresses()
    subprocess.run([sys.executable, "-c", script, tmp_path], check=True, capture_output=True, timeout=LIMIT)
    engine = started_engine(tmp_path)
    assert engine is not None
    assert answers(engine.url)
    assert bridges(engine.url) <= before.keys()
    children = psutil.Process(engine.pid).children(recursive=True)
    stop_engine(tmp_path)
    assert not answers(engine.url)
    assert not engine.runs()
    assert not psutil.wait_procs(children, timeout=LIMIT)[1]
    assert not Path(engine.url.removeprefix("unix://")).parent.exists()
    assert answers(docker_engine.url)
    assert before.items() <= addresses().items()


@pytest.mark.usefixtures("docker_engine")
@pytest.mark.parametrize("after", ["_spawn", "_comes_up"])
def test_who_is_interrupted_while_an_engine_starts_leaves_none(tmp_path: Path, after: str) -> None:
    script = f"""
import signal, sys
from pathlib import Path
from node_runtime.localnet.provision import dockerd
step = dockerd.{after}
def interrupted(*words):
    made = step(*words)
    signal.raise_signal(signal.SIGINT)
    return made
dockerd.{after} = interrupted
dockerd.start_engine(Path(sys.argv[1]), say=print, with_network=False)
"""
    command = [sys.executable, "-c", script, str(tmp_path)]
    try:
        output = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        assert "KeyboardInterrupt" in output.stderr
        assert started_engine(tmp_path) is None
        data = f"--data-root={tmp_path}/data"
        assert not [one for one in psutil.process_iter(["cmdline"]) if data in command_of(one)]
    finally:
        stop_engine(tmp_path)


def command_of(process: psutil.Process) -> list[str]:
    return process.info["cmdline"] or []


def ended(engine: StartedEngine, number: signal.Signals) -> None:
    """Send the signal and wait for the end of the process."""
    process = psutil.Process(engine.pid)  # read before the signal: it is removed afterwards
    process.send_signal(number)
    assert not psutil.wait_procs([process], timeout=LIMIT)[1]


@pytest.mark.usefixtures("docker_engine")
def test_an_engine_that_was_killed_is_started_again_with_its_images_and_ended_whole(tmp_path: Path) -> None:
    engine = start_engine(tmp_path, say=print, with_network=False)
    run = str(Path(engine.url.removeprefix("unix://")).parent)
    try:
        name = ensure_base_image(engine.url, cache_folder(), say=print)
        ended(engine, signal.SIGKILL)
        again = start_engine(tmp_path, say=print, with_network=False)
        client = connect(again.url)
        assert client.images(name)
        client.close()
        os.kill(again.pid, signal.SIGKILL)
    finally:
        stop_engine(tmp_path)
    assert not [process for process in psutil.process_iter(["cmdline"]) if run in " ".join(command_of(process))]
    assert not [
        mount for mount in psutil.disk_partitions(all=True) if mount.mountpoint.startswith((run, str(tmp_path)))
    ]


def test_a_run_that_ends_in_its_own_way_when_its_engine_ends_is_repeated_when_that_is_back(
    docker_engine: DockerHost, tmp_path: Path
) -> None:
    folder = tmp_path / "engine"
    started = start_engine(folder, say=print, with_network=False)
    try:
        name = ensure_base_image(started.url, cache_folder(), say=print)
        host = replace(docker_engine, url=started.url, base_image=name)
        with host.engine(node="restarts", work=tmp_path / "node") as engine:
            once = tmp_path / "once"
            engine.open_folder(once, quota=1 << 20)
            spec = ContainerSpec(
                name="restarts-run",
                labels=(),
                image=host.image_id(),
                entrypoint=("sh", "-c"),
                arguments=("test -e /once/begun && exit; trap 'exit 1' TERM; touch /once/begun; sleep 600 & wait",),
                mounts=(Mount(source=once, target="/once", quota=1 << 20),),
                cpus=1,
                memory=64 << 20,
                timeout=300,
                log=tmp_path / "run.log",
            )
            running = in_background(lambda: engine.run(spec, stop=threading.Event()))
            wait_until((once / "begun").exists, "the run to begin")
            ended(started, signal.SIGTERM)
            with pytest.raises(EngineUnavailable):
                running.result(LIMIT)
            assert start_engine(folder, say=print, with_network=False).url == started.url
            with pytest.raises(HostError, match="as when the engine restarts"):
                engine.run(spec, stop=threading.Event())
            again = engine.run(spec, stop=threading.Event())
            assert (again.failure, again.adopted) == (None, False)
            engine.close_folder(once)
    finally:
        stop_engine(folder)


def test_without_root_nothing_is_started_and_the_remedy_is_said(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from node_runtime.localnet.provision.dockerd import start_engine;"
    )
    script += "os.geteuid() or os.setuid(65534);"
    script += "start_engine(Path(sys.argv[1]), say=print)"
    ended = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "engine"], capture_output=True, text=True, timeout=LIMIT, check=False
    )
    assert ended.returncode == 1
    assert "needs root" in ended.stderr
    assert "install and start Docker" in ended.stderr
    assert not (tmp_path / "engine").exists()
