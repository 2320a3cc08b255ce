"""Container engines: the adapters of the port `ContainerEngine`."""

from typing import TYPE_CHECKING

from node_runtime.ports.engine import ContainerEngine

if TYPE_CHECKING:
    from node_runtime.engines.docker.settings import EngineSettings

    from .memory import MemorySettings


def open_engine(settings: "EngineSettings | MemorySettings") -> ContainerEngine:
    """Open the engine that ``settings`` name, or the first Docker Engine that answers.

    Raises `HostError` when none does.
    """
    # lazy import: Docker's client is slow to import
    from node_runtime.engines.docker.settings import EngineSettings

    if isinstance(settings, EngineSettings):
        from node_runtime.engines.docker.engine import DockerEngine

        return DockerEngine(settings)
    from .memory import MemoryEngine

    return MemoryEngine(settings)
