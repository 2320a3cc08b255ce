"""S3 servers of their own for tests: Versity's gateway, and MinIO."""

import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pytest
from minio import Minio

from node_runtime.stores.access import StorageAccess
from tests.background import LIMIT, ended, wait_until
from tests.go_tools import built

ROOT = "root"


class S3Kind(StrEnum):
    VERSITY = "versity"
    MINIO = "minio"

    def program(self) -> Path:
        if self is S3Kind.VERSITY:
            return built("github.com/versity/versitygw/cmd/versitygw", "v1.8.0")
        return built("github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c")


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running server. ``secret`` is its administrator's."""

    port: int
    secret: str
    scheme: str = "http"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def access(self) -> StorageAccess:
        """The administrator's, by which everything is allowed."""
        endpoint = f"{self.scheme}://{self.address}"
        return StorageAccess(endpoint=endpoint, region="us-east-1", access_key=ROOT, secret_key=self.secret)

    def client(self) -> Minio:
        return Minio(self.address, ROOT, self.secret, secure=False)

    def new_bucket(self) -> str:
        """Make a bucket; return the storage's URI."""
        name = f"tests-{secrets.token_hex(6)}"
        self.client().make_bucket(name)
        return f"s3://{name}/network"


@contextmanager
def s3_server(
    folder: Path,
    kind: S3Kind = S3Kind.VERSITY,
    *,
    port: int | None = None,
    secret: str = "",
    certificate: tuple[Path, Path] | None = None,
    within: float = LIMIT,
) -> Iterator[S3Server]:
    """Run a server over the folder until the ``with`` ends; a later one over the same folder has the same objects.

    ``certificate`` is a file with one of the gateway's, and one with its key.
    """
    scheme = "http" if certificate is None else "https"
    server = S3Server(port=port or free_port(), secret=secret or secrets.token_hex(16), scheme=scheme)
    command, environment = _command(kind, folder, server)
    if certificate is not None:
        command[1:1] = ["--cert", str(certificate[0]), "--key", str(certificate[1])]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        with ended(process, within):
            wait_until(lambda: process.poll() is not None or _answers(server), f"the server {kind}")
            assert process.poll() is None, (folder / "log").read_text()
            yield server
            process.kill()


def _command(kind: S3Kind, folder: Path, server: S3Server) -> tuple[list[str], dict[str, str]]:
    places = {name: folder / name for name in ("data", "accounts", "versions")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    data, environment = str(places["data"]), {"HOME": str(folder), "PATH": "/usr/bin:/bin"}
    if kind is S3Kind.MINIO:
        named = {"MINIO_ROOT_USER": ROOT, "MINIO_ROOT_PASSWORD": server.secret, "MINIO_BROWSER": "off"}
        return [str(kind.program()), "server", "--quiet", "--address", server.address, data], environment | named
    named = {"ROOT_ACCESS_KEY": ROOT, "ROOT_SECRET_KEY": server.secret}
    command = [str(kind.program()), "--port", server.address, "--iam-dir", str(places["accounts"]), "--quiet"]
    return [*command, "posix", "--versioning-dir", str(places["versions"]), data], environment | named


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _answers(server: S3Server) -> bool:
    if server.scheme == "https":
        return _listens(server.port)
    with suppress(Exception):
        server.client().list_buckets()
        return True
    return False


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture(scope="session")
def minio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("minio"), S3Kind.MINIO) as server:
        yield server
