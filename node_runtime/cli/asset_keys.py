"""Keys of assets as people type them: whole, by the digest alone, or by the digest's first digits."""

import re
from collections.abc import Callable, Iterable

from node_runtime.domain.assets import Account, AssetRef
from node_runtime.errors import InputError
from node_runtime.spec.fields import read_asset

KEY_HELP = "OWNER/DIGEST, or the digest of one of yours, or its first digits."
_SHORT = re.compile(r"[0-9a-f]{8,63}")


def read_key(text: str, own: Account, refs: Callable[[], Iterable[AssetRef]], *, listing: str) -> AssetRef:
    """Parse a key; without an owner it is one of ``own``, and of its digest eight digits are enough.

    ``refs`` are the assets that may be meant by them, ``listing`` is the command that prints their keys.
    """
    remedy = f"see '{listing}'"
    if _SHORT.fullmatch(text):
        found = sorted({ref for ref in refs() if ref.digest.startswith(text)}, key=str)
        if len(found) != 1:
            many = "several of yours begin" if found else "none of yours begins"
            raise InputError(f"KEY: {many} with {text}", remedy=remedy)
        return found[0]
    try:
        return read_asset(text if "/" in text else f"{own}/{text}")
    except ValueError as error:
        raise InputError(f"KEY: {error}", remedy=remedy) from None
