"""The shared machine of one test session: processors, bytecode, signals, home folder and engine."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from node_runtime.localnet.provision.dockerd import started_engine, stop_engine
from node_runtime.platform.paths import cache_folder, engine_folder
from tests.podman_unsupported import UNSUPPORTED, WAITING

_THERE_BEFORE = pytest.StashKey[bool]()
_HOME = pytest.StashKey[Path]()
_UNIT = Path(__file__).parent / "unit"

settings.load_profile("ci")  # Hypothesis's own: the same examples in every run, however long one takes


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--engine", choices=("docker", "podman"), default="docker", help="the engine of the contract suite"
    )


def pytest_configure(config: pytest.Config) -> None:
    # else each of some thousand processes that the tests start would compile this package anew
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells start what runs in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)  # commands under test have to hear Ctrl-C
    if not hasattr(config, "workerinput"):  # of the process that the others, if any, report to
        config.stash[_THERE_BEFORE] = started_engine(engine_folder()) is not None
        config.stash[_HOME] = _session_home()


def _session_home() -> Path:
    """Make a home for this session, without the user's settings, folders and keys.

    Shared is only what takes long to make: the engine with its images, and the base image.
    """
    folder = Path(tempfile.mkdtemp(prefix="node-runtime-tests-"))
    for shared in (engine_folder(), cache_folder()):
        (folder / shared.name).symlink_to(shared)
    for name in [name for name in os.environ if name.startswith("NODE_RUNTIME_")]:
        del os.environ[name]
    os.environ["NODE_RUNTIME_HOME"] = str(folder)
    return folder


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_UNIT):
            item.add_marker("unit")
        if config.getoption("engine") == "podman" and (reason := UNSUPPORTED.get(item.nodeid)):
            item.add_marker(pytest.mark.xfail(reason=reason, strict=True, run=item.nodeid not in WAITING))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Return three workers for two processors, since tests also wait for containers; by `logical` one for each."""
    processors = len(os.sched_getaffinity(0))
    return processors if config.getoption("numprocesses") == "logical" else max(1, processors * 3 // 2)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the Docker Engine that the tests started, not one that answered before, and remove their home."""
    if not config.stash.get(_THERE_BEFORE, True) and started_engine(engine_folder()) is not None:
        stop_engine(engine_folder())
    if _HOME in config.stash:
        shutil.rmtree(config.stash[_HOME], ignore_errors=True)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """A file with a password for a key, closed to others."""
    path = tmp_path / "password"
    path.touch(mode=0o600)
    path.write_text("a good one\n")
    return path
