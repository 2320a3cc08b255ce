"""Upgrade a running chain of commit 7bf0b92 to the packaged runtime, as its sudo key would."""

from node_runtime.devnet.scale import prefixed
from node_runtime.devnet.server.server import RUNTIME
from tests.background import wait_until
from tests.devnet import RpcConnection, hexed, unhexed
from tests.transfers import Signer, development_keys

OLD = 1  # the spec_version of commit 7bf0b92
_SUDO_SET_CODE = bytes((6, 0, 0, 2))


def upgrade(url: str) -> None:
    """The sudo key sets the packaged runtime; returns when the chain has it."""
    with RpcConnection(url) as rpc:
        alice = Signer(
            keys=development_keys()["Alice"],
            genesis=unhexed(rpc.result("chain_getBlockHash", 0)),
            spec_version=OLD,
            transaction_version=1,
        )
        address = alice.keys.ss58_address
        call = _SUDO_SET_CODE + prefixed(RUNTIME.read_bytes())
        nonce = rpc.result("system_accountNextIndex", address)
        rpc.result("author_submitExtrinsic", hexed(alice.signed(call, nonce=nonce)))
        wait_until(lambda: rpc.result("state_getRuntimeVersion")["specVersion"] > OLD, "the chain to be upgraded")
