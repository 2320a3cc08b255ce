"""What does a process that was killed leave to go on without it, and how does that end? Its containers and mounts."""

from contextlib import closing
from pathlib import Path

from node_runtime.containers.engine import DockerEngine
from node_runtime.containers.removal import unmount_below
from node_runtime.containers.settings import EngineSettings
from node_runtime.containers.which_engine import answers


def end_left_over(node: str, work: Path, *, engine: str) -> bool:
    """Remove the containers that the engine knows by ``node``, and unmount what is mounted below ``work``.

    Only for a node or command that has ended and is not to be taken up again. May be repeated. False when the engine
    doesn't answer: then all of it stays, as containers may still write there. Raises `HostError`.
    """
    if not answers(engine):
        return False
    with closing(DockerEngine(EngineSettings(node=node, work=work, docker_host=engine))) as left:  # removes its holders
        for container in left.list():
            left.remove(container.name)
    unmount_below(work)
    return True
