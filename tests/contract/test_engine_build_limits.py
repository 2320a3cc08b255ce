"""Limits on an untrusted Dockerfile's RUN steps: resources, network, information and leftovers."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import docker
import pytest
from docker.errors import ImageNotFound, NotFound

from node_runtime.engines.docker.client import connect, image_id
from node_runtime.engines.docker.dockerfile import LEFT_LABEL
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.engines.docker.image_removal import remove_unfinished
from node_runtime.engines.docker.pull import Puller, import_image
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.ports.engine import ImageSource
from tests.background import LIMIT, in_background, wait_until
from tests.contract.engine_images import STEP, built, source
from tests.contract.engine_world import EngineWorld

pytestmark = pytest.mark.docker


def engine_with(world: EngineWorld, **settings: Any) -> DockerEngine:
    return DockerEngine(
        replace(world.host.settings(node=world.node, work=world.folder / "node", build=True), **settings)
    )


def on_base(world: EngineWorld, *lines: str, **files: str) -> ImageSource:
    return source(world, "\n".join((f"FROM {world.host.base_image}", *lines, "")), **files)


@contextmanager
def server() -> Iterator[tuple[str, list[str]]]:
    """Serve on this machine's loopback; yield the address and the requested paths."""
    asked: list[str] = []

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Authorization', '')}".strip())
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="the operator\'s own"')
            self.end_headers()
            self.wfile.write(b"the operator's own")

        def log_message(self, format: str, *args: object) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{running.server_port}/", asked
        finally:
            running.shutdown()


@pytest.mark.parametrize(
    "lines",
    [
        ("ADD {url} /taken",),
        ("ARG WHERE={url}", "ADD $WHERE /taken"),
        ("ENV WHERE={url}", "ADD ${{WHERE}} /taken"),
        ("ARG BEGIN=ht", "ADD ${{BEGIN}}tp:{rest} /taken"),
    ],
)
def test_no_dockerfile_has_the_engine_read_the_operators_loopback(
    engine_world: EngineWorld, lines: tuple[str, ...]
) -> None:
    with server() as (url, asked):
        what = on_base(engine_world, *(line.format(url=url, rest=url.partition(":")[2]) for line in lines))
        with pytest.raises(TaskFailed, match="ADD of an address") as caught:
            built(engine_world, what)
    assert caught.value.category is FailureCategory.BUILD_FAILED
    assert asked == []


def test_no_trigger_of_an_image_has_the_engine_read_the_operators_loopback(engine_world: EngineWorld) -> None:
    name = f"node-runtime/trap:{engine_world.node}"
    engine_world.tags.append(name)
    with server() as (url, asked), closing(connect(engine_world.host.url)) as client:
        import_image(client, bytes(1024), name, changes=[f"ONBUILD ADD {url} /taken"])
        with pytest.raises(TaskFailed, match="ONBUILD") as caught:
            built(engine_world, source(engine_world, f"FROM {name}\n"))
    # an engine that hides ONBUILD builds on no stranger's image
    assert caught.value.category in (FailureCategory.BUILD_FAILED, FailureCategory.IMAGE_REFUSED)
    assert asked == []


@pytest.mark.parametrize("logged_in", [False, True])
def test_only_a_name_of_the_operators_own_is_pulled_with_the_operators_login(
    engine_world: EngineWorld, monkeypatch: pytest.MonkeyPatch, *, logged_in: bool
) -> None:
    with server() as (url, asked):
        registry = url.removeprefix("http://").strip("/")
        login = base64.b64encode(b"operator:secret").decode()
        (engine_world.folder / "config.json").write_text(json.dumps({"auths": {registry: {"auth": login}}}))
        monkeypatch.setenv("DOCKER_CONFIG", str(engine_world.folder))
        name = f"{registry}/private:1"
        if logged_in:
            what, engine = source(engine_world, f"FROM {name}\n"), engine_with(engine_world, base_image=name)
            with pytest.raises(HostError, match="base image"):
                engine.image(what, log=print)
        else:
            with closing(connect(engine_world.host.url)) as client:
                folder, floor = engine_world.folder, 0
                puller = Puller(client, url=engine_world.host.url, storage=folder, silence=60, answer=5, floor=floor)
                assert puller.pulled(name, print, threading.Event(), logged_in=False) is None
    assert asked
    assert any(login in one for one in asked) is logged_in


def test_a_step_starts_no_more_processes_than_a_build_may_have(engine_world: EngineWorld) -> None:
    engine = engine_with(engine_world, build_pids=32)
    assert engine.confinement().build_obstacle == ""
    crowd = "for one in $(seq 100); do sleep 60 & done; echo all started"
    log: list[str] = []
    with pytest.raises(TaskFailed) as caught:
        engine.image(on_base(engine_world, f"RUN {crowd}; false"), log=log.append)
    assert caught.value.category is FailureCategory.BUILD_FAILED
    assert not any(line == "all started" for line in log)
    assert any("fork" in line for line in log)


def test_a_parent_cgroup_that_the_operator_names_is_that_of_the_steps(engine_world: EngineWorld) -> None:
    name = f"/node-runtime-test-{engine_world.node}"
    engine = engine_with(engine_world, build_cgroup=name)
    assert engine.confinement().build_obstacle == ""
    running = f"echo {engine_world.node}; sleep 300"
    stop = threading.Event()
    asked = in_background(lambda: engine.image(on_base(engine_world, f"RUN {running}"), log=print, stop=stop))
    try:
        with closing(connect(engine_world.host.url)) as client:

            def parents() -> list[str]:
                ids = [one["Id"] for one in client.containers() if running in one["Command"]]
                return [client.inspect_container(one)["HostConfig"]["CgroupParent"] for one in ids]

            wait_until(lambda: parents() == [name], "the step to run in its parent")
    finally:
        stop.set()
    assert isinstance(asked.exception(LIMIT), TaskFailed)
    wait_until(lambda: _removed_cgroup(name), "the engine to let go of the test's cgroup")


def _removed_cgroup(name: str) -> bool:
    left = [one for one in (*Path("/sys/fs/cgroup").glob("*/"), Path("/sys/fs/cgroup")) if (one / name[1:]).is_dir()]
    for folder in left:
        with suppress(OSError):
            (folder / name[1:]).rmdir()
    return not left


def test_a_step_has_a_quota_of_processors(engine_world: EngineWorld) -> None:
    quota = "cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/cpu.max 2>/dev/null || true"
    log: list[str] = []
    engine_with(engine_world, build_cpus=0.5).image(
        on_base(engine_world, f"RUN echo {engine_world.node} && {quota}"), log=log.append
    )
    assert any(line.split()[0] == "50000" for line in log), log


def test_a_step_knows_what_the_nodes_configuration_names_and_no_setting_of_its_environment(
    engine_world: EngineWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://index.example/a-token/simple")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    log: list[str] = []
    engine = engine_with(engine_world, build_arguments=(("PIP_TIMEOUT", "77"),))
    engine.image(on_base(engine_world, f"RUN echo {engine_world.node} && env"), log=log.append)
    assert "PIP_TIMEOUT=77" in log
    assert not any("a-token" in line or "proxy.example" in line for line in log)


class OwnBuilds:
    """A client that lists the given images alone, and their containers: other tests build on the same engine."""

    def __init__(self, client: docker.APIClient, images: list[str]) -> None:
        self._client, self._images = client, images

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def images(self, **wanted: Any) -> list[dict[str, Any]]:
        return [one for one in self._client.images(**wanted) if one["Id"] in self._images]

    def containers(self, **wanted: Any) -> list[dict[str, Any]]:
        return [one for one in self._client.containers(**wanted) if one["ImageID"] in self._images]


def test_what_a_failed_build_leaves_is_removed_once_no_build_can_be_at_it(engine_world: EngineWorld) -> None:
    mark = f"echo {engine_world.node}"
    with pytest.raises(TaskFailed):
        built(engine_world, on_base(engine_world, f"RUN {mark} > /left", "RUN false"))
    image, _ = built(engine_world, on_base(engine_world, f"RUN {mark} > /built"))
    engine_world.run(engine_world.spec("true", image=image))
    with closing(connect(engine_world.host.url)) as client:

        def left() -> list[str]:
            steps = client.images(all=True, filters={"label": LEFT_LABEL, "dangling": True})
            return [one["Id"] for one in steps if any(mark in made for made in history(client, one["Id"]))]

        own = cast(docker.APIClient, OwnBuilds(client, left()))
        # like the leftover of a build whose engine was killed
        killed = client.create_container(left()[0], "true")["Id"]
        engine_world.engine.prune()
        assert left()  # a build may still use it
        remove_unfinished(own, older=-3600.0)
        assert left() == []
        with pytest.raises(NotFound):
            client.inspect_container(killed)
    assert [one.name for one in engine_world.engine.list()] == [engine_world.spec("").name]  # the task's stays


def history(client: docker.APIClient, image: str) -> list[str]:
    """The commands that made an image; none when another test has removed it since it was listed."""
    try:
        made = client.history(image)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return []
    return [str(step["CreatedBy"]) for step in made]


def test_a_folder_is_built_anew_when_what_its_from_names_is_another_image(engine_world: EngineWorld) -> None:
    name = f"node-runtime/moving:{engine_world.node}"
    repository, tag = name.split(":")
    engine_world.tags.append(name)
    what = source(engine_world, f"ARG NAME={name}\nFROM $NAME\n{STEP}")
    with closing(connect(engine_world.host.url)) as client:
        client.tag(engine_world.image, repository, tag)
        first = engine_world.engine.image(what, log=print)
        assert engine_world.engine.image(what, log=print) == first
        assert first.built_on == (engine_world.image,)
        other, _ = built(engine_world, on_base(engine_world, f"RUN echo {engine_world.node} > /other"))
        client.tag(other, repository, tag, force=True)
        second = engine_world.engine.image(what, log=print)
        assert image_id(client, name) == other
    assert second.built_on == (other,)
    assert second.id != first.id


def test_a_program_over_several_lines_is_built_as_it_was_written(engine_world: EngineWorld) -> None:
    image, _ = built(
        engine_world,
        source(
            engine_world,
            'ARG PYTHON_VERSION=3.11\nFROM python:${PYTHON_VERSION}-slim\nRUN python -c "import sys; \\\n'
            "from pathlib import Path; \\\nPath('/made').write_text('42')\"\n",
        ),
    )
    run = engine_world.run(engine_world.spec("test $(cat /made) = 42", image=image))
    assert run.failure is None
