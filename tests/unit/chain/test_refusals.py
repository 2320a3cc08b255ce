"""Does every refusal of the chain's node lead to the right next step?"""

import pytest

from node_runtime.chain.connection import RpcRefused
from node_runtime.chain.refusals import Verdict, pool_refusal, verdict
from node_runtime.errors import ChainRefused


def refusal(code: int, data: str = "") -> RpcRefused:
    return RpcRefused("author_submitExtrinsic", code, "Invalid Transaction", data)


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (refusal(1010, "Transaction is outdated"), Verdict.PERHAPS),
        (refusal(1010, "Transaction has an ancient birth block"), Verdict.PERHAPS),
        (refusal(1012), Verdict.PERHAPS),
        (refusal(1013), Verdict.PERHAPS),
        (refusal(1014), Verdict.PERHAPS),
        (refusal(1016), Verdict.PERHAPS),
        (refusal(1010, "Transaction has a bad signature"), Verdict.RESIGN),
        (refusal(1010, "Inability to pay some fees (e.g. account balance too low)"), Verdict.FINAL),
        (refusal(1010, "Transaction would exhaust the block limits"), Verdict.FINAL),
        (refusal(1002, "Verification Error"), Verdict.FINAL),
        (refusal(-32603), Verdict.FINAL),
    ],
)
def test_only_what_can_not_be_in_a_block_is_given_up(refused: RpcRefused, expected: Verdict) -> None:
    assert verdict(refused) is expected


def test_an_unpayable_fee_is_a_broken_rule_with_a_remedy() -> None:
    error = pool_refusal(refusal(1010, "Inability to pay some fees (e.g. account balance too low)"), "take task 3")
    assert isinstance(error, ChainRefused)
    assert (error.rule, error.exit_code) == ("TooLittleBalance", 3)
    assert str(error).startswith("can't take task 3: the free balance doesn't cover the transaction's fee")
    assert error.remedy
