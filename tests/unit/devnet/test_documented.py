"""The methods and limits in docs/embedded-chain.md match the implementation."""

import asyncio
import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.rpc.dispatch import Dispatcher
from node_runtime.devnet.rpc.request import LARGEST_REPLY
from node_runtime.devnet.rpc.subscriptions import Subscriptions
from node_runtime.devnet.server.client import ServedClient
from node_runtime.devnet.server.connections import LARGEST_MESSAGE, ServerLimits

DOCS = (Path(__file__).parents[3] / "docs" / "embedded-chain.md").read_text()
MIB = 1 << 20
OFFERED = """
    author_submitAndWatchExtrinsic payment_queryInfo payment_queryFeeDetails state_getKeys state_getKeysPagedAt
    state_getReadProof state_getStorageAt state_getStorageHashAt state_getStorageSizeAt state_queryStorage
    system_dryRun chainSpec_v1_chainName chainSpec_v1_genesisHash chainSpec_v1_properties chainHead_v1_body
    chainHead_v1_call chainHead_v1_continue chainHead_v1_follow chainHead_v1_header chainHead_v1_stopOperation
    chainHead_v1_storage chainHead_v1_unfollow chainHead_v1_unpin transaction_v1_broadcast transaction_v1_stop
    archive_v1_body archive_v1_call archive_v1_storage
"""


def table(title: str) -> list[list[str]]:
    """Return the rows of the first table after this title, as lists of cells."""
    found = re.search(r"\n\n\|.*\n\|[-|]+\n((?:\|.*\n)+)", DOCS[DOCS.index(title) :])
    assert found is not None
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in found[1].splitlines()]


def methods(chain: EmbeddedChain) -> set[str]:
    dispatcher, client = Dispatcher(chain, Subscriptions()), object.__new__(ServedClient)
    reply = asyncio.run(dispatcher.answer('{"jsonrpc": "2.0", "id": 1, "method": "rpc_methods"}', client))
    return set(json.loads(reply or b"")["result"]["methods"])


def test_the_documented_methods_are_offered_and_the_excluded_ones_are_not(chain: EmbeddedChain) -> None:
    offered = methods(chain)
    left_out = [name for cell, _ in table("Left out") for name in re.findall(r"`([\w*]+)`", cell)]
    assert len(left_out) > 15
    assert [(name, out) for name in offered for out in left_out if fnmatchcase(name, out)] == []
    assert set(OFFERED.split()) <= offered


def test_the_limits_are_as_said() -> None:
    output = {limit: value for limit, value, _ in table("## Limits")}
    limits = ServerLimits()
    assert output["a message from a client"] == f"{LARGEST_MESSAGE // MIB} MiB" == "15 MiB"
    assert output["a reply, or the reply to a batch"] == f"{LARGEST_REPLY // MIB} MiB" == "16 MiB"
    assert output["messages that wait for a client to read them"] == f"{limits.queued // MIB} MiB" == "32 MiB"
    assert output["connections"] == f"{limits.connections}"
    assert output["silence on a connection without subscriptions"] == f"{limits.idle_s / 60:g} minutes" == "10 minutes"
