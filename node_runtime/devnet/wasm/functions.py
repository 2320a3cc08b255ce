"""Host functions that the supported runtimes import.

Source: the Polkadot protocol specification, "Host API", and the crate sp-io. Each function here is the import
``ext_<name>_version_<n>`` as the table at the end has it; integers are wasm's, bytes pass through memory.
"""

import logging
from collections.abc import Callable, Mapping
from hashlib import blake2b, sha256

import ed25519_zebra
import sr25519
import xxhash

from node_runtime.devnet.scale import Reader, ScaleError
from node_runtime.devnet.state.trie import Layout, blake2_256, ordered_root, root_of

from .call import CallContext, HostRefusal

HostFunction = Callable[..., int | None]
"""Takes the `CallContext` and wasm's integers."""

_SHOWN = 2  # warnings and errors, as sp-core's LogLevelFilter counts
_LEVELS = {0: logging.ERROR, 1: logging.WARNING, 2: logging.INFO}  # sp-core's RuntimeInterfaceLogLevel

runtime_log = logging.getLogger("node_runtime.devnet.runtime")


# storage


def storage_get(call: CallContext, key: int) -> int:
    return call.memory.give_option(call.overlay.get(call.memory.read(key)))


def storage_read(call: CallContext, key: int, out: int, offset: int) -> int:
    """Copy a value from ``offset`` into ``out`` as far as it fits; return its available length as ``Option<u32>``."""
    value = call.overlay.get(call.memory.read(key))
    if value is None:
        return call.memory.give_span(b"\0")
    wanted = value[offset:]
    call.memory.write_into(out, wanted)
    return call.memory.give_span(b"\1" + len(wanted).to_bytes(4, "little"))


def storage_set(call: CallContext, key: int, value: int) -> None:
    call.overlay.set(call.memory.read(key), call.memory.read(value))


def storage_clear(call: CallContext, key: int) -> None:
    call.overlay.set(call.memory.read(key), None)


def storage_exists(call: CallContext, key: int) -> int:
    return int(call.overlay.get(call.memory.read(key)) is not None)


def storage_append(call: CallContext, key: int, item: int) -> None:
    call.overlay.append(call.memory.read(key), call.memory.read(item))


def storage_next_key(call: CallContext, key: int) -> int:
    return call.memory.give_option(call.overlay.next_key(call.memory.read(key)))


def storage_clear_prefix(call: CallContext, prefix: int, limit: int) -> int:
    """Return a ``KillStorageResult``: whether committed keys remain, and how many were visited."""
    bound = Reader(call.memory.read(limit))
    most = bound.u32() if bound.u8() else None
    remain, visited = call.overlay.clear_prefix(call.memory.read(prefix), most)
    return call.memory.give_span(bytes((remain,)) + visited.to_bytes(4, "little"))


def storage_root(call: CallContext, version: int) -> int:
    if Layout.of_version(version) is not Layout.V1:
        raise HostRefusal("this host keeps state in layout V1 only; set the runtime's system_version to 1")
    return call.memory.give_span(root_of(call.overlay.trie()))


def storage_start_transaction(call: CallContext) -> None:
    call.overlay.begin()


def storage_commit_transaction(call: CallContext) -> None:
    call.overlay.commit()


def storage_rollback_transaction(call: CallContext) -> None:
    call.overlay.rollback()


def trie_ordered_root(call: CallContext, items: int, version: int) -> int:
    values = Reader(call.memory.read(items)).prefixed_list()
    return call.memory.give(ordered_root(values, Layout.of_version(version)))


# hashes


def hashing_blake2_128(call: CallContext, data: int) -> int:
    return call.memory.give(blake2b(call.memory.read(data), digest_size=16).digest())


def hashing_blake2_256(call: CallContext, data: int) -> int:
    return call.memory.give(blake2_256(call.memory.read(data)))


def hashing_sha2_256(call: CallContext, data: int) -> int:
    return call.memory.give(sha256(call.memory.read(data)).digest())


def hashing_keccak_256(call: CallContext, data: int) -> int:
    from eth_hash.auto import keccak  # slow to import; only Ethereum-style signatures need it

    return call.memory.give(keccak(call.memory.read(data)))


def twox(data: bytes, words: int) -> bytes:
    """Return Substrate's fast hash of 8 bytes per word: xxHash64 with seeds 0, 1, ..., each little-endian."""
    return b"".join(xxhash.xxh64_digest(data, seed=seed)[::-1] for seed in range(words))


# signatures


def crypto_sr25519_verify(call: CallContext, signature: int, message: int, public: int) -> int:
    memory = call.memory
    return int(sr25519.verify(memory.read_at(signature, 64), memory.read(message), memory.read_at(public, 32)))


def crypto_ed25519_verify(call: CallContext, signature: int, message: int, public: int) -> int:
    memory = call.memory
    return int(ed25519_zebra.ed_verify(memory.read_at(signature, 64), memory.read(message), memory.read_at(public, 32)))


def crypto_secp256k1_recover_compressed(call: CallContext, signature: int, digest: int) -> int:
    """Return ``Result<[u8; 33], EcdsaVerifyError>``: 0 bad R or S, 1 bad V, 2 bad signature."""
    from eth_keys.datatypes import Signature  # slow to import; only Ethereum-style signatures need it

    raw = call.memory.read_at(signature, 65)
    recovery = raw[64] - 27 if raw[64] >= 27 else raw[64]
    if recovery > 3:
        return call.memory.give_span(b"\1\1")
    try:
        found = Signature(raw[:64] + bytes((recovery,)))
        public = found.recover_public_key_from_msg_hash(call.memory.read_at(digest, 32))
    except Exception:  # the library raises several unrelated types; all mean that no key was recovered
        return call.memory.give_span(b"\1\2")
    return call.memory.give_span(b"\0" + public.to_compressed_bytes())


def keystore(call: CallContext, *_: int) -> int:  # noqa: ARG001  the signature of every host function
    raise HostRefusal("the devnet holds no session keys: its blocks carry no seal")


# miscellaneous


def misc_runtime_version(call: CallContext, code: int) -> int:
    """Return ``Option<Vec<u8>>``, the encoded version of a candidate runtime."""
    try:
        return call.memory.give_option(call.version_of(call.memory.read(code)))
    except ScaleError:
        return call.memory.give_option(None)


def misc_print_utf8(call: CallContext, text: int) -> None:
    runtime_log.debug("%s", call.memory.read(text).decode(errors="replace"))


def misc_print_hex(call: CallContext, data: int) -> None:
    runtime_log.debug("0x%s", call.memory.read(data).hex())


def misc_print_num(_call: CallContext, number: int) -> None:
    runtime_log.debug("%d", number)


def logging_max_level(_call: CallContext) -> int:
    return _SHOWN


def logging_log(call: CallContext, level: int, target: int, message: int) -> None:
    text = call.memory.read(message).decode(errors="replace")
    if level == 0:
        call.last_words = text
    place = call.memory.read(target).decode(errors="replace")
    runtime_log.log(_LEVELS.get(level, logging.DEBUG), "%s: %s", place, text)


HOST_FUNCTIONS: Mapping[str, HostFunction] = {
    "ext_storage_get_version_1": storage_get,
    "ext_storage_read_version_1": storage_read,
    "ext_storage_set_version_1": storage_set,
    "ext_storage_clear_version_1": storage_clear,
    "ext_storage_exists_version_1": storage_exists,
    "ext_storage_append_version_1": storage_append,
    "ext_storage_next_key_version_1": storage_next_key,
    "ext_storage_clear_prefix_version_2": storage_clear_prefix,
    "ext_storage_root_version_2": storage_root,
    "ext_storage_start_transaction_version_1": storage_start_transaction,
    "ext_storage_commit_transaction_version_1": storage_commit_transaction,
    "ext_storage_rollback_transaction_version_1": storage_rollback_transaction,
    "ext_trie_blake2_256_ordered_root_version_2": trie_ordered_root,
    "ext_hashing_blake2_128_version_1": hashing_blake2_128,
    "ext_hashing_blake2_256_version_1": hashing_blake2_256,
    "ext_hashing_sha2_256_version_1": hashing_sha2_256,
    "ext_hashing_keccak_256_version_1": hashing_keccak_256,
    "ext_crypto_sr25519_verify_version_2": crypto_sr25519_verify,
    "ext_crypto_ed25519_verify_version_1": crypto_ed25519_verify,
    "ext_crypto_secp256k1_ecdsa_recover_compressed_version_2": crypto_secp256k1_recover_compressed,
    "ext_crypto_sr25519_generate_version_1": keystore,
    "ext_crypto_sr25519_sign_version_1": keystore,
    "ext_crypto_ed25519_generate_version_1": keystore,
    "ext_crypto_ed25519_sign_version_1": keystore,
    "ext_misc_runtime_version_version_1": misc_runtime_version,
    "ext_misc_print_utf8_version_1": misc_print_utf8,
    "ext_misc_print_hex_version_1": misc_print_hex,
    "ext_misc_print_num_version_1": misc_print_num,
    "ext_logging_max_level_version_1": logging_max_level,
    "ext_logging_log_version_1": logging_log,
}
