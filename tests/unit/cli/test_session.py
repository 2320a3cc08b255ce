"""An asset's key is read whole, or by the digest of one's own, whole or its first digits."""

import pytest

from node_runtime.cli.session import read_key
from node_runtime.domain.assets import Account, AssetRef, Digest
from node_runtime.errors import InputError

OWN = Account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
OTHER = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
REFS = [
    AssetRef(owner=OWN, digest=Digest(begin + "0" * (64 - len(begin))))
    for begin in ("7aff8e5c65b5", "7aff8e5c0000", "12345678")
]


def read(text: str) -> AssetRef:
    return read_key(text, OWN, lambda: REFS, listing="node-runtime asset list")


def test_the_first_digits_of_a_digest_are_enough() -> None:
    assert read("12345678") == REFS[2]
    assert read("7aff8e5c65") == REFS[0]


def test_a_whole_key_or_digest_need_not_be_known() -> None:
    assert read("f" * 64) == AssetRef(owner=OWN, digest=Digest("f" * 64))
    assert read(f"{OTHER}/{'f' * 64}") == AssetRef(owner=OTHER, digest=Digest("f" * 64))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("7aff8e5c", "several of yours begin with 7aff8e5c"),
        ("99999999", "none of yours begins with 99999999"),
        ("1234567", "is no asset's key"),
    ],
)
def test_what_is_not_one_asset_is_refused(text: str, reason: str) -> None:
    with pytest.raises(InputError) as refused:
        read(text)
    assert reason in refused.value.message
    assert refused.value.remedy == "see 'node-runtime asset list'"
