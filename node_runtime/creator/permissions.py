"""Permissions of a file's own assets, and what its objectives admit: the programs' paths resolved to digests."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from node_runtime.domain.assets import AssetRef, Digest
from node_runtime.domain.permissions import Admits, Permissions, differences
from node_runtime.ports.chain import ChainReads
from node_runtime.spec.common import Conflicts
from node_runtime.spec.entries import AnySpec
from node_runtime.spec.permission_checks import stated_in
from node_runtime.spec.permissions import AdmitsSpec, RightsSpec

DigestOf: TypeAlias = Callable[[Path], Digest]
"""Return the digest of one of the file's own programs."""


def changed_permissions(spec: AnySpec, chain: ChainReads, digest_of: DigestOf) -> Conflicts:
    """Compare what a document says of its files with what they are registered with, which never changes."""
    for stated in stated_in(spec):
        ref = AssetRef(owner=chain.account, digest=digest_of(stated.path))
        if chain.asset(ref) is None:
            continue
        known, here = chain.permissions(ref), permissions_of(stated.rights, digest_of).of(ref.owner)
        if not known.same_as(here):
            yield (
                stated.location,
                f"{stated.path} is registered with other permissions, which never change: "
                f"{'; '.join(differences(here, known))}. Say the same, or change a byte of it to make another asset",
            )


def permissions_of(stated: RightsSpec, digest_of: DigestOf) -> Permissions:
    """Return the permissions of an asset."""
    programs, rights = stated.programs, stated.rights()
    return rights if programs is None else replace(rights, algos=_digests(programs, digest_of))


def admits_of(stated: AdmitsSpec, digest_of: DigestOf) -> Admits:
    return Admits(owners=stated.owners or (), algos=_digests(stated.algos, digest_of))


def _digests(programs: Sequence[Digest | Path], digest_of: DigestOf) -> tuple[Digest, ...]:
    """Return the programs' digests in order, each once: equal permissions are equal."""
    return tuple(sorted({digest_of(one) if isinstance(one, Path) else one for one in programs}))
