"""Fixtures of the creator's scenarios: a real chain, a real store, and a folder with assets."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node_runtime.creator.submit import Submitted, submit
from node_runtime.spec.read import SpecFile, read_specs
from node_runtime.stores.local import LocalStore
from node_runtime.substrate.client import SubstrateChain, connect
from tests.devnet import start_devnet

FILES = Path(__file__).parent / "spec" / "files"
Nrt = Callable[..., subprocess.CompletedProcess[str]]


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A creator's environment: ``folder`` holds the assets that YAMLs name, ``said`` the progress of submissions."""

    folder: Path
    chain: SubstrateChain
    worker: SubstrateChain
    store: LocalStore
    said: list[str] = field(default_factory=list)

    def write(self, text: str) -> SpecFile:
        file = self.folder / "task.yaml"
        file.write_text(text)
        return read_specs(file)

    def submit(self, text: str) -> Submitted:
        return submit(self.write(text), self.chain, self.store, say=self.said.append)

    def stored(self) -> set[str]:
        return {path.name for path in (self.folder.parent / "store" / "trees").glob("*/*")}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_devnet(tmp_path_factory.mktemp("chain")) as url:
        yield url


@pytest.fixture
def desk(network: str, tmp_path: Path) -> Iterator[Desk]:
    folder = tmp_path / "desk"
    shutil.copytree(FILES, folder)
    for sample in folder.glob("*-?/a.csv"):
        sample.write_text(f"{tmp_path} {sample}")  # bytes that no other test registers
    chain, worker = connect(network, "//Alice"), connect(network, "//Bob")
    yield Desk(folder=folder, chain=chain, worker=worker, store=LocalStore(tmp_path / "store"))
    chain.close()
    worker.close()


@pytest.fixture
def environment(network: str, tmp_path: Path) -> dict[str, str]:
    """Set the desk's chain, key and storage in the environment."""
    named = {"CHAIN": network, "KEY": "//Alice", "STORAGE": str(tmp_path / "store"), "HOME": str(tmp_path / "home")}
    return os.environ | {f"NODE_RUNTIME_{name}": value for name, value in named.items()} | {"COLUMNS": "80"}


@pytest.fixture
def nrt(desk: Desk, environment: dict[str, str]) -> Nrt:
    """Return a function that runs a command in the desk's folder."""

    def run(*arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "node_runtime", *arguments]
        return subprocess.run(
            command,
            cwd=desk.folder,
            env=environment | changed,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,  # reached only after a failure
            check=False,
        )

    return run
