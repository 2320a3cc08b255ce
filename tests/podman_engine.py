"""Podman's Docker-compatible service from Debian's packages, extracted without installing them, for tests.

Its images, containers, networks and settings are its own; no file of the machine's Podman is read or written.
"""

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node_runtime.engines.docker.discovery import answers
from node_runtime.engines.docker.quota import unmount_below
from tests.background import wait_until
from tests.peers.installed import installed_once

PACKAGES = ("podman", "conmon", "runc", "tini", "containernetworking-plugins")
# what they link beyond the libraries of a Debian that has nothing but Docker
LIBRARIES = ("libglib2.0-0", "libgpgme11", "libassuan0", "libsubid4", "libdevmapper1.02.1")
COMMAND_S = 300
ANSWER_S = 5
_FILE = re.compile(r"\S+\.deb\b(?= )")

# Podman raises two limits of processes above what a machine without CAP_SYS_RESOURCE allows, and has no setting
_RUNTIME = """#!/bin/sh
for word; do
    test "$before" != --bundle || config=$word/config.json
    before=$word
done
files=$(awk '/^Max open files/ { print $5 }' /proc/self/limits)
processes=$(awk '/^Max processes/ { print $4 }' /proc/self/limits)
test -z "$config" || sed -i -E \\
    -e "s/(\\"RLIMIT_NOFILE\\",\\"hard\\":)[0-9]+(,\\"soft\\":)[0-9]+/\\\\1$files\\\\2$files/" \\
    -e "s/(\\"RLIMIT_NPROC\\",\\"hard\\":)[0-9]+(,\\"soft\\":)[0-9]+/\\\\1$processes\\\\2$processes/" "$config"
exec RUNC "$@"
"""
_SETTINGS = """
[containers]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
conmon_path = ["PACKAGES/usr/bin/conmon"]
events_logger = "file"
init_path = "PACKAGES/usr/bin/tini"
lock_type = "file"
runtime = "limited"
tmp_dir = "FOLDER/tmp"
[engine.runtimes]
limited = ["FOLDER/runtime"]
[network]
cni_plugin_dirs = ["PACKAGES/usr/lib/cni"]
network_backend = "cni"
network_config_dir = "FOLDER/cni"
"""
_STORAGE = """
[storage]
driver = "overlay"
graphroot = "FOLDER/images"
runroot = "FOLDER/run"
"""


@contextmanager
def podman_service() -> Iterator[str]:
    """Run a service in a folder of its own; yield its address. Its containers and images end with it. Root only."""
    packages = _packages()
    folder = Path(tempfile.mkdtemp(prefix="podman-", dir="/tmp"))  # short: it becomes the path of sockets
    try:
        environment = _configured(folder, packages)
        podman, url = str(packages / "usr" / "bin" / "podman"), f"unix://{folder}/socket"
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [podman, "system", "service", "--time=0", url],
                cwd=folder,  # its monitors write there
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        with _served(process, url, folder / "log"):
            yield url
        _run(podman, "rm", "--all", "--force", "--time=0", environment=environment)
    finally:
        unmount_below(folder)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _served(process: "subprocess.Popen[bytes]", url: str, log: Path) -> Iterator[None]:
    try:
        wait_until(lambda: answers(url, within=ANSWER_S) or process.poll() is not None, "Podman to answer")
        assert process.poll() is None, log.read_text()
        yield
    finally:
        process.kill()
        process.wait()


def _packages() -> Path:
    """The folder of the extracted packages."""
    assert all(map(shutil.which, ("apt-get", "dpkg-deb"))), "Podman's tests need Debian"
    assert os.geteuid() == 0, "Podman's tests need root"
    files = sorted(_FILE.findall(_run("apt-get", "download", "--print-uris", *PACKAGES, *LIBRARIES)))
    assert len(files) == len(PACKAGES + LIBRARIES), f"not all are among Debian's packages: {files}"
    return installed_once(f"podman-{hashlib.sha256(' '.join(files).encode()).hexdigest()[:16]}", _extract)


def _extract(folder: Path) -> None:
    _run("apt-get", "download", *PACKAGES, *LIBRARIES, folder=folder)
    for package in folder.glob("*.deb"):
        _run("dpkg-deb", "--extract", package.name, ".", folder=folder)
        package.unlink()


def _configured(folder: Path, packages: Path) -> dict[str, str]:
    """Write the settings; return the environment that names them."""
    for name in ("home/.config/containers", "cni", "tmp"):
        (folder / name).mkdir(parents=True)
    (folder / "home/.config/containers/policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    (folder / "runtime").write_text(_RUNTIME.replace("RUNC", str(packages / "usr/sbin/runc")))
    (folder / "runtime").chmod(0o755)
    texts = {"containers.conf": _SETTINGS, "storage.conf": _STORAGE, "registries.conf": ""}
    for name, text in texts.items():
        (folder / name).write_text(text.replace("FOLDER", str(folder)).replace("PACKAGES", str(packages)))
    libraries = [str(path) for place in ("usr/lib", "lib") for path in packages.glob(f"{place}/*-linux-gnu")]
    return {
        "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin",
        "HOME": str(folder / "home"),
        "LD_LIBRARY_PATH": ":".join(libraries),
        "CONTAINERS_CONF": str(folder / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(folder / "storage.conf"),
        "CONTAINERS_REGISTRIES_CONF": str(folder / "registries.conf"),
    }


def _run(*command: str, folder: Path | None = None, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=COMMAND_S,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
    return done.stdout
