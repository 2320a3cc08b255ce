"""A node's private samples and models: samples added, both listed with what uses them, and removed."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from node_runtime.config import NodeConfig
from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Digest, Label, ModelId, ObjectiveId, Visibility
from node_runtime.domain.permissions import Permissions, Right
from node_runtime.domain.permitted import check_permissions
from node_runtime.domain.task import Spec, TaskId
from node_runtime.errors import ConfigError, HostError, InputError, StorageError
from node_runtime.ports.chain import Chain, ChainReads, TaskRecord
from node_runtime.stores import open_local_store
from node_runtime.stores.tree.walk import manifest_of

from .assembly import PRIVATE, PRIVATE_URI, open_cache, private_store, shared_store


@dataclass(frozen=True, kw_only=True)
class Made:
    """Which output of which task a private model is."""

    task: TaskId
    output: str
    model: ModelId


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A private sample or model. ``size`` is None without its bytes, ``asset`` and ``permissions`` where it isn't
    registered.

    ``made`` is None for a sample. ``tasks`` are the tasks that this account took or is offered and that use it,
    ``live`` those that aren't final; ``objectives`` are measured by it.
    """

    ref: AssetRef
    size: int | None
    asset: Asset | None
    permissions: Permissions | None = None
    made: Made | None = None
    tasks: tuple[TaskId, ...] = ()
    live: tuple[TaskId, ...] = ()
    objectives: tuple[ObjectiveId, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Added:
    """A sample that was added, its permissions, and why its bytes are known to others already; empty if they aren't."""

    asset: Asset
    permissions: Permissions
    public: tuple[str, ...]


def add_sample(
    config: NodeConfig, chain: Chain, folder: Path, label: Label, permissions: Permissions | None = None
) -> Added:
    """Store the sample's bytes on this node and register their digest, label and permissions. Idempotent.

    Permissions are needed for a new one: who may use it is never taken for granted, and never changes. Raises
    `InputError` without them, and for others than it is registered with.
    """
    digest = manifest_of(folder).digest
    ref = AssetRef(owner=chain.account, digest=digest)
    known = chain.asset(ref)
    kept = _permitted(chain, ref, permissions, registered=known is not None)
    if known is not None and known.visibility is Visibility.SHARED:
        raise InputError(
            f"{ref} is registered as a shared asset of this account, which stays so",
            remedy="change the data by a byte to make another sample, or use it as the shared one",
        )
    private_store(config).put(folder)
    asset = Asset(ref=ref, kind=AssetKind.DATA_SAMPLE, label=label, visibility=Visibility.PRIVATE, uri=PRIVATE_URI)
    chain.register_assets([asset], kept)
    return Added(asset=asset, permissions=kept, public=(*_public(config, digest), *_known_to_others(chain, digest)))


def _permitted(chain: ChainReads, ref: AssetRef, wanted: Permissions | None, *, registered: bool) -> Permissions:
    """Return the permissions that the sample has, or is to have."""
    if not registered:
        if wanted is None:
            raise InputError(
                "whose tasks may use this sample has to be said: it never changes, and nobody's may unless you say so",
                remedy="add --for ACCOUNT for each creator, --for public for everyone (what earlier releases took for "
                "granted), or --for me for your own tasks alone; --download public lets models made from it leave",
            )
        return wanted.of(ref.owner)
    if wanted is not None:
        check_permissions(ref, wanted, chain)
    return chain.permissions(ref)


def _public(config: NodeConfig, digest: Digest) -> Iterator[str]:
    with suppress(ConfigError, StorageError, HostError):  # the storage may be elsewhere, or down
        if shared_store(config).has(digest):
            yield f"the storage {config.storage} has these bytes already, so whoever reads it has them"


def _known_to_others(chain: ChainReads, digest: Digest) -> Iterator[str]:
    """Yield where another account named the same bytes on chain, as far as they are found there by their digest."""
    known = chain.known_bytes(digest)
    if known.model is not None and known.model.importer != chain.account:
        whose = f"model {known.model.model}" if known.model.model is not None else f"a model of {known.model.importer}"
        yield f"the chain knows these bytes as {whose}, so others may have them"
    for one in known.objectives:
        if one.owner != chain.account:
            yield (
                f"objective {one.id} of {one.owner} tests models by the same bytes, so others may have them, and no "
                "model that was trained on them is certified for it"
            )


def list_samples(config: NodeConfig, chain: ChainReads) -> tuple[Sample, ...]:
    """Return the samples and models whose bytes are here, and samples registered without, by their digests."""
    store = open_local_store(private_store_folder(config))
    registered = {one.ref.digest: one for one in chain.assets_of(chain.account) if one.visibility is Visibility.PRIVATE}
    every = sorted({*registered, *store.digests()})
    records = _records(chain)
    made = _private_models(records, chain)
    used = {record.task.id: (_named(record.spec, made), record.task.state.final) for record in records}
    return tuple(
        Sample(
            ref=AssetRef(owner=chain.account, digest=digest),
            size=store.size(digest) if store.has(digest) else None,
            asset=registered.get(digest),
            permissions=chain.permissions(registered[digest].ref) if digest in registered else None,
            made=made.get(digest),
            tasks=tuple(task for task, (digests, _) in used.items() if digest in digests),
            live=tuple(task for task, (digests, final) in used.items() if digest in digests and not final),
            objectives=tuple(one.id for one in chain.objectives_of(chain.account) if digest in one.samples),
        )
        for digest in every
    )


def remove_sample(config: NodeConfig, sample: Sample) -> None:
    """Remove the bytes from the node's private store and its cache. Idempotent; what the chain has of them stays.

    A copy left in the cache would serve a stranger who registers the same digest as an asset of their own.
    """
    open_local_store(private_store_folder(config)).remove(sample.ref.digest)
    with closing(open_cache(config)) as cache:
        cache.drop(sample.ref.digest)


def private_store_folder(config: NodeConfig) -> Path:
    private_store(config)  # which makes the folder, closed to others
    return config.work / PRIVATE


def _records(chain: ChainReads) -> tuple[TaskRecord, ...]:
    """Return the tasks of this account as a worker."""
    numbers = sorted({*(one.task for one in chain.assignments(chain.account)), *chain.offers(chain.account)})
    return tuple(filter(None, map(chain.record, numbers)))


def _private_models(records: Sequence[TaskRecord], chain: ChainReads) -> dict[Digest, Made]:
    """Return the models that this account made and that stay here, by their digests."""
    found = {}
    for record in records:
        declared = record.spec.roles.outputs if record.spec.roles is not None else ()
        stays = not record.output_rights.is_public(Right.DOWNLOAD)
        kept = [(place, one.name) for place, one in enumerate(declared) if one.private or stays]
        kept += [(0, "model")] if stays and not declared else []
        for submission in chain.submissions(record.task.id) if kept else ():
            for place, name in kept if submission.worker == chain.account else ():
                digest = submission.result.output(name)
                if digest is not None:
                    model = ModelId(submission=submission.id, output=place)
                    found[digest] = Made(task=record.task.id, output=name, model=model)
    return found


def _named(spec: Spec, made: Mapping[Digest, Made]) -> frozenset[Digest]:
    """Return the digests of the assets that a task names, and of the private models that it takes."""
    undeclared = {(parent, 0) for parent in spec.parents}
    takes = {(take.parent, take.output) for take in spec.roles.takes} if spec.roles is not None else undeclared
    models = (
        digest for digest, one in made.items() if one.model in spec.models or (one.task, one.model.output) in takes
    )
    return frozenset({*(ref.digest for ref in spec.assets), *models})
