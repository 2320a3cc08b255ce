"""How do the files that a YAML names become assets? Stored by their digest, then registered with kind and label."""

from collections.abc import Callable
from pathlib import Path

from node_runtime.creator.environment import environment_of
from node_runtime.creator.own_files import put_own_files
from node_runtime.errors import ChainRefused, SpecError
from node_runtime.ports import AssetStore, Chain, Say
from node_runtime.spec import SpecFile
from node_runtime.spec_fields import Source
from node_runtime.spec_models import BundleSpec, TaskSpec
from node_runtime.spec_parts import Asset as Named
from node_runtime.task import Account, Asset, AssetKind, AssetRef, Visibility


class Uploaded:
    """Where each file or folder of a YAML went."""

    def __init__(self) -> None:
        self._refs: dict[Path, AssetRef] = {}
        self._first: dict[AssetRef, tuple[Path, Named]] = {}

    def ref(self, source: Source) -> AssetRef:
        return source if isinstance(source, AssetRef) else self._refs[source]

    def environment(self, bundle: Source) -> AssetRef:
        """The algo that was made of the bundle's requirements."""
        assert isinstance(bundle, Path)  # the reader of the YAML asks for an algo otherwise
        return self._refs[_environment(bundle)]

    def __contains__(self, path: Path) -> bool:
        return path in self._refs

    def add(self, path: Path, ref: AssetRef, named: Named) -> None:
        """Raises `SpecError` when the same bytes are already there as something else: kinds and labels are for ever."""
        self._refs[path] = ref
        other, first = self._first.setdefault(ref, (path, named))
        if (first.kind, first.label) != (named.kind, named.label):
            raise SpecError(
                f"{path} holds the same bytes as {other}, but one is {_as_what(named)} and the other {_as_what(first)}",
                remedy="name different files: an asset is one thing for ever",
            )

    def assets(self, uri: Callable[[AssetRef], str]) -> list[Asset]:
        return [
            Asset(ref=ref, kind=named.kind, label=named.label, visibility=Visibility.SHARED, uri=uri(ref))
            for ref, (_, named) in self._first.items()
        ]

    def path(self, ref: AssetRef) -> Path:
        return self._first[ref][0]


def upload(file: SpecFile, owner: Account, store: AssetStore, *, say: Say) -> Uploaded:
    """Store everything the file names by its path. What is in storage already isn't stored again."""
    uploaded = Uploaded()
    for named in dict.fromkeys(asset for entry in file.entries for asset in entry.spec.assets()):
        if not isinstance(named.source, Path):
            continue
        known = named.source in uploaded
        digest = uploaded.ref(named.source).digest if known else put_own_files(named.source, named.kind, store)
        uploaded.add(named.source, AssetRef(owner=owner, digest=digest), named)
        say(f"stored {_as_what(named)} {named.source} as {digest[:12]}…")
    for bundle in dict.fromkeys(bundle for _, spec in file.tasks for bundle in _without_algo(spec)):
        with environment_of(bundle) as folder:
            ref = AssetRef(owner=owner, digest=store.put(folder))
        uploaded.add(_environment(bundle), ref, Named(source=bundle, kind=AssetKind.ALGO))
        say(f"stored the image that {bundle} requires as {ref.digest[:12]}…")
    return uploaded


def _without_algo(spec: TaskSpec) -> list[Path]:
    if isinstance(spec, BundleSpec) and spec.algo is None and isinstance(spec.bundle, Path):
        return [spec.bundle]
    return []


def _environment(bundle: Path) -> Path:
    """What stands for the image of a bundle among the paths of the YAML, also in messages."""
    return bundle / "Dockerfile"


def register(uploaded: Uploaded, chain: Chain, store: AssetStore) -> None:
    """Tell the chain of them; free of charge for what it knows already. Raises `ChainRefused` naming the path."""
    assets = uploaded.assets(lambda ref: store.uri(ref.digest))
    try:
        chain.register_assets(assets)
    except ChainRefused as refused:
        for asset in assets:
            known = chain.asset(asset.ref)
            if known is not None and (known.kind, known.label) != (asset.kind, asset.label):
                raise ChainRefused(
                    refused.rule,
                    f"{uploaded.path(asset.ref)} is {_as_what(asset)} here, but these bytes are registered as "
                    f"{_as_what(known)} of yours",
                    remedy="use them as that, or name other files: kinds and labels are for ever",
                ) from refused
        raise


def _as_what(asset: Named | Asset) -> str:
    if asset.label is not None:
        return f"a {asset.label.capitalize()} sample"
    return f"the {asset.kind}"
