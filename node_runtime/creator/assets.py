"""Which assets and objectives does a creator have, and how is one more registered?"""

from pathlib import Path

from node_runtime.creator.own_files import put_own_files
from node_runtime.creator.upload import Uploaded, register
from node_runtime.errors import InputError
from node_runtime.ports import AssetStore, Chain, Say
from node_runtime.spec_parts import Asset as Named
from node_runtime.task import Asset, AssetKind, AssetRef, Label


def add_asset(path: Path, kind: AssetKind, label: Label | None, chain: Chain, store: AssetStore, *, say: Say) -> Asset:
    """Store a file or folder and register it. Raises `InputError`, and `ChainRefused` for another kind or label."""
    if (kind is AssetKind.DATA_SAMPLE) != (label is not None):
        raise InputError(
            "a data sample has a label, other assets have none",
            remedy="add --label train or --label test" if label is None else f"leave --label out for a {kind}",
        )
    if not path.exists():
        raise InputError(f"{path} doesn't exist", remedy="name a file or folder")
    if kind in (AssetKind.ALGO, AssetKind.METRIC) and not (path / "Dockerfile").is_file():
        raise InputError(f"{path} has no Dockerfile", remedy="put one into the folder: the image is built from it")
    ref = AssetRef(owner=chain.account, digest=put_own_files(path, kind, store))
    say(f"stored {path} as {ref.digest}")
    uploaded = Uploaded()
    uploaded.add(path, ref, Named(source=path, kind=kind, label=label))
    register(uploaded, chain, store)
    asset = chain.asset(ref)
    assert asset is not None  # its block is finalised
    return asset
