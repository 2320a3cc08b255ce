"""An S3 server of its own for tests: Versity's gateway over a folder, with an account for each user."""

import secrets
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from minio import Minio

from node_runtime.stores.access import StorageAccess
from tests.background import ended, wait_until
from tests.go_tools import built

VERSITYGW = ("github.com/versity/versitygw/cmd/versitygw", "v1.8.0")
ROOT = "root"


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """A running server. ``program`` is its binary, ``data`` holds a folder for each bucket."""

    program: Path
    port: int
    secret: str
    data: Path

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def access(self) -> StorageAccess:
        """Everything is allowed by it."""
        return self.access_of(ROOT, self.secret)

    def access_of(self, key: str, secret: str) -> StorageAccess:
        return StorageAccess(endpoint=f"http://{self.address}", region="us-east-1", access_key=key, secret_key=secret)

    def client(self) -> Minio:
        return Minio(self.address, ROOT, self.secret, secure=False)

    def new_bucket(self) -> str:
        """Make a bucket; return the storage's URI."""
        name = f"tests-{secrets.token_hex(6)}"
        self.client().make_bucket(name)
        return f"s3://{name}/network"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@contextmanager
def s3_server(folder: Path, *, port: int | None = None, secret: str = "") -> Iterator[S3Server]:
    """Run a server over the folder until the ``with`` ends; a later one over the same folder has the same objects."""
    program, port, secret = built(*VERSITYGW), port or free_port(), secret or secrets.token_hex(16)
    places = {name: folder / name for name in ("data", "accounts", "versions")}
    for place in places.values():
        place.mkdir(parents=True, exist_ok=True)
    command = [str(program), "--port", f"127.0.0.1:{port}", "--iam-dir", str(places["accounts"]), "--quiet"]
    command += ["posix", "--versioning-dir", str(places["versions"]), str(places["data"])]
    environment = {"ROOT_ACCESS_KEY": ROOT, "ROOT_SECRET_KEY": secret, "HOME": str(folder), "PATH": "/usr/bin:/bin"}
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        with ended(process):
            wait_until(lambda: process.poll() is not None or _listens(port), "the S3 server")
            assert process.poll() is None, (folder / "log").read_text()
            yield S3Server(program=program, port=port, secret=secret, data=places["data"])
            process.kill()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    with s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server
