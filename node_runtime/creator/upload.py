"""What a file names by path: stored by digest, and registered.

The image of a bundle without an algo is built from its requirements.txt and setup.sh before the task runs, since a
running task has no network; see `bundle_image`.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from node_runtime.domain.assets import (
    Account,
    Asset,
    AssetKind,
    AssetRef,
    Digest,
    Label,
    Objective,
    ObjectiveId,
    Visibility,
)
from node_runtime.domain.permissions import Admits, Permissions, by_permissions
from node_runtime.domain.permitted import check_permissions
from node_runtime.errors import ChainRefused, InputError, SpecError
from node_runtime.platform.archive import ArchiveRefused
from node_runtime.platform.printable import Say
from node_runtime.ports.chain import CreatorCalls
from node_runtime.ports.store import AssetStore
from node_runtime.spec.common import AssetSpec
from node_runtime.spec.fields import Source, check_image
from node_runtime.spec.function_file import read_signature
from node_runtime.spec.objective import ObjectiveSpec
from node_runtime.spec.own_files import IMAGES, image_folder, included_in, own_files
from node_runtime.spec.permission_checks import stated_in
from node_runtime.spec.read import SpecFile
from node_runtime.stores.tree.walk import manifest_of

from .bundle_image import environment_of
from .permissions import admits_of, permissions_of


def put_own_files(path: Path, kind: AssetKind, store: AssetStore) -> Digest:
    """Store a file or folder without generated files; data and models unchanged. Raises `InputError`."""
    with _own(path, kind) as folder:
        return store.put(folder)


def digest_of_own_files(path: Path, kind: AssetKind) -> Digest:
    """Return the digest under which `put_own_files` would store the path."""
    with _own(path, kind) as folder:
        return manifest_of(folder).digest


@contextmanager
def _own(path: Path, kind: AssetKind) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(image_folder(path)) if kind in IMAGES else path
            included = included_in(folder, kind)
        except ArchiveRefused as refused:
            raise InputError(str(refused)) from refused
        except ValueError as error:
            told = f"{path / '.dockerignore'}: {error}"
            raise InputError(told, remedy="write it in UTF-8, a pattern a line") from error
        yield stack.enter_context(own_files(folder, included))


class Uploaded:
    """The asset references of the files and folders that a YAML names."""

    def __init__(self) -> None:
        self._refs: dict[Path, AssetRef] = {}
        self._first: dict[AssetRef, tuple[Path, AssetSpec]] = {}
        self._permissions: dict[AssetRef, tuple[Path, Permissions]] = {}
        self.admits: dict[str, Admits] = {}  # by the objective's name

    def ref(self, source: Source) -> AssetRef:
        return source if isinstance(source, AssetRef) else self._refs[source]

    def environment(self, bundle: Source) -> AssetRef:
        """Return the algo that installs the bundle's requirements."""
        assert isinstance(bundle, Path)  # the YAML reader requires an algo otherwise
        return self._refs[_environment(bundle)]

    def objective(self, spec: ObjectiveSpec, owner: Account, *, number: int = 0) -> Objective:
        """Return the objective of a spec; ``number`` is 0 until the chain gives it one."""
        return Objective(
            id=ObjectiveId(number),
            owner=owner,
            name=spec.name,
            metric=self.ref(spec.metric).digest,
            opener=self.ref(spec.opener).digest,
            direction=spec.direction,
            tolerance=spec.tolerance,
            samples=tuple(dict.fromkeys(self.ref(sample).digest for sample in spec.samples)),
        )

    def __contains__(self, path: Path) -> bool:
        return path in self._refs

    def add(self, path: Path, ref: AssetRef, named: AssetSpec) -> None:
        """Record the asset of a path. Raises `SpecError` if the same bytes have another kind or label already."""
        self._refs[path] = ref
        other, first = self._first.setdefault(ref, (path, named))
        if (first.kind, first.label) != (named.kind, named.label):
            raise SpecError(
                f"{path} holds the same bytes as {other}, but one is {as_what(named)} and the other {as_what(first)}",
                remedy="name different files: an asset is one thing for ever",
            )

    def permit(self, path: Path, permissions: Permissions) -> None:
        """Record what the file says of a path. Raises `SpecError` if it says something else of the same bytes."""
        other, known = self._permissions.setdefault(self.ref(path), (path, permissions))
        if not known.same_as(permissions):
            raise SpecError(
                f"{path} holds the same bytes as {other}, and has other permissions",
                remedy="say the same of both: they are one asset",
            )

    @property
    def permissions(self) -> Mapping[AssetRef, Permissions]:
        """What the file says of its assets, without those of which it says nothing."""
        return {ref: permissions for ref, (_, permissions) in self._permissions.items()}

    def assets(self, uri: Callable[[AssetRef], str]) -> list[Asset]:
        return [
            Asset(ref=ref, kind=named.kind, label=named.label, visibility=Visibility.SHARED, uri=uri(ref))
            for ref, (_, named) in self._first.items()
        ]

    def path(self, ref: AssetRef) -> Path:
        return self._first[ref][0]


def upload(file: SpecFile, owner: Account, store: AssetStore, *, say: Say) -> Uploaded:
    """Store everything that the file names by path, unless storage has it already."""
    uploaded = Uploaded()
    for path, named in _named(file):
        known = path in uploaded
        digest = uploaded.ref(path).digest if known else put_own_files(path, named.kind, store)
        uploaded.add(path, AssetRef(owner=owner, digest=digest), named)
        say(f"stored {as_what(named)} {path} as {digest[:12]}…")
    for bundle in _bundles_without_algo(file):
        with environment_of(bundle) as folder:
            ref = AssetRef(owner=owner, digest=store.put(folder))
        uploaded.add(_environment(bundle), ref, AssetSpec(source=bundle, kind=AssetKind.ALGO))
        say(f"stored the image that {bundle} requires as {ref.digest[:12]}…")
    _permit(file, uploaded)
    return uploaded


def foreseen(file: SpecFile, owner: Account) -> Uploaded:
    """Return what `upload` would, with placeholder digests: prices depend on lengths only."""
    uploaded = Uploaded()
    images = [(_environment(one), AssetSpec(source=one, kind=AssetKind.ALGO)) for one in _bundles_without_algo(file)]
    for path, named in (*_named(file), *images):
        digest = Digest(hashlib.sha256(str(path).encode()).hexdigest())
        uploaded.add(path, AssetRef(owner=owner, digest=digest), named)
    _permit(file, uploaded)
    return uploaded


def _permit(file: SpecFile, uploaded: Uploaded) -> None:
    """Record what the file says of its assets; the image that a bundle requires has the bundle's permissions."""
    built, kinds = _bundles_without_algo(file), file.kinds

    def digest_of(program: Path) -> Digest:
        return uploaded.ref(program).digest if program in uploaded else digest_of_own_files(program, kinds[program])

    for entry in file.entries:
        for stated in stated_in(entry.spec):
            permissions = permissions_of(stated.rights, digest_of)
            uploaded.permit(stated.path, permissions)
            if stated.path in built:
                uploaded.permit(_environment(stated.path), permissions)
        if entry.objective is not None and entry.objective.admits is not None:
            uploaded.admits[entry.objective.name] = admits_of(entry.objective.admits, digest_of)


def _named(file: SpecFile) -> list[tuple[Path, AssetSpec]]:
    every = dict.fromkeys(asset for entry in file.entries for asset in entry.spec.assets())
    return [(named.source, named) for named in every if isinstance(named.source, Path)]


def _bundles_without_algo(file: SpecFile) -> list[Path]:
    return list(dict.fromkeys(spec.unbuilt_bundle for _, spec in file.tasks if spec.unbuilt_bundle is not None))


def _environment(bundle: Path) -> Path:
    """Return the path that denotes a bundle's image in the mapping and in messages."""
    return bundle / "Dockerfile"


def register(uploaded: Uploaded, chain: CreatorCalls, store: AssetStore) -> None:
    """Register the assets; registered ones cost nothing again. Raises `ChainRefused` naming the path."""
    assets = uploaded.assets(lambda ref: store.uri(ref.digest))
    try:
        for permissions, some in by_permissions(assets, uploaded.permissions):
            chain.register_assets(some, permissions)
    except ChainRefused as refused:
        for asset in assets:
            known = chain.asset(asset.ref)
            if known is not None and (known.kind, known.label) != (asset.kind, asset.label):
                raise ChainRefused(
                    refused.rule,
                    f"{uploaded.path(asset.ref)} is {as_what(asset)} here, but these bytes are registered as "
                    f"{as_what(known)} of yours",
                    remedy="use them as that, or name other files: kinds and labels are for ever",
                ) from refused
        raise


def as_what(asset: AssetSpec | Asset) -> str:
    if asset.label is not None:
        return f"a {asset.label.capitalize()} sample"
    return f"the {asset.kind}"


def add_asset(
    path: Path,
    kind: AssetKind,
    label: Label | None,
    chain: CreatorCalls,
    store: AssetStore,
    *,
    permissions: Permissions | None = None,
    say: Say,
) -> Asset:
    """Store a file or folder and register it, for everyone without permissions.

    Raises `InputError`, also for other permissions than it is registered with, and `ChainRefused` for another kind or
    label.
    """
    if (kind is AssetKind.DATA_SAMPLE) != (label is not None):
        raise InputError(
            "a data sample has a label, other assets have none",
            remedy="add --label train or --label test" if label is None else f"leave --label out for a {kind}",
        )
    if permissions is not None and permissions.algos is not None and kind is not AssetKind.DATA_SAMPLE:
        told = f"programs are permitted to run with data samples, not with {kind.replace('_', ' ')}s"
        raise InputError(told, remedy="leave --algo out")
    if not path.exists():
        raise InputError(f"{path} doesn't exist", remedy="name a file or folder")
    if kind in IMAGES:
        _check_image(path, kind)
    ref = AssetRef(owner=chain.account, digest=put_own_files(path, kind, store))
    say(f"stored {path} as {ref.digest}")
    if permissions is not None and chain.asset(ref) is not None:
        check_permissions(ref, permissions, chain)
    uploaded = Uploaded()
    uploaded.add(path, ref, AssetSpec(source=path, kind=kind, label=label))
    if permissions is not None:
        uploaded.permit(path, permissions)
    register(uploaded, chain, store)
    asset = chain.asset(ref)
    assert asset is not None  # its block is finalised
    return asset


def _check_image(path: Path, kind: AssetKind) -> None:
    try:
        check_image(path)
        if kind is AssetKind.FUNCTION:
            read_signature(path)
    except ValueError as error:
        raise InputError(str(error), remedy="mend it; what is registered stays as it is") from error
