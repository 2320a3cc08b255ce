"""Runtime upgrades of a stored chain; unusable code is refused."""

import logging
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from node_runtime.devnet import blocks, runtime_api
from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.pool import Status, StatusName
from node_runtime.devnet.scale import prefixed
from node_runtime.devnet.state.state import EmptyView, Overlay
from node_runtime.devnet.state.store import Store
from node_runtime.devnet.upgrade import follow_package
from node_runtime.devnet.wasm.compiled import unpacked
from node_runtime.devnet.wasm.host import Runtime
from node_runtime.errors import InputError
from tests.devnet import Clock, OpenChain
from tests.stored import BEGIN, Stored
from tests.transfers import UNIT, Signer, development_keys
from tests.unit.devnet.tiny_runtimes import HEADER, tiny_runtime, usable_answers

SUDO, SET_CODE, SET_CODE_WITHOUT_CHECKS = bytes((6, 0)), bytes((0, 2)), bytes((0, 3))
DONE = 1  # the number of the stored chain's first task, whose result is a model


def signer(chain: EmbeddedChain, name: str) -> Signer:
    version, genesis = chain.runtime_at(chain.head.number).version, chain.hash_at(0)
    assert genesis is not None
    return Signer(
        keys=development_keys()[name],
        genesis=genesis,
        spec_version=version.spec_version,
        transaction_version=version.transaction_version,
    )


def set_code(chain: EmbeddedChain, code: bytes, *, call: bytes = SET_CODE_WITHOUT_CHECKS, by: str = "Alice") -> bytes:
    """Submit a runtime upgrade by sudo; return the transaction's hash."""
    author = signer(chain, by)
    return chain.submit(author.signed(SUDO + call + prefixed(code), nonce=chain.next_nonce(author.account)))


def follow(chain: EmbeddedChain, code: bytes, *, same_version: bool = False) -> list[str]:
    messages: list[str] = []
    follow_package(chain, code, same_version=same_version, say=messages.append)
    return messages


def test_a_stored_chain_goes_on_under_a_newer_runtime(old_chain: EmbeddedChain, code: bytes) -> None:
    before = old_chain.head.number
    versions = [old_chain.runtime_at(before).version.spec_version, old_chain.trials.version_of(code).spec_version]
    assert versions[0] < versions[1]
    messages = follow(old_chain, code)
    assert messages == [f"upgraded the stored chain from runtime version 1 to {versions[1]} in block {before + 1}"]
    assert old_chain.head.code == sha256(code).digest()
    assert not old_chain.upgrading
    bob = signer(old_chain, "Bob")
    old_chain.submit(bob.transfer(signer(old_chain, "Alice").account, UNIT, nonce=old_chain.next_nonce(bob.account)))
    assert len(old_chain.seal().block.extrinsics) == 2
    for number in range(before - 1, old_chain.head.number + 1):
        old_chain.execute_again(number)


def test_a_chain_that_was_upgraded_is_not_upgraded_again(
    old_chain: EmbeddedChain, stored: Stored, code: bytes, cache_folder: Path
) -> None:
    follow(old_chain, code)
    store = Store(stored.chain / "chain.sqlite")
    again = EmbeddedChain(
        store,
        code=code,
        preset="development",
        cache_folder=cache_folder,
        wall_clock=lambda: BEGIN,
        notify=lambda _transaction, _status: None,
    )
    assert follow(again, code) == []
    assert again.head == old_chain.head
    store.close()


def test_other_code_of_the_same_version_is_refused_with_both_hashes_until_it_is_allowed(
    open_chain: OpenChain, code: bytes
) -> None:
    other = unpacked(code)  # the same runtime, uncompressed
    chain = open_chain()
    head = chain.head
    with pytest.raises(InputError) as refused:
        follow(chain, other)
    assert f"stored {sha256(code).hexdigest()}, packaged {sha256(other).hexdigest()}" in refused.value.message
    assert "--upgrade" in refused.value.remedy
    assert chain.head == head
    version = chain.runtime_at(0).version.spec_version
    messages = follow(chain, other, same_version=True)
    assert messages == [f"upgraded the stored chain from runtime version {version} to {version} in block 1"]
    assert chain.head.code == sha256(other).digest()
    assert follow(open_chain(), other) == []


@pytest.mark.parametrize("same_version", [False, True])
def test_a_lower_version_is_always_refused(chain: EmbeddedChain, stored: Stored, same_version: bool) -> None:
    with pytest.raises(
        InputError, match=r"newer than this package's 1 .*: a chain never goes back; install"
    ) as refused:
        follow(chain, stored.runtime(), same_version=same_version)
    assert "--fresh" in refused.value.remedy
    assert chain.head.number == 0


def test_a_runtime_set_by_sudo_stays_while_the_package_is_unchanged(
    chain: EmbeddedChain, open_chain: OpenChain, code: bytes
) -> None:
    other = unpacked(code)
    set_code(chain, other)
    chain.seal()
    again = open_chain()
    assert follow(again, code) == []
    assert again.head.code == sha256(other).digest()


def test_a_chain_whose_sudo_key_is_another_is_refused_with_the_reason(chain: EmbeddedChain, code: bytes) -> None:
    alice, bob = signer(chain, "Alice"), signer(chain, "Bob")
    set_key = bytes((6, 2, 0)) + bob.account
    chain.submit(alice.signed(set_key, nonce=0))
    chain.seal()
    with pytest.raises(InputError, match="//Alice isn't its sudo key"):
        follow(chain, unpacked(code), same_version=True)


def without(function: str) -> Callable[[EmbeddedChain, bytes], bytes]:
    def build(chain: EmbeddedChain, _code: bytes) -> bytes:
        return tiny_runtime({name: answer for name, answer in usable_answers(chain).items() if name != function})

    return build


def another_chains(chain: EmbeddedChain, _code: bytes) -> bytes:
    answers = usable_answers(chain)
    answers["Core_version"] = answers["Core_version"].replace(b"node-runtime", b"nobody-knows")
    return tiny_runtime(answers)


BROKEN: dict[str, tuple[Callable[[EmbeddedChain, bytes], bytes], str]] = {
    "no wasm": (lambda _chain, _code: b"garbage", "no valid wasm"),
    "cut off": (lambda _chain, code: code[:1000], "no valid wasm"),
    "empty": (lambda _chain, _code: b"", "no valid wasm"),
    "no runtime": (lambda _chain, _code: b"\0asm\1\0\0\0", "Core_version"),
    "makes no block": (without("BlockBuilder_finalize_block"), "BlockBuilder_finalize_block"),
    "has no clock": (without("AuraApi_slot_duration"), "AuraApi_slot_duration"),
    "another chain's": (another_chains, "it is a runtime of 'nobody-knows', not of 'node-runtime'"),
}


@pytest.mark.parametrize("broken", list(BROKEN))
def test_code_that_is_no_usable_runtime_is_not_set_and_the_chain_goes_on(
    chain: EmbeddedChain,
    code: bytes,
    broken: str,
    statuses: list[tuple[bytes, Status]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    build, reason = BROKEN[broken]
    with caplog.at_level(logging.ERROR):
        transaction = set_code(chain, build(chain, code))
        sealed = chain.seal()
    assert len(sealed.block.extrinsics) == 1  # the clock's
    assert (transaction, StatusName.INVALID) in [(hash_, status.name) for hash_, status in statuses]
    (line,) = [line for line in caplog.messages if "sets code unusable as a runtime" in line]
    assert reason in line
    assert chain.head.code == sha256(code).digest()
    alice = signer(chain, "Alice")
    chain.submit(alice.transfer(signer(chain, "Bob").account, UNIT, nonce=0))
    assert len(chain.seal().block.extrinsics) == 2


def test_garbage_that_the_runtime_itself_refuses_costs_its_sender_a_fee_and_changes_nothing(
    chain: EmbeddedChain, code: bytes
) -> None:
    set_code(chain, b"garbage", call=SET_CODE)
    assert len(chain.seal().block.extrinsics) == 2
    assert chain.head.code == sha256(code).digest()
    alice = signer(chain, "Alice")
    assert runtime_api.account_nonce(chain.runtime_at(1).runtime, chain.overlay_at(1), alice.account) == 1


def test_after_a_new_runtime_the_next_block_is_due_at_once(chain: EmbeddedChain, code: bytes, clock: Clock) -> None:
    set_code(chain, unpacked(code))
    chain.seal()
    assert chain.upgrading
    clock.now += 1
    chain.seal()
    assert not chain.upgrading


def panicking_runtime(mode: bytes, cache_folder: Path) -> Runtime:
    """Build a runtime that starts blocks in this ``ExtrinsicInclusionMode`` and panics at any transaction."""
    answers = {
        "Core_initialize_block": mode,
        "BlockBuilder_inherent_extrinsics": b"\0",
        "BlockBuilder_finalize_block": HEADER.encode(),
        "BlockBuilder_apply_extrinsic": b"",
    }
    code = tiny_runtime(answers, bodies={"BlockBuilder_apply_extrinsic": "unreachable"})
    return Runtime(code, cache_folder)


@pytest.mark.parametrize(("mode", "refused"), [(b"\1", ()), (b"\0", (b"waiting",)), (b"", (b"waiting",))])
def test_a_runtime_that_migrates_gets_inherents_only_and_transactions_wait(
    tmp_path: Path, mode: bytes, refused: tuple[bytes, ...]
) -> None:
    built = blocks.build(
        panicking_runtime(mode, tmp_path),
        Overlay(EmptyView(), lambda: None),
        HEADER,
        now=BEGIN,
        slot_duration=2000,
        transactions=[b"waiting"],
        check_code=lambda _code: None,
    )
    assert built.only_inherents == (mode == b"\1")
    assert (built.included, built.refused) == ((), refused)


def test_of_two_unusable_runtimes_in_one_block_neither_is_set(chain: EmbeddedChain, code: bytes) -> None:
    for broken in ("makes no block", "has no clock"):
        set_code(chain, BROKEN[broken][0](chain, code))
    chain.seal()
    assert chain.head.code == sha256(code).digest()
