"""A container that another client of the engine stops is a host error, never the task's failure."""

from collections.abc import Callable
from contextlib import closing

import docker
import pytest

from node_runtime.engines.docker.client import connect
from node_runtime.errors import FailureCategory, HostError
from node_runtime.ports.engine import ContainerRun
from tests.background import LIMIT, in_background
from tests.contract.engine_world import EngineWorld, has_printed

pytestmark = pytest.mark.docker

WAITS = "trap 'exit {}' TERM; echo ready; while :; do sleep 0.05; done"


@pytest.mark.parametrize(
    ("code", "hand"),
    [
        (5, lambda client, name: client.stop(name)),
        (0, lambda client, name: client.stop(name)),
        (0, lambda client, name: client.kill(name, signal="SIGTERM")),
        (5, lambda client, name: client.kill(name)),
        (5, lambda client, name: client.kill(name, signal="SIGUSR1")),
        (5, lambda client, name: client.remove_container(name, force=True)),
    ],
    ids=["stop", "stop, ends well", "kill -TERM, ends well", "kill", "kill by another signal", "rm -f"],
)
def test_a_container_that_somebody_ends_by_hand_is_the_nodes_trouble(
    engine_world: EngineWorld, code: int, hand: Callable[[docker.APIClient, str], None]
) -> None:
    """Even with exit code 0 after TERM, since its outputs may be incomplete."""
    spec = engine_world.spec(WAITS.format(code))
    run = in_background(lambda: engine_world.run(spec))
    has_printed(spec)
    with closing(connect(engine_world.host.url)) as client:
        hand(client, spec.name)
    with pytest.raises(HostError, match="by somebody on this machine"):
        run.result(LIMIT)
    assert engine_world.engine.list() == ()
    again = engine_world.run(engine_world.spec("true"))
    assert (again.failure, again.adopted) == (None, False)


@pytest.mark.parametrize(
    ("script", "category"),
    [("kill -9 $$", FailureCategory.OUT_OF_MEMORY), ("kill -TERM $$", FailureCategory.TASK_ERROR)],
)
def test_a_program_that_kills_itself_is_the_tasks_fault(
    engine_world: EngineWorld, script: str, category: FailureCategory
) -> None:
    run: ContainerRun = engine_world.run(engine_world.spec(script))
    assert run.failure is category
