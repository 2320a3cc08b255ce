"""What does a creator's scenario start from? A real chain, a real store, and a folder with files to name."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from node_runtime.chain.client import SubstrateChain, connect
from node_runtime.creator.submit import Submitted, submit
from node_runtime.spec import SpecFile, read_specs
from node_runtime.storage.local import LocalStore
from tests.devnet import start_devnet

FILES = Path(__file__).parent / "spec" / "files"


@dataclass(frozen=True, kw_only=True)
class Desk:
    """A creator's desk: ``folder`` holds what YAMLs name, ``said`` what submitting told."""

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
        sample.write_text(f"{tmp_path} {sample}")  # bytes that no other test registered under another label
    chain, worker = connect(network, "//Alice"), connect(network, "//Bob")
    yield Desk(folder=folder, chain=chain, worker=worker, store=LocalStore(tmp_path / "store"))
    chain.close()
    worker.close()
