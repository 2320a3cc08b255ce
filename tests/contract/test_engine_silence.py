"""No call waits forever for a lost response of the engine; a relay drops responses, as networks do."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from requests import Response
from requests.exceptions import RequestException

from node_runtime.engines.docker.client import await_removal
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.engines.docker.pause_container import pause_tar
from node_runtime.engines.docker.pull import import_image
from node_runtime.engines.docker.settings import EngineTimes
from node_runtime.errors import EngineUnavailable
from tests.background import LIMIT, in_background, wait_until
from tests.contract.engine_images import STEP, source
from tests.contract.engine_world import EngineWorld
from tests.contract.forgetful_engine import ForgetfulEngine, forgetful_engine

pytestmark = pytest.mark.docker

SOON = 1  # seconds: timeout of the request whose response is lost
MORE_THAN_THE_HEAD = "head -c 600000 /dev/zero"


def forgot_one(relay: ForgetfulEngine) -> None:
    """Wait for the relay, which may receive a request after its sender's timeout."""
    wait_until(lambda: relay.forgotten == 1, "the relay to forget an answer")


USUAL = EngineTimes()


@contextmanager
def behind_relay(
    world: EngineWorld, path: bytes, times: EngineTimes = USUAL
) -> Iterator[tuple[EngineWorld, ForgetfulEngine]]:
    """The node's engine behind a relay that drops the first response to a matching request."""
    with (
        TemporaryDirectory(dir="/tmp") as folder,  # socket paths must be short
        forgetful_engine(world.host.url, Path(folder), path=path) as (url, relay),
    ):
        settings = world.host.settings(node=world.node, work=world.folder / "node", build=True)
        yield replace(world, engine=DockerEngine(replace(settings, docker_host=url, times=times))), relay


def test_the_end_of_a_run_is_heard_of_although_the_connection_that_waits_for_it_was_forgotten(
    engine_world: EngineWorld,
) -> None:
    with behind_relay(engine_world, b"/wait", EngineTimes(end_request=1)) as (world, relay):
        run = in_background(lambda: world.run(world.spec("echo done; exit 3")))
        assert run.result(LIMIT).exit_code == 3
        forgot_one(relay)


@pytest.mark.parametrize("path", ["/attach", "/logs"])
def test_an_engine_that_falls_silent_about_what_a_container_prints_is_told_not_to_answer(
    engine_world: EngineWorld, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with behind_relay(engine_world, path.encode()) as (world, relay):
        client = world.engine._client
        plain = client.request

        def request(method: str, url: str, **given: Any) -> Response:
            return plain(method, url, **(given | {"timeout": SOON} if path in url else given))

        monkeypatch.setattr(client, "request", request)
        run = in_background(lambda: world.run(world.spec(MORE_THAN_THE_HEAD)))
        with pytest.raises(EngineUnavailable, match="timed out"):
            run.result(LIMIT)
        forgot_one(relay)


def test_an_engine_that_falls_silent_about_a_build_is_told_not_to_answer(
    engine_world: EngineWorld,
) -> None:
    with behind_relay(engine_world, b"/build", EngineTimes(first_output=1)) as (world, relay):
        what = source(world, f"FROM {world.host.base_image}\n{STEP}")
        image = in_background(lambda: world.engine.image(what, log=print).id)
        with pytest.raises(EngineUnavailable, match="timed out"):
            image.result(LIMIT)
        forgot_one(relay)


def test_a_removal_by_somebody_else_whose_end_is_not_heard_of_is_told(engine_world: EngineWorld) -> None:
    """Calls the removal wait directly, since a relay can't provoke two concurrent removals."""
    engine_world.run(spec := engine_world.spec("true"))
    with behind_relay(engine_world, b"condition=removed") as (world, relay):
        world.engine._client.timeout = SOON
        waiting = in_background(lambda: await_removal(world.engine._client, spec.name))
        with pytest.raises(RequestException, match="timed out"):
            waiting.result(LIMIT)
        forgot_one(relay)


def test_an_engine_that_falls_silent_about_an_import_is_told(engine_world: EngineWorld) -> None:
    name = f"node-runtime/{engine_world.node}:1"
    engine_world.tags.append(name)
    with behind_relay(engine_world, b"/images/create") as (world, relay):
        client = world.engine._client
        client.timeout = SOON
        importing = in_background(lambda: import_image(client, pause_tar(platform.machine()), name))
        with pytest.raises(RequestException, match="timed out"):
            importing.result(LIMIT)
        forgot_one(relay)


def test_who_closes_does_not_wait_long_for_an_engine_that_fell_silent(
    engine_world: EngineWorld,
) -> None:
    with behind_relay(engine_world, b"/containers/json", EngineTimes(close=1)) as (world, relay):
        world.engine._client.timeout = 100 * LIMIT
        closing = in_background(world.engine.close)
        with pytest.raises(EngineUnavailable, match="timed out"):
            closing.result(LIMIT)
        forgot_one(relay)
