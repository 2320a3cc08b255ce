"""What do the tests leave behind? No Docker Engine that they started; one that answered before stays as it was."""

import pytest
from hypothesis import HealthCheck, settings

from node_runtime.containers.dockerd import started_engine, stop_engine
from node_runtime.home import engine_folder

# how long an example takes says something about the machine, not about the program
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

_THERE_BEFORE = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # of the process that the others, if any, report to
        config.stash[_THERE_BEFORE] = started_engine(engine_folder()) is not None


def pytest_unconfigure(config: pytest.Config) -> None:
    if not config.stash.get(_THERE_BEFORE, True) and started_engine(engine_folder()) is not None:
        stop_engine(engine_folder())
