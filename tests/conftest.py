"""How do the tests of one session share this machine? Its processors, bytecode, signals, user's folder and engine."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from node_runtime.containers.dockerd import started_engine, stop_engine
from node_runtime.home import cache_folder, engine_folder

_THERE_BEFORE = pytest.StashKey[bool]()
_HOME = pytest.StashKey[Path]()

settings.load_profile("ci")  # Hypothesis's own: the same examples in every run, however long one takes


def pytest_configure(config: pytest.Config) -> None:
    # else each of some thousand processes that the tests start would compile this package anew
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # commands under test have to hear Ctrl-C
    if not hasattr(config, "workerinput"):  # of the process that the others, if any, report to
        config.stash[_THERE_BEFORE] = started_engine(engine_folder()) is not None
        config.stash[_HOME] = _leave_the_users_own()


def _leave_the_users_own() -> Path:
    """A home for this session, and no setting of the user's: tests write to no folder of theirs, and pay with no key.

    Only what takes long to make is shared: the engine with its images, and the base image.
    """
    folder = Path(tempfile.mkdtemp(prefix="node-runtime-tests-"))
    for shared in (engine_folder(), cache_folder()):
        (folder / shared.name).symlink_to(shared)
    for name in [name for name in os.environ if name.startswith("NODE_RUNTIME_")]:
        del os.environ[name]
    os.environ["NODE_RUNTIME_HOME"] = str(folder)
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Three workers for two processors: tests wait about as long as they compute, for containers and for limits."""
    return max(1, len(os.sched_getaffinity(0)) * 3 // 2)


def pytest_unconfigure(config: pytest.Config) -> None:
    """No Docker Engine is left that the tests started; one that answered before stays as it was. Nor is their home."""
    if not config.stash.get(_THERE_BEFORE, True) and started_engine(engine_folder()) is not None:
        stop_engine(engine_folder())
    if _HOME in config.stash:
        shutil.rmtree(config.stash[_HOME], ignore_errors=True)
