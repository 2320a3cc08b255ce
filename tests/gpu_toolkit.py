"""A Docker Engine of its own that finds a stand-in for the hook of NVIDIA's container toolkit, on a machine without it.

The stand-in is called as the hook is, knows two GPUs, writes down what it was asked for, and gives nothing.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from node_runtime.engines.docker.gpus import HOOK
from node_runtime.localnet.provision.base_image import ensure_base_image
from node_runtime.localnet.provision.dockerd import start_engine, stop_engine
from node_runtime.platform.paths import cache_folder
from tests.docker_engine import DockerHost

A, B = "GPU-aaaa", "GPU-bbbb"
STAND_IN = """\
#!{python}
import json, sys
from pathlib import Path

bundle = json.load(sys.stdin)["bundle"]
said = dict(one.split("=", 1) for one in json.loads(Path(bundle, "config.json").read_text())["process"]["env"])
gpus = said["NVIDIA_VISIBLE_DEVICES"].split(",")
with Path({asked!r}).open("a") as file:
    file.write(json.dumps([sys.argv[1], gpus, sorted(said["NVIDIA_DRIVER_CAPABILITIES"].split(","))]) + "\\n")
unknown = [gpu for gpu in gpus if gpu not in {known!r}]
sys.exit(f"nvidia-container-cli: device error: {{unknown[0]}}: unknown device" if unknown else 0)
"""


@dataclass(frozen=True, kw_only=True)
class Toolkit:
    """An engine that finds the stand-in ``hook``, which writes down each call in the file ``asked``."""

    host: DockerHost
    hook: Path
    asked: Path

    def calls(self) -> list[object]:
        lines = self.asked.read_text().splitlines() if self.asked.exists() else []
        return list(map(json.loads, lines))


@pytest.fixture(scope="module")
def toolkit(docker_engine: DockerHost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toolkit]:
    del docker_engine  # it has installed what is needed
    folder, asked = tmp_path_factory.mktemp("toolkit"), tmp_path_factory.mktemp("asked") / "calls"
    hook = tmp_path_factory.mktemp("bin") / HOOK
    hook.write_text(STAND_IN.format(python=sys.executable, asked=str(asked), known=[A, B]))
    hook.chmod(0o755)
    with hook_found(hook):
        engine = start_engine(folder, say=print, with_network=False)
    try:
        image = ensure_base_image(engine.url, cache_folder(), say=print)
        host = DockerHost(url=engine.url, base_image=image, build_network=None)
        yield Toolkit(host=host, hook=hook, asked=asked)
    finally:
        stop_engine(folder)


@contextmanager
def hook_found(hook: Path) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", str(hook.parent), prepend=":")
        yield
