"""Classification of a node's refusals of transactions, and the errors made of them."""

import pytest

from node_runtime.domain.task import UNIT
from node_runtime.errors import ChainRefused
from node_runtime.substrate.connection import RpcRefused
from node_runtime.substrate.errors import PoolOutcome, pool_outcome, pool_refusal


def refusal(code: int, data: str = "") -> RpcRefused:
    return RpcRefused("author_submitExtrinsic", code, "Invalid Transaction", data)


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        (refusal(1010, "Transaction is outdated"), PoolOutcome.UNKNOWN),
        (refusal(1010, "Transaction has an ancient birth block"), PoolOutcome.UNKNOWN),
        (refusal(1012), PoolOutcome.UNKNOWN),
        (refusal(1013), PoolOutcome.UNKNOWN),
        (refusal(1014), PoolOutcome.UNKNOWN),
        (refusal(1016), PoolOutcome.UNKNOWN),
        (refusal(1010, "Transaction has a bad signature"), PoolOutcome.STALE_SIGNATURE),
        (refusal(1010, "Inability to pay some fees (e.g. account balance too low)"), PoolOutcome.REJECTED),
        (refusal(1010, "Transaction would exhaust the block limits"), PoolOutcome.REJECTED),
        (refusal(1002, "Verification Error"), PoolOutcome.REJECTED),
        (refusal(-32603), PoolOutcome.REJECTED),
    ],
)
def test_only_permanently_invalid_transactions_are_rejected(refused: RpcRefused, expected: PoolOutcome) -> None:
    assert pool_outcome(refused) is expected


def test_an_unpayable_fee_is_a_broken_rule_with_a_remedy() -> None:
    refused = refusal(1010, "Inability to pay some fees (e.g. account balance too low)")
    error = pool_refusal(refused, "take task 3", most_fee=UNIT // 200)
    assert isinstance(error, ChainRefused)
    assert (error.rule, error.exit_code) == ("TooLittleBalance", 3)
    assert str(error).startswith(
        "can't take task 3: the free balance doesn't cover the transaction's fee of at most 0.005 UNIT"
    )
    assert error.remedy
