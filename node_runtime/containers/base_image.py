"""Where does the image that Dockerfiles start from come from? A registry, a cached tarball, or debootstrap."""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import docker
from docker.errors import APIError

from node_runtime.containers.arrival import import_image, pull
from node_runtime.containers.connection import TROUBLE, connect, engine_trouble, explanation, image_id
from node_runtime.containers.packages import install_packages
from node_runtime.containers.removal import remove_folder, unmount_below
from node_runtime.errors import HostError
from node_runtime.ports import Say
from node_runtime.turns import in_turn

OFFICIAL = "python:3.11-slim-bookworm"
"""What a registry offers, and what Dockerfiles name."""

PULL_SILENCE = 60  # seconds without a word from the registry before doing without it

_RECIPE = Path(__file__).with_suffix(".sh")
_SCRATCH = "node-runtime-base-"
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_CONFIG = (
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    f"ENV SSL_CERT_FILE={_BUNDLE}",
    f"ENV PIP_CERT={_BUNDLE}",
    "ENV PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1",
    'CMD ["python3"]',
)


def ensure_base_image(url: str, cache: Path, *, say: Say) -> str:
    """The name of a base image that the engine at `url` has now. May be repeated, also by several processes.

    The official image where it is there or a registry answers; else one made of Debian's packages (about a minute,
    root only), kept as a tarball in `cache` so that another engine has it within seconds. Raises `HostError`.
    """
    client = docker.APIClient(base_url=url, version="auto", timeout=PULL_SILENCE)
    try:
        if image_id(client, OFFICIAL):
            return OFFICIAL
        bundle = _host_bundle()
        digest = recipe_digest(bundle)
        name, tarball = f"node-runtime/base:{digest[:16]}", cache / f"base-{digest[:16]}.tar"
        if image_id(client, name):
            return name
        with in_turn(cache, waiting=lambda: say("waiting for another command that gets the base image")):
            if image_id(client, name):
                return name
            if not tarball.exists():
                if _pull(client, OFFICIAL, say):
                    return OFFICIAL
                _make_tarball(tarball, bundle, say)
            _import(url, tarball, name, say)
        return name
    except TROUBLE as error:
        raise HostError(
            f"base image: the container engine at {url} failed: {error}", remedy="see the engine's log, then repeat"
        ) from error
    finally:
        client.close()


def has_base_image(url: str, name: str) -> bool:
    """Whether the engine at `url` has the image now. Raises `HostError` when it doesn't answer."""
    client = connect(url)
    with engine_trouble(f"base image {name}"):
        found = image_id(client, name)
    client.close()
    return found is not None


def pull_base_image(url: str, name: str, *, say: Say) -> None:
    """Have the engine at `url` pull it. Raises `HostError` where it can't be had."""
    client = connect(url, timeout=PULL_SILENCE)
    try:
        if not _pull(client, name, say):
            raise missing_base_image(name)
    finally:
        client.close()


def missing_base_image(name: str) -> HostError:
    return HostError(
        f"the base image {name} is not there and cannot be pulled",
        remedy="name one that `docker images` lists as `base_image:` in the node's configuration "
        "(`node-runtime up` makes one and says its name), or load it into the engine",
    )


def recipe_digest(bundle: Path) -> str:
    """What the locally made image is made of: script, settings, trusted certificates and processor, as sha256."""
    digest = hashlib.sha256()
    for part in (_RECIPE.read_bytes(), "\n".join(_CONFIG).encode(), bundle.read_bytes(), platform.machine().encode()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _host_bundle() -> Path:
    """The certificates this machine trusts, with any that its network adds."""
    named = [os.environ.get(variable) for variable in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
    for path in [*named, _BUNDLE, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]:
        if path and Path(path).is_file():
            return Path(path)
    raise HostError("base image: this machine has no CA bundle", remedy="install the package ca-certificates")


def _pull(client: docker.APIClient, name: str, say: Say) -> bool:
    """True when the image could be pulled. A registry that cannot be reached is no error here."""
    say(f"pulling {name}")
    try:
        for line in pull(client, name):
            if "error" in line:
                raise APIError(line["error"])
    except TROUBLE as error:
        say(f"no image registry answers ({explanation(error)[:120]})")
        return False
    return True


def _make_tarball(tarball: Path, bundle: Path, say: Say) -> None:
    if os.geteuid() != 0:
        raise HostError(
            f"base image: {OFFICIAL} cannot be pulled, and making one needs root",
            remedy=f"run `docker pull {OFFICIAL}` where a registry can be reached, or run this once as root",
        )
    if shutil.which("debootstrap", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None:
        install_packages(["debootstrap"], log=tarball.parent / "apt.log", say=say)
    say("making the base image of Debian's packages, once: about a minute")
    log = tarball.parent / "base.log"
    for left in tarball.parent.glob(f"{_SCRATCH}*"):  # by one that was killed: whoever gets here is alone
        unmount_below(left)
        remove_folder(left)
    # beside the cache, not in /tmp: debootstrap refuses file systems mounted nodev, and /tmp may be memory
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=tarball.parent) as scratch:
        root, unfinished = Path(scratch, "root"), Path(scratch, "base.tar")
        _run(["sh", str(_RECIPE), str(root), str(bundle)], log)
        _run(["tar", "--numeric-owner", "--sort=name", "-C", str(root), "-cf", str(unfinished), "."], log)
        unfinished.replace(tarball)


def _run(command: list[str], log: Path) -> None:
    environment = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin", "LC_ALL": "C"}
    with log.open("ab") as output:
        ended = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, check=False
        )
    if ended.returncode != 0:
        last = "\n  ".join(log.read_text(errors="replace").splitlines()[-5:])
        raise HostError(
            f"base image: {command[0]} {Path(command[1]).name} ended with {ended.returncode}:\n  {last}",
            remedy=f"see {log}, mend it (network to Debian's mirror, disk space), then repeat",
        )


def _import(url: str, tarball: Path, name: str, say: Say) -> None:
    say(f"importing the base image as {name}")
    client = docker.APIClient(base_url=url, version="auto", timeout=300)
    try:
        with tarball.open("rb") as tar:
            import_image(client, tar, name, changes=_CONFIG)
        if not image_id(client, name):
            raise HostError(f"base image: the engine refused {tarball}", remedy=f"delete {tarball}, then repeat")
    finally:
        client.close()
