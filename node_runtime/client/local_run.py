"""A run of documents on this machine, without a chain."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from node_runtime.creator.declarations import with_declarations
from node_runtime.creator.fake_data import FakeData, asks_elsewhere, fake_data
from node_runtime.errors import InputError
from node_runtime.platform.printable import Say
from node_runtime.spec.read import SpecFile

from .documents import YamlDocument, spec_file
from .messages import in_python, print_wrapped
from .session import Client

if TYPE_CHECKING:
    from node_runtime.creator.local_run import LocalResult

MOST_FAKE = 1_000_000  # samples


@in_python
def run(
    *documents: YamlDocument,
    output: str | Path = "runs",
    fake: int | None = None,
    aliases: Mapping[str, str | Path] | None = None,
    network: Client | None = None,
    say: Say = print_wrapped,
) -> "tuple[LocalResult, ...]":
    """Run the documents' tasks here, one after the other, in the containers that a node would use.

    Each has a folder in ``output``, which replaces that of an earlier run. With ``fake`` they run without data, on so
    many samples that their openers make up; then they may name registered assets, and objectives, of a ``network``.
    ``aliases`` maps images that a FROM names to local ones, or to folders with a Dockerfile.

    Raises `SpecError` for what needs a chain, and `TaskFailed`.
    """
    from node_runtime.creator.local_run import open_bench, run_locally  # they alone need an engine

    file = spec_file(documents)
    for warning in file.warnings:
        say(f"warning: {warning}")
    made_up = None
    if fake is not None:
        file, made_up = _on_fake_data(file, fake, network)
    with open_bench(Path(output), aliases=_read_aliases(aliases or {}), fake=made_up, say=say) as bench:
        return run_locally(file, bench)


def _on_fake_data(file: SpecFile, samples: int, network: Client | None) -> tuple[SpecFile, FakeData]:
    if not 1 <= samples <= MOST_FAKE:
        raise InputError(f"fake={samples}: from 1 to {MOST_FAKE:,} samples can be made up")
    if not asks_elsewhere(file):
        return file, FakeData(samples=samples)
    if network is None:
        raise InputError("they name what is registered elsewhere", remedy="name a connection: network=client.connect()")
    whole = with_declarations(file, network.store)
    return whole, fake_data(samples, whole, network.chain, network.store)


def _read_aliases(given: Mapping[str, str | Path]) -> dict[str, str | Path]:
    from node_runtime.engines.docker.aliases import ImageAliases, read_reference, read_target

    try:
        aliases = {
            read_reference(name): local.absolute() if isinstance(local, Path) else read_target(local, Path())
            for name, local in given.items()
        }
        ImageAliases(aliases)
    except ValueError as error:
        raise InputError(f"aliases: {error}", remedy="e.g. {'python:3.12-slim': 'my-python:1'}") from None
    return aliases
