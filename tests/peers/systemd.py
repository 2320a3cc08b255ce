"""A machine that systemd has booted, with node-runtime installed: a container, so that none is needed for the tests."""

import json
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import docker
from docker.models.containers import Container

from images.build import IMAGES, build_image
from node_runtime.engines.docker.client import connect
from tests.background import wait_until
from tests.docker_engine import DockerHost

IMAGE = "node-runtime/tests-systemd:1"
SOCKET = "/engine.sock"
HOMES = {"root": "/root", "node-operator": "/var/lib/node-operator"}
OPERATOR_UID = 10002
_DOCKERFILE = """\
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
USER root
ENV PATH=/opt/node-runtime/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN apt-get update && apt-get install --yes --no-install-recommends systemd dbus && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10002 --create-home --home-dir /var/lib/node-operator node-operator
ENTRYPOINT []
# a machine's mounts are shared, a container's are not
CMD ["sh", "-c", "mount --make-rshared / && exec /lib/systemd/systemd"]
"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """A container whose process 1 is systemd."""

    container: Container

    def run(self, *command: str, user: str = "root", fails: bool = False) -> str:
        """Run a command and return what it prints; fail the test where it fails, with ``fails`` where it doesn't."""
        done = self.container.exec_run(list(command), user=user, environment={"HOME": HOMES[user]})
        told = _text(done.output)
        assert (done.exit_code != 0) is fails, f"{' '.join(command)}: {done.exit_code}\n{told}\n{self.journal()}"
        return told

    def journal(self) -> str:
        return _text(self.container.exec_run(["journalctl", "--no-pager", "--lines", "25"]).output)

    def shown(self, unit: str, *names: str) -> dict[str, str]:
        told = self.run("systemctl", "show", unit, *(f"--property={name}" for name in names))
        return dict(line.split("=", 1) for line in told.splitlines() if "=" in line)

    def write(self, path: str, text: str) -> None:
        """Write a file that everybody may read; its folder has to exist."""
        packed = BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            entry = tarfile.TarInfo(Path(path).name)
            entry.size, entry.mode = len(text.encode()), 0o644
            archive.addfile(entry, BytesIO(text.encode()))
        assert self.container.put_archive(str(Path(path).parent), packed.getvalue())


@contextmanager
def machine(engine: DockerHost, shared: Path) -> Iterator[Machine]:
    """Boot a machine with node-runtime installed; ``shared`` is there under its own path, the engine at `SOCKET`."""
    _build(engine)
    with closing(docker.DockerClient(base_url=engine.url)) as client:
        container = client.containers.run(
            IMAGE,
            detach=True,
            network_mode="host",
            cap_add=["SYS_ADMIN"],
            cgroupns="host",
            security_opt=["seccomp=unconfined", "apparmor=unconfined"],
            tmpfs={"/run": "exec", "/run/lock": ""},
            environment={"container": "docker"},
            volumes=[
                "/sys/fs/cgroup:/sys/fs/cgroup:rw",
                f"{shared}:{shared}",
                f"{engine.url.removeprefix('unix://')}:{SOCKET}",
            ],
        )
        try:
            booted = Machine(container=container)
            wait_until(lambda: _has_booted(booted), "systemd to boot", within=120)
            yield booted
        finally:
            container.remove(force=True, v=True)


def _text(output: object) -> str:
    return output.decode(errors="replace") if isinstance(output, bytes) else str(output)


def _has_booted(machine: Machine) -> bool:
    told = _text(machine.container.exec_run(["systemctl", "is-system-running"]).output).strip()
    return told in ("running", "degraded")


def _build(engine: DockerHost) -> None:
    node = replace(IMAGES["node"], name="node-runtime/tests-node:1")  # not the tag that a network here may use
    with closing(connect(engine.url, timeout=1800)) as client:
        build_image(client, node, engine.base_image, network=engine.build_network, say=print)
        output = client.build(
            fileobj=BytesIO(_DOCKERFILE.encode()),
            tag=IMAGE,
            buildargs={**dict(engine.settings(node="tests", work=Path()).build_arguments), "BASE_IMAGE": node.name},
            network_mode=engine.build_network,
            rm=True,
            decode=True,
        )
        told = list(output)
        assert "error" not in told[-1], json.dumps(told[-5:])
