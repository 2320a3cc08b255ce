"""How do containers run? Docker: the engine adapter, and making an engine and a base image where there is none."""

from node_runtime.containers.engine import DockerEngine
from node_runtime.containers.settings import EngineSettings

__all__ = ["DockerEngine", "EngineSettings"]
