"""Fake data: a local run on samples that a dataset's opener makes up, without the dataset."""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from node_runtime.domain.assets import AssetKind, AssetRef, Digest, Objective
from node_runtime.domain.document import Document, asset_ref
from node_runtime.domain.permissions import Right
from node_runtime.domain.permitted import permitted_asset
from node_runtime.errors import AssetUnavailable, InputError, SpecError
from node_runtime.kinds import Input
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore
from node_runtime.spec.entries import SpecEntry
from node_runtime.spec.folders import sources_in
from node_runtime.spec.read import SpecFile, refuse

from .references import objectives_named

_FUNCTIONS = {"sandbox": ("fake_X", "fake_y"), "substra": ("fake_data",)}  # of an opener, by layout
_MOST_READ = 1 << 20  # bytes of a file


@dataclass(frozen=True, kw_only=True)
class FakeData:
    """``samples`` are made up. Registered assets are in ``store``, None where the file names none but samples.

    ``objectives`` are those on chain that the file names.
    """

    samples: int
    store: AssetStore | None = None
    objectives: Mapping[str | int, Objective] = field(default_factory=dict)


def asks_elsewhere(file: SpecFile) -> bool:
    """Whether the file names an objective on chain, or a registered asset that isn't a data sample."""
    here = {one.name for one in file.objectives}
    measured = any(spec.measured_by is not None and spec.measured_by not in here for _, spec in file.tasks)
    return measured or any(
        not isinstance(source, Path) and source not in _samples(entry)
        for entry in file.entries
        for _, source in sources_in(entry.spec)
    )


def fake_data(samples: int, file: SpecFile, chain: ChainReads, store: AssetStore) -> FakeData:
    """Look up what the file names elsewhere.

    Raises `SpecError` for an objective that the chain doesn't know, and an asset that this account may not download.
    """
    mistakes = [
        f"{entry.place(*location)}: {lack}; a local run needs its bytes"
        for entry in file.entries
        for location, source in sources_in(entry.spec)
        if isinstance(source, AssetRef) and source not in _samples(entry)
        if (lack := permitted_asset(chain, source, chain.asset(source)).lacks(chain.account, Right.DOWNLOAD))
    ]
    refuse(mistakes, file.path)
    return FakeData(samples=samples, store=store, objectives=objectives_named(file, chain))


def without_data(document: Document, entry: SpecEntry) -> Document:
    """Return the document without its samples. Raises `SpecError` for one whose data no opener can make up."""
    if not document.data:
        return document
    if document.layout not in _FUNCTIONS or document.asset_of(AssetKind.OPENER) is None:
        why = "there is no opener" if document.layout in _FUNCTIONS else f"the layout {document.layout} has no opener"
        raise SpecError(f"{entry.place('data')}: {why} that makes up data", remedy="run it on folders of yours instead")
    return document.model_copy(update={"data": ()})


def source_of(digest: Digest, document: Document, fake: FakeData | None, own: AssetStore) -> AssetStore:
    """Return where an input is stored. Raises `InputError` for one that can't be downloaded."""
    if own.has(digest) or fake is None:
        return own
    kinds = {asset_ref(key).digest: kind for kind in AssetKind if (key := document.asset_of(kind)) is not None}
    what = kinds.get(digest, AssetKind.MODEL)
    try:
        if fake.store is not None and fake.store.has(digest):
            return fake.store
    except AssetUnavailable as error:
        raise InputError(f"the {what} {digest} can't be downloaded: {error.message}", remedy=error.remedy) from error
    raise InputError(
        f"the {what} {digest} can't be downloaded: the storage doesn't have it",
        remedy="name the storage that has it by --storage, or ask its owner to put it there",
    )


def check_opener(opener: Input, layout: str) -> None:
    """Raise `InputError` unless the opener's code defines the functions that make up data, as far as it can be read."""
    defined = set[str]()
    try:
        for path in sorted(opener.folder.rglob("*.py")):
            defined.update(_defined(path))
    except (SyntaxError, ValueError):  # of another version of Python, or a mistake that its program will tell
        return
    missing = [name for name in _FUNCTIONS[layout] if name not in defined]
    if missing:
        raise InputError(
            f"the opener {opener.digest} has no {' and no '.join(missing)}: it makes up no data",
            remedy="ask its owner for such a function, or name an opener of yours that has it",
        )


def _defined(path: Path) -> Iterator[str]:
    """Yield the names that a file defines or imports, methods among them."""
    with path.open("rb") as file:
        tree = ast.parse(file.read(_MOST_READ))
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.ImportFrom(names=names):
                yield from (one.asname or one.name for one in names)


def _samples(entry: SpecEntry) -> set[object]:
    return {asset.source for asset in entry.spec.assets() if asset.kind is AssetKind.DATA_SAMPLE}
