"""Build of the images of this repository, without an image registry where none answers.

    build.py                 what compose.yaml runs: node, storage, prometheus, on the base image
    build.py NAME…           only these; `tensorflow` is for algos, `compose` is docker compose itself

An image is built again only after a change of what goes into it. The last lines are the images' names.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from docker.utils.build import exclude_paths

from node_runtime import __version__
from node_runtime.engines.docker.build_environment import build_settings
from node_runtime.engines.docker.client import connect, engine_trouble, image_id, inspect_image
from node_runtime.errors import HostError, NodeRuntimeError
from node_runtime.localnet.provision.base_image import ensure_base_image
from node_runtime.localnet.provision.dockerd import Engine, ensure_engine
from node_runtime.platform.paths import cache_folder, engine_folder
from node_runtime.platform.printable import Say, print_line

CHECKOUT = Path(__file__).resolve().parents[1]
SOURCES = "node-runtime.sources"
"""The label with the digest of what an image was built from."""

_GO = ("GOPROXY", "GOSUMDB")  # of this user's environment, for builds that fetch Go modules
_SILENCE = 1800  # seconds without output after which a build is given up: a link of Go prints nothing


@dataclass(frozen=True, kw_only=True)
class Image:
    """An image's name, the folder that it is built in, and its Dockerfile, relative to the checkout."""

    name: str
    folder: str
    dockerfile: str
    arguments: Mapping[str, str] = field(default_factory=dict)


IMAGES = {
    "node": Image(
        name=f"node-runtime/node:{__version__}",
        folder=".",
        dockerfile="images/node/Dockerfile",
        arguments={"VERSION": __version__},
    ),
    "storage": Image(
        name="node-runtime/storage:1.8.0", folder="images/storage", dockerfile="images/storage/Dockerfile"
    ),
    "prometheus": Image(
        name="node-runtime/prometheus:2.42", folder="images/prometheus", dockerfile="images/prometheus/Dockerfile"
    ),
    "compose": Image(
        name="node-runtime/compose:2.40.3", folder="images/storage", dockerfile="images/compose/Dockerfile"
    ),
    "tensorflow": Image(
        name="node-runtime/tensorflow:1", folder="images/tensorflow", dockerfile="images/tensorflow/Dockerfile"
    ),
}
DEFAULT = ("node", "storage", "prometheus")


def main() -> int:
    """Build what the command line names; return the exit code."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("names", nargs="*", metavar="NAME", help=", ".join(IMAGES))
    names = options.parse_args().names or DEFAULT
    if unknown := sorted(set(names) - set(IMAGES)):
        sys.stderr.write(f"error: no image is called {unknown[0]}\n  → the names are {', '.join(IMAGES)}\n")
        return 2
    try:
        build_images(ensure_engine(engine_folder(), say=print_line), names, say=print_line)
    except NodeRuntimeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    return 0


def build_images(engine: Engine, names: Sequence[str], *, say: Say) -> str:
    """Ensure that the engine has the base image and these images; return the base image's name. Raises `HostError`."""
    base = ensure_base_image(engine.url, cache_folder(), say=say)
    say(f"base image: {base}")
    with closing(connect(engine.url, timeout=_SILENCE)) as client:
        for name in names:
            build_image(client, IMAGES[name], base, network=engine.build_network, say=say)
    return base


def build_image(client: docker.APIClient, image: Image, base: str, *, network: str | None, say: Say) -> None:
    """Build the image unless the engine has it from the same sources. Raises `HostError` with the end of the output."""
    arguments = {**dict(build_settings()), **_go_settings(), **image.arguments, "BASE_IMAGE": base}
    with engine_trouble(f"image {image.name}"):
        sources = sources_digest(image, arguments, image_id(client, base) or base)
        found = inspect_image(client, image.name)
        if found is not None and (found["Config"]["Labels"] or {}).get(SOURCES) == sources:
            say(f"{image.name}: there already")
            return
        say(f"{image.name}: building it from {image.dockerfile}")
        output = client.build(
            path=str(CHECKOUT / image.folder),
            dockerfile=str(CHECKOUT / image.dockerfile),
            tag=image.name,
            buildargs={**arguments, "REVISION": _revision()},
            labels={SOURCES: sources},
            network_mode=network,
            rm=True,
            forcerm=True,
            decode=True,
        )
        _follow(image, output, say)


def sources_digest(image: Image, arguments: Mapping[str, str], base: str) -> str:
    """The sha256 of what the image is built from: Dockerfile, files of its folder, arguments, the base image's id."""
    folder, digest = CHECKOUT / image.folder, hashlib.sha256()
    ignoring = folder / ".dockerignore"
    ignored = [line for line in _lines(ignoring) if not line.startswith("#")] if ignoring.exists() else []
    paths = [folder / path for path in sorted(exclude_paths(str(folder), ignored))]
    for path in [CHECKOUT / image.dockerfile, *(path for path in paths if path.is_file())]:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(CHECKOUT)}\0{path.stat().st_mode & 0o111}\0{len(content)}\0".encode())
        digest.update(content)
    digest.update(repr((sorted(arguments.items()), base)).encode())
    return digest.hexdigest()


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in file.read_text().splitlines() if line.strip()]


def _follow(image: Image, output: Iterator[dict[str, Any]], say: Say) -> None:
    """Say each step of the build as it begins. Raises `HostError` where it fails."""
    last: list[str] = []
    for event in output:
        for line in str(event.get("stream") or event.get("error") or "").splitlines():
            if (step := line.partition(" : ")[2]).startswith("RUN "):  # the others take no time
                say(f"  {step:.100}")
            last = [*last[-14:], line] if line.strip() else last
        if "error" in event:
            told = "\n  ".join(last)
            raise HostError(
                f"image {image.name} could not be built:\n  {told}",
                remedy="fix what the last lines say (network to PyPI, Debian's mirror or the Go module proxy), repeat",
            )


def _go_settings() -> dict[str, str]:
    return {name: value for name in _GO if (value := os.environ.get(name)) and "@" not in value}


def _revision() -> str:
    """The commit of this checkout; empty outside one."""
    if not (CHECKOUT / ".git").exists() or shutil.which("git") is None:
        return ""
    told = subprocess.run(
        ["git", "-C", str(CHECKOUT), "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    )
    return told.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
