"""How do the tests of one session share this machine? Its processors, bytecode, signals and Docker Engine."""

import os
import signal

import pytest

from node_runtime.containers.dockerd import started_engine, stop_engine
from node_runtime.home import engine_folder

_THERE_BEFORE = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    # else each of some thousand processes that the tests start would compile this package anew
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # commands under test have to hear Ctrl-C
    if not hasattr(config, "workerinput"):  # of the process that the others, if any, report to
        config.stash[_THERE_BEFORE] = started_engine(engine_folder()) is not None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three workers for two processors: tests wait about as long as they compute, for containers and for limits."""
    return max(1, len(os.sched_getaffinity(0)) * 3 // 2)


def pytest_unconfigure(config: pytest.Config) -> None:
    """No Docker Engine is left that the tests started; one that answered before stays as it was."""
    if not config.stash.get(_THERE_BEFORE, True) and started_engine(engine_folder()) is not None:
        stop_engine(engine_folder())
