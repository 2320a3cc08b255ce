"""The clients that other people wrote for Substrate chains see each status of every call of ours."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from substrateinterface import SubstrateInterface

from tests.devnet import RpcConnection, start_devnet
from tests.peers.conftest import Script

pytestmark = [pytest.mark.peers, pytest.mark.slow]

PALLETS = {"Registry": "registry", "Tasks": "tasks"}


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    with start_devnet(tmp_path / "chain") as address:
        yield address


def calls_of_ours(url: str) -> set[str]:
    """The calls of our pallets, by the names that polkadot.js gives them."""
    with SubstrateInterface(url=url) as chain:
        return {
            f"{PALLETS[call['module_name']]}.{camel_case(call['call_name'])}"
            for call in chain.get_metadata_call_functions()
            if call["module_name"] in PALLETS
        }


def camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(word.title() for word in others)


def test_polkadot_js_sees_every_call_ready_then_in_a_block_then_final(url: str, run_script: Script) -> None:
    output = run_script("polkadot_js.mjs", url, *PALLETS.values())
    assert {one["name"] for one in output} == calls_of_ours(url)
    for one in output:
        assert one["statuses"] == ["Ready", "InBlock", "Finalized"], one["name"]
        assert {"system.ExtrinsicSuccess", "system.ExtrinsicFailed"} & set(one["events"]), one["name"]


def test_papi_sees_every_call_in_a_best_block_then_final_by_the_new_interface(url: str, run_script: Script) -> None:
    methods = [one["method"] for one in run_script("polkadot_js.mjs", url, *PALLETS.values())]
    *output, asked = run_script("papi.mjs", url, stdin=json.dumps(methods))
    assert len(output) == len(methods) == len(calls_of_ours(url))
    for one in output:
        assert one["seen"] == ["signed", "broadcasted", "txBestBlocksState:true", "finalized"], one["method"]
    assert {"chainHead_v1_follow", "chainHead_v1_body", "chainHead_v1_storage", "transaction_v1_broadcast"} <= set(
        asked["methods"]
    )
    assert not [method for method in asked["methods"] if method.startswith(("state_", "author_", "chain_"))]


def test_polkadot_js_asks_over_http(url: str, run_script: Script) -> None:
    methods = ["system_chain", "chain_getFinalizedHead", "state_getRuntimeVersion"]
    output = run_script("polkadot_js_http.mjs", url.replace("ws://", "http://"), json.dumps(methods))
    with RpcConnection(url) as rpc:
        assert output == [{"method": method, "result": rpc.result(method)} for method in methods]
