"""A runtime is tried out before it is set: its migrations fit into a block, and its calls end."""

import logging
from hashlib import sha256
from pathlib import Path

import pytest

from node_runtime.devnet import blocks, trial
from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.scale import prefixed
from node_runtime.devnet.state.state import EmptyView, Overlay
from node_runtime.devnet.trial import block_weight, largest_weight, too_heavy
from node_runtime.devnet.upgrade import follow_package
from node_runtime.devnet.wasm import host
from node_runtime.devnet.wasm.host import Runtime, RuntimePanic
from node_runtime.errors import InputError
from tests.crowded import crowd
from tests.stored import BEGIN
from tests.transfers import Signer, development_keys
from tests.unit.devnet.tiny_runtimes import ENDLESS, tiny_runtime, usable_answers

READ, WRITE = 25_000_000, 100_000_000  # picoseconds, as the runtime's RocksDbWeight
SUDO_SET_CODE_WITHOUT_CHECKS = bytes((6, 0, 0, 3))


class Counted(Overlay):
    """A storage that counts what a runtime reads and writes."""

    reads = writes = 0

    def get(self, key: bytes) -> bytes | None:
        self.reads += 1
        return super().get(key)

    def next_key(self, key: bytes) -> bytes | None:
        before = self.reads
        found = super().next_key(key)
        self.reads = before + 1
        return found

    def set(self, key: bytes, value: bytes | None) -> None:
        self.writes += 1
        super().set(key, value)


def migrated(chain: EmbeddedChain, code: bytes, cache_folder: Path) -> Counted:
    """The storage after a block of the new runtime over the chain's newest state, which stays as it is."""
    runtime, number = Runtime(code, cache_folder), chain.head.number
    state = Counted(chain.state_at(number), lambda: chain.trie_at(number))
    blocks.build(
        runtime,
        state,
        chain.header,
        now=BEGIN + 90_000,
        slot_duration=2_000,
        transactions=(),
        check_code=lambda _code: None,
    )
    return state


def test_a_migration_weighs_what_it_reads_and_writes(old_chain: EmbeddedChain, code: bytes, cache_folder: Path) -> None:
    few = migrated(old_chain, code, cache_folder)
    records = crowd(old_chain, 120)
    many = migrated(old_chain, code, cache_folder)
    storage = (many.reads - few.reads) * READ + (many.writes - few.writes) * WRITE
    messages = block_weight(many) - block_weight(few)
    assert records > 2 * 120
    assert storage <= messages <= 1.5 * storage


def test_a_migration_that_weighs_more_than_a_block_is_executed_and_told(
    old_chain: EmbeddedChain, code: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    crowd(old_chain, 300)
    monkeypatch.setattr(trial, "largest_weight", lambda *_: 10**11)
    with caplog.at_level(logging.WARNING):
        follow_package(old_chain, code, same_version=False, say=print)
    assert old_chain.head.code == sha256(code).digest()
    assert "the block that migrates the chain's storage weighs" in caplog.text
    assert "a block holds 0.10 s" in caplog.text


def test_the_limit_is_the_runtimes_own(chain: EmbeddedChain) -> None:
    rules = chain.runtime_at(0)
    assert largest_weight(rules.version, rules.metadata) == 10**12
    chain.seal()
    state = chain.overlay_at(1)
    weight = block_weight(state)
    assert 0 < weight < 10**12
    assert too_heavy(state, weight) is None
    assert too_heavy(state, weight - 1) is not None


def looping(function: str, chain: EmbeddedChain) -> bytes:
    """Build a runtime of this chain that never returns from this function, or, without one, from its start."""
    answers = usable_answers(chain)
    return tiny_runtime(answers, bodies={function: ENDLESS}) if function else tiny_runtime(answers, start=ENDLESS)


LOOPS = ("", "Core_version", "AuraApi_slot_duration", "Core_initialize_block")


@pytest.mark.parametrize("function", LOOPS)
def test_a_runtime_that_loops_for_ever_is_not_set_and_the_chain_goes_on(
    chain: EmbeddedChain, code: bytes, function: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host, "TRIAL_S", 0.3)
    endless = looping(function, chain)
    version = chain.runtime_at(0).version
    alice = Signer(
        keys=development_keys()["Alice"],
        genesis=chain.head.hash,
        spec_version=version.spec_version,
        transaction_version=version.transaction_version,
    )
    chain.submit(alice.signed(SUDO_SET_CODE_WITHOUT_CHECKS + prefixed(endless), nonce=0))
    chain.seal()
    assert chain.head.code == sha256(code).digest()
    reason = chain.trials.refused[sha256(endless).digest()]
    assert (f"{function} didn't end within 0.3 seconds" if function else "interrupt") in reason
    assert len(chain.seal().block.extrinsics) == 1


def test_a_package_whose_runtime_loops_for_ever_is_refused_with_the_reason(
    chain: EmbeddedChain, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(host, "TRIAL_S", 0.3)
    with caplog.at_level(logging.ERROR), pytest.raises(InputError, match="Core_initialize_block didn't end within"):
        follow_package(chain, looping("Core_initialize_block", chain), same_version=True, say=print)
    assert chain.head.number == 0


def test_a_call_on_trial_that_ends_in_time_ends_as_any_other(code: bytes, cache_folder: Path) -> None:
    overlay = Overlay(EmptyView(), lambda: None)
    tried, usual = Runtime(code, cache_folder, on_trial=True), Runtime(code, cache_folder)
    assert tried.call("Core_version", b"", overlay) == usual.call("Core_version", b"", overlay)
    with pytest.raises(RuntimePanic, match="Timestamp must be updated once in the block"):
        tried.call("BlockBuilder_finalize_block", b"", overlay)
