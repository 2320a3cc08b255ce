"""The base image of Dockerfiles: from a registry, a cached tarball, or debootstrap."""

import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import docker
from docker.errors import APIError

from node_runtime.engines.docker.client import TROUBLE, connect, explanation, image_id, open_client
from node_runtime.engines.docker.pull import import_once, pull
from node_runtime.engines.docker.quota import remove_folder, unmount_below
from node_runtime.errors import HostError, InputError
from node_runtime.platform.host_commands import install_packages
from node_runtime.platform.locks import locked, try_locked
from node_runtime.platform.printable import Say

OFFICIAL = "python:3.11-slim-bookworm"
"""The official image, as Dockerfiles name it."""

PULL_SILENCE = 60  # seconds without progress after which a pull is abandoned

_RECIPE = Path(__file__).with_suffix(".sh")
_SCRATCH = "node-runtime-base-"
_SHARED = Path("/tmp")  # shared by all users, unlike TMPDIR
_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_CONFIG = (
    "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV LANG=C.UTF-8",
    f"ENV SSL_CERT_FILE={_BUNDLE}",
    f"ENV PIP_CERT={_BUNDLE}",
    "ENV PIP_NO_CACHE_DIR=1",  # one variable a line: Podman reads a line as one variable
    "ENV PIP_ROOT_USER_ACTION=ignore",
    "ENV PIP_DISABLE_PIP_VERSION_CHECK=1",
    'CMD ["python3"]',
)


def ensure_base_image(url: str, cache: Path, *, say: Say) -> str:
    """Ensure that the engine at `url` has a base image; return its name. Idempotent, safe among processes.

    This is the official image where it is present or a registry answers; else an image made of Debian's packages (about
    a minute, root only), cached as a tarball in `cache` for other engines. Its name contains the digest of its recipe;
    an engine imports it once for all users, and the name stays at that image. Raises `HostError`.
    """
    client = open_client(url, timeout=PULL_SILENCE)
    try:
        if image_id(client, OFFICIAL):
            return OFFICIAL
        bundle = _host_bundle()
        digest = recipe_digest(bundle)
        name, tarball = f"node-runtime/base:{digest[:16]}", cache / f"base-{digest[:16]}.tar"
        if image_id(client, name):
            with suppress(InputError), try_locked(cache):  # else another command makes one for another engine
                _remove_left(cache)
            return name
        with _alone_at_engine(client, say), locked(cache, waiting=lambda: _tell_waiting(say)):
            if image_id(client, name):
                return name
            _remove_left(cache)
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


@contextmanager
def _alone_at_engine(client: docker.APIClient, say: Say) -> Iterator[None]:
    """Hold a lock of the engine, shared by all users of this machine.

    Continues without a lock where none can be created, e.g. because another file has its name.
    """
    with ExitStack() as held:
        with suppress(HostError):
            lock = _SHARED / f"node-runtime-engine-{hashlib.sha256(client.info()['ID'].encode()).hexdigest()[:16]}"
            held.enter_context(locked(lock, waiting=lambda: _tell_waiting(say)))
        yield


def _tell_waiting(say: Say) -> None:
    say("waiting for another command that provides the base image")


def pull_base_image(url: str, name: str, *, say: Say) -> None:
    """Pull the image to the engine at `url`. Raises `HostError` when no registry provides it."""
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
    """The sha256 of the local image's ingredients: script, settings, trusted certificates and architecture."""
    digest = hashlib.sha256()
    for part in (_RECIPE.read_bytes(), "\n".join(_CONFIG).encode(), bundle.read_bytes(), platform.machine().encode()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _host_bundle() -> Path:
    """The CA bundle that this machine trusts, including additions of its network."""
    named = [os.environ.get(variable) for variable in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")]
    for path in [*named, _BUNDLE, "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]:
        if path and Path(path).is_file():
            return Path(path)
    raise HostError("base image: this machine has no CA bundle", remedy="install the package ca-certificates")


def _pull(client: docker.APIClient, name: str, say: Say) -> bool:
    """Pull the image; False when it is unavailable. An unreachable registry is no error."""
    say(f"pulling {name}")
    try:
        for line in pull(client, name):
            if "error" in line:
                raise APIError(line["error"])
    except TROUBLE as error:
        say(f"no image registry answers ({explanation(error)[:120]})")
        return False
    except HostError as error:  # an unreadable login: an image can be made locally
        say(str(error))
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
    log = tarball.parent / "base.log"
    say(f"making the base image of Debian's packages, once: about a minute, on a busy machine several; see {log}")
    # beside the cache, not in /tmp: debootstrap refuses file systems mounted nodev, and /tmp may be memory
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=tarball.parent) as scratch:
        root, unfinished = Path(scratch, "root"), Path(scratch, "base.tar")
        _run(["sh", str(_RECIPE), str(root), str(bundle)], log)
        _run(["tar", "--numeric-owner", "--sort=name", "-C", str(root), "-cf", str(unfinished), "."], log)
        unfinished.replace(tarball)


def _remove_left(cache: Path) -> None:
    """Remove what commands that were ended left in the cache, whose lock is held."""
    for left in cache.glob(f"{_SCRATCH}*"):
        unmount_below(left)
        remove_folder(left)


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
            remedy=f"see {log}, fix the error (network to Debian's mirror, disk space), then repeat",
        )


def _import(url: str, tarball: Path, name: str, say: Say) -> None:
    say(f"importing the base image as {name}")
    client = open_client(url, timeout=300)
    try:
        with tarball.open("rb") as tar:
            if not import_once(client, tar, name, changes=_CONFIG):
                raise HostError(f"base image: the engine refused {tarball}", remedy=f"delete {tarball}, then repeat")
    finally:
        client.close()
