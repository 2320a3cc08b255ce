"""What is read before it is trusted: registered assets, and the code that a task would run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from node_runtime.domain.assets import Asset, AssetRef, Digest, Visibility
from node_runtime.domain.document import Document, asset_ref
from node_runtime.domain.permissions import Permissions, Right
from node_runtime.domain.permitted import permitted_asset
from node_runtime.errors import InputError, StorageError
from node_runtime.platform.files import host_errors, scratch_folder
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore, StoredFile
from node_runtime.stores.tree.folders import copy_writable

from .results import check_new

MOST_FETCHED = 64 << 20  # bytes of one asset that are fetched to show its text
MOST_OF_A_FILE = 64 << 10  # bytes
MOST_SHOWN = 512 << 10  # bytes of one asset
MOST_FILES = 200


@dataclass(frozen=True, kw_only=True)
class AssetView:
    """A registered asset; ``files`` is None where its bytes are not in the storage.

    ``unreadable`` says why the reading account may not download it, empty where it may.
    """

    asset: Asset
    permissions: Permissions
    files: tuple[StoredFile, ...] | None
    unreadable: str = ""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files or ())


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A file of code; ``text`` is None for one that isn't UTF-8 text, or not shown for its size."""

    path: str
    size: int
    text: str | None = None
    cut: bool = False


@dataclass(frozen=True, kw_only=True)
class Code:
    """The files of one of a task's programs. ``reason`` says why they can't be shown, empty where they can."""

    role: str
    ref: AssetRef
    files: tuple[SourceFile, ...] = ()
    reason: str = ""


def view_asset(chain: ChainReads, store: AssetStore, ref: AssetRef) -> AssetView:
    """Return a registered asset and its files. Raises `InputError` for a key that nobody registered."""
    asset = chain.asset(ref)
    if asset is None:
        raise InputError(f"nobody has registered {ref}", remedy=f"see 'node-runtime asset list --owner {ref.owner}'")
    permitted = permitted_asset(chain, ref, asset)
    return AssetView(
        asset=asset,
        permissions=permitted.permissions,
        files=store.files(ref.digest) if store.has(ref.digest) else None,
        unreadable=permitted.lacks(chain.account, Right.DOWNLOAD),
    )


def fetch_asset(view: AssetView, store: AssetStore, target: Path) -> None:
    """Write the asset's verified files to a new folder. Raises `InputError`, `StorageError` or `HostError`."""
    ref = view.asset.ref
    if view.unreadable:
        raise InputError(view.unreadable, remedy=f"ask {ref.owner} for it")
    if view.files is None and view.asset.visibility is Visibility.PRIVATE:
        raise InputError(f"{ref} is private: its bytes are on its owner's node", remedy="ask its owner for them")
    check_new(target)
    with host_errors(target.parent), scratch_folder() as scratch:
        store.fetch(ref.digest, scratch / "tree")
        copy_writable(scratch / "tree", target)


def code_of(document: Document, chain: ChainReads, store: AssetStore) -> Iterator[Code]:
    """Yield the code that a task would run: its algo, metric, bundle and opener, in the document's order."""
    programs = document.programs()
    for role in document.roles():
        if role.key in programs:
            ref = asset_ref(role.key)
            lack = permitted_asset(chain, ref, chain.asset(ref)).lacks(chain.account, Right.DOWNLOAD)
            if lack:
                yield Code(role=role.name, ref=ref, reason=lack)
                continue
            try:
                yield Code(role=role.name, ref=ref, files=_texts(ref.digest, store))
            except StorageError as error:
                yield Code(role=role.name, ref=ref, reason=error.message)


def _texts(digest: Digest, store: AssetStore) -> tuple[SourceFile, ...]:
    files = store.files(digest)
    if len(files) > MOST_FILES or sum(file.size for file in files) > MOST_FETCHED:
        return tuple(SourceFile(path=file.path, size=file.size) for file in files)
    left, read = MOST_SHOWN, list[SourceFile]()
    with scratch_folder() as scratch:
        store.fetch(digest, scratch / "tree")
        for file in files:
            shown = _text(scratch / "tree" / file.path, file, min(left, MOST_OF_A_FILE))
            left -= len(shown.text or "")
            read.append(shown)
    return tuple(read)


def _text(path: Path, file: StoredFile, most: int) -> SourceFile:
    with path.open("rb") as opened:
        content = opened.read(most)
    cut = file.size > len(content)
    try:
        # a cut may fall within a character
        text = content.decode(errors="ignore" if cut else "strict") if most and b"\0" not in content else None
    except UnicodeDecodeError:
        text = None
    return SourceFile(path=file.path, size=file.size, text=text, cut=cut)
