"""The upgrade of a stored chain to the packaged runtime: a block with ``set_code``, then the migrations.

A stored chain records which packaged runtime it last followed. It is upgraded only where the package has another one;
otherwise a runtime that was set by sudo stays.
"""

from collections.abc import Callable
from hashlib import sha256

from node_runtime.devnet.rpc.request import hexed
from node_runtime.errors import HostError, InputError

from .chain import EmbeddedChain

Say = Callable[[str], None]

SUDO = "//Alice"  # of a development chain
_FRESH = "or begin anew with --fresh (the stored chain is lost), or with another folder"


def follow_package(chain: EmbeddedChain, code: bytes, *, same_version: bool, say: Say) -> None:
    """Set ``code`` where the stored chain doesn't follow it yet, and finish the migrations.

    ``same_version`` allows other code with the stored spec_version. Raises `InputError` for refused code and leaves the
    chain unchanged.
    """
    packaged = sha256(code).digest()
    if chain.origin.wasm != packaged.hex():
        if chain.head.code != packaged:
            _check_version(chain, code, same_version=same_version)
            _set_code(chain, code, say)
        chain.follow(packaged.hex())
    _finish(chain)


def _check_version(chain: EmbeddedChain, code: bytes, *, same_version: bool) -> None:
    stored, offered = chain.runtime_at(chain.head.number).version, chain.trials.version_of(code)
    hashes = f"stored {chain.head.code.hex()}, packaged {sha256(code).hexdigest()}"
    if offered.spec_name != stored.spec_name:
        raise InputError(
            f"the stored chain is {stored.spec_name!r}, the packaged runtime is {offered.spec_name!r} ({hashes})",
            remedy=f"start with the release that made it, {_FRESH}",
        )
    if offered.spec_version < stored.spec_version:
        raise InputError(
            f"the stored chain has runtime version {stored.spec_version}, newer than this package's "
            f"{offered.spec_version} ({hashes}): a chain never goes back",
            remedy=f"install the release that it was last started with, {_FRESH}",
        )
    if offered.spec_version == stored.spec_version and not same_version:
        raise InputError(
            f"the stored chain's runtime and the packaged one are both version {stored.spec_version}, but differ "
            f"({hashes})",
            remedy=f"start with --upgrade to set the packaged one without a migration, {_FRESH}",
        )


def _set_code(chain: EmbeddedChain, code: bytes, say: Say) -> None:
    before, after = chain.runtime_at(chain.head.number).version, chain.trials.version_of(code)
    versions = f"from version {before.spec_version} to {after.spec_version}"
    chain.submit(_transaction(chain, code))
    reason = chain.upgrade_obstacle() or chain.trials.refused.get(sha256(code).digest())
    if reason is not None:
        raise InputError(
            f"the stored chain can't be upgraded {versions} after block {chain.head.number}: {reason}",
            remedy=f"go on with the release that it was last started with, {_FRESH}",
        )
    chain.seal()
    if chain.head.code != sha256(code).digest():
        raise InputError(
            f"the stored chain can't be upgraded {versions}: {SUDO} isn't its sudo key",
            remedy=f"start it with the release that made it and set the code with its sudo key, {_FRESH}",
        )
    say(
        f"upgraded the stored chain from runtime version {before.spec_version} to {after.spec_version} "
        f"in block {chain.head.number}"
    )


def _transaction(chain: EmbeddedChain, code: bytes) -> bytes:
    """Return the sudo key's ``set_code``, signed for the runtime in force; unchecked for code of the same version."""
    # a client's libraries take 16 MB, and only an upgrade needs them
    from substrateinterface import Keypair

    from node_runtime.substrate.codec import Call, Codec, RuntimeVersion
    from node_runtime.substrate.sender import sign

    key = Keypair.create_from_uri(SUDO)
    loaded = chain.runtime_at(chain.head.number)
    genesis = chain.hash_at(0)
    assert genesis is not None  # a chain that is open has a first block
    version = RuntimeVersion(
        genesis=hexed(genesis),
        code=hexed(chain.head.code),
        spec=loaded.version.spec_version,
        transaction=loaded.version.transaction_version,
    )
    newer = chain.trials.version_of(code).spec_version > loaded.version.spec_version
    function = "set_code" if newer else "set_code_without_checks"
    inner = Call(pallet="System", function=function, arguments={"code": hexed(code)})
    codec = Codec(version, loaded.metadata)
    call = codec.call(Call(pallet="Sudo", function="sudo", arguments={"call": inner.named()}))
    nonce = chain.next_nonce(bytes(key.public_key))
    return sign(codec, key, call, nonce=nonce, block=chain.head.number, block_hash=hexed(chain.head.hash)).encoded


def _finish(chain: EmbeddedChain) -> None:
    """Make blocks until the migrations are through."""
    while chain.upgrading:
        chain.seal()
    if chain.stuck:
        raise HostError(
            f"the migrations of the stored chain's runtime don't end (block {chain.head.number})",
            remedy=f"report it; start with the release that made the chain, {_FRESH}",
        )
