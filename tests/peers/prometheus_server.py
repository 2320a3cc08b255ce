"""Prometheus and promtool: those on the PATH, or Debian's package, extracted without installing it."""

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.background import LIMIT, ended, wait_until
from tests.peers.installed import installed_once

PACKAGE = "prometheus"
REMEDY = "install Prometheus, so that `prometheus` and `promtool` are on the PATH"
_FILE = re.compile(rf"\b({PACKAGE}_\S+\.deb)\b")
INSTALL_S = 300


@dataclass(frozen=True, kw_only=True)
class Programs:
    prometheus: Path
    promtool: Path

    @classmethod
    def found(cls) -> "Programs":
        """Find the programs, or fetch them."""
        here = [shutil.which(name) for name in ("prometheus", "promtool")]
        if here[0] is not None and here[1] is not None:
            return cls(prometheus=Path(here[0]), promtool=Path(here[1]))
        assert all(map(shutil.which, ("apt-get", "dpkg-deb"))), REMEDY
        version = _FILE.search(_run("apt-get", "download", "--print-uris", PACKAGE))
        assert version is not None, f"{PACKAGE} isn't among Debian's packages; {REMEDY}"
        programs = installed_once(version[1].removesuffix(".deb"), _extract) / "usr" / "bin"
        return cls(prometheus=programs / "prometheus", promtool=programs / "promtool")

    def check(self, *arguments: str, folder: Path) -> str:
        """Run promtool in a folder and return what it prints; fail the test where it finds a fault."""
        return _run(str(self.promtool), *arguments, folder=folder)


def _extract(folder: Path) -> None:
    _run("apt-get", "download", PACKAGE, folder=folder)
    (package,) = folder.glob("*.deb")
    _run("dpkg-deb", "--extract", package.name, ".", folder=folder)
    package.unlink()


def _run(*command: str, folder: Path | None = None) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_S)
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Prometheus:
    """A running server."""

    url: str

    def query(self, expression: str) -> list[float]:
        """Evaluate the expression now; return the values of its samples, without those that are no number."""
        found = self._get("query", query=expression)["result"]
        values = [float(sample["value"][1]) for sample in found]
        return [value for value in values if value == value]

    def rules(self) -> list[dict[str, Any]]:
        return [rule for group in self._get("rules")["groups"] for rule in group["rules"]]

    def _get(self, what: str, **parameters: str) -> Any:
        answer = requests.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=LIMIT)
        body = answer.json()
        assert body["status"] == "success", f"{parameters}: {body.get('error')}"
        return body["data"]

    def is_ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/-/ready", timeout=LIMIT).ok
        except requests.ConnectionError:
            return False


@contextmanager
def prometheus_at(programs: Programs, folder: Path, config: str) -> Iterator[Prometheus]:
    """Run a server with this configuration in a folder of its own."""
    (folder / "prometheus.yml").write_text(config)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [str(programs.prometheus), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    command += [f"--web.listen-address={address}", "--log.level=warn"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    with ended(process):
        server = Prometheus(url=f"http://{address}")
        wait_until(lambda: server.is_ready() or process.poll() is not None, "Prometheus to be ready")
        assert process.poll() is None, (folder / "log").read_text()
        yield server
