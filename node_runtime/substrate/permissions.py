"""Reads of permissions: of assets, of models, and of what tasks make. Everything is public without a record."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import reduce
from itertools import chain
from typing import Any

from node_runtime.domain.assets import Account, AssetRef, ModelId, ObjectiveId
from node_runtime.domain.permissions import PUBLIC, Admits, Permissions
from node_runtime.domain.task import Spec, TaskId

from .blocks import Snapshot
from .convert import digest, digest_bytes, variant


def permissions_of(snapshot: Snapshot, of: AssetRef | ModelId) -> Permissions:
    if isinstance(of, AssetRef):
        return _permissions(_optional(snapshot, "Registry", "AssetPermissions", of.owner, digest_bytes(of.digest)))
    return rights(_optional(snapshot, "Registry", "ModelRights", of.submission, of.output))


def task_rights(snapshot: Snapshot, task: TaskId) -> Permissions:
    """Return the rights that the inputs of a task give on what it makes, narrowed by those that its creator gives."""
    inputs, given = (_optional(snapshot, "Tasks", item, task) for item in ("TaskRights", "OutputRights"))
    return rights(inputs).narrowed(rights(given))


def known_assets(snapshot: Snapshot, refs: Collection[AssetRef]) -> dict[AssetRef, Permissions]:
    """Return the permissions of those of the assets that the chain knows; one request reads all of them."""
    items = ["Assets", *(["AssetPermissions"] if snapshot.codec.knows("Registry", "AssetPermissions") else [])]
    keys = [(ref.owner, digest_bytes(ref.digest)) for ref in refs]
    values = snapshot.values_of([("Registry", item, key) for item in items for key in keys])
    permitted = values[len(keys) :] or [None] * len(keys)
    found = zip(refs, values[: len(keys)], permitted, strict=True)
    return {ref: _permissions(given) for ref, asset, given in found if asset is not None}


def rights_of_inputs(snapshot: Snapshot, spec: Spec, known: Mapping[AssetRef, Permissions]) -> Permissions:
    """Return the rights that all inputs of a task give; parents that don't exist yet (0) give all."""
    assets = (known[ref] for ref in spec.assets if ref in known)
    models = (permissions_of(snapshot, model) for model in spec.models)
    parents = (task_rights(snapshot, parent) for parent in spec.parents if parent)
    return reduce(Permissions.narrowed, chain(assets, models, parents), PUBLIC)


def admits(snapshot: Snapshot, objective: ObjectiveId) -> Admits | None:
    found = _optional(snapshot, "Registry", "ObjectiveAdmits", objective)
    if found is None:
        return None
    return Admits(owners=tuple(map(Account, found["owners"])), algos=tuple(digest(each) for each in found["algos"]))


def rights(value: Any) -> Permissions:
    """Convert the rights of accounts, of None public ones."""
    if value is None:
        return PUBLIC
    return Permissions(
        process=_accounts(value["process"]), download=_accounts(value["download"]), logs=_accounts(value["logs"])
    )


def _permissions(value: Any) -> Permissions:
    if value is None:
        return PUBLIC
    _, algos = variant(value["algos"])
    return replace(rights(value["rights"]), algos=None if algos is None else tuple(digest(each) for each in algos))


def _accounts(access: Any) -> tuple[Account, ...] | None:
    _, listed = variant(access)
    return None if listed is None else tuple(map(Account, listed))


def _optional(snapshot: Snapshot, pallet: str, item: str, *params: object) -> Any:
    """Return a value, None under a runtime that doesn't know its item."""
    return snapshot.value(pallet, item, *params) if snapshot.codec.knows(pallet, item) else None
