"""Commands of this program that run containers on the engine that `up` started, the local network's nodes apart."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import platformdirs
import psutil

from node_runtime.config import load_config
from node_runtime.errors import NodeRuntimeError
from node_runtime.platform.paths import engine_folder

_PROGRAMS = {"node-runtime", "nrt", "node_runtime"}
_COMMANDS = {"daemon", "run", "work", "validate"}
_CONFIG = ("--config", "-c")


def engine_users(url: str, *, without: Collection[int]) -> Iterator[str]:
    """Yield the commands that may use the engine at ``url``, those with the process ids of ``without`` left out."""
    for process in psutil.process_iter():
        if process.pid in without or process.pid == os.getpid():
            continue
        with suppress(psutil.Error, OSError):  # it has ended, or is another user's
            words = process.cmdline()
            name = _command(words)
            if name is not None and _is_of_engine(process, name, words, url):
                yield f"'node-runtime {name}' (process {process.pid})"


def _command(words: Sequence[str]) -> str | None:
    """Return the command of this program that a command line runs, if it is one that uses an engine."""
    for program, command in pairwise(words[:5]):
        if Path(program).name in _PROGRAMS and command in _COMMANDS:
            return command
    return None


def _is_of_engine(process: psutil.Process, name: str, words: Sequence[str], url: str) -> bool:
    """Whether it finds the engine through the home folder, or names its address."""
    environment = process.environ()
    named = _configured(process.cwd(), words, environment) if name == "daemon" else None
    if named is not None:
        return named == url
    place = environment.get("NODE_RUNTIME_HOME") or platformdirs.user_data_path("node-runtime")
    return os.path.realpath(Path(process.cwd(), place, "engine")) == str(engine_folder())


def _configured(folder: str, words: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return the engine's address in a daemon's node.yaml; None where that leaves it open, or can't be read."""
    file = environment.get("NODE_RUNTIME_CONFIG", "node.yaml")
    for option, value in pairwise(words):
        file = value if option in _CONFIG else file
    file = next((word.removeprefix("--config=") for word in words if word.startswith("--config=")), file)
    with suppress(NodeRuntimeError):
        return load_config(Path(folder, file), environment).docker
    return None
