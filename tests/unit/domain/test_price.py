"""The price of an attempt and the payment on abort follow the time the slot was held."""

import pytest

from node_runtime.domain.assets import Account
from node_runtime.domain.price import attempt_price, pay_when_aborted
from node_runtime.domain.task import UNIT, Assignment, AssignmentState, TaskId

HOUR = 3_600_000
SINCE = 1_000_000
HOLD = Assignment(
    task=TaskId(1),
    worker=Account("w"),
    epoch=1,
    since=SINCE,
    due=SINCE + HOUR,
    bond=2 * UNIT,
    state=AssignmentState.LIVE,
)


@pytest.mark.parametrize(
    ("held", "cost"),
    [(0, 0), (1, -(-UNIT // (2 * HOUR))), (HOUR // 10, UNIT // 20), (HOUR, UNIT // 2), (9 * HOUR, UNIT // 2), (-5, 0)],
)
def test_holding_costs_a_quarter_of_the_bond_for_all_of_the_time(held: int, cost: int) -> None:
    assert attempt_price(HOLD, now=SINCE + held) == cost


@pytest.mark.parametrize(
    ("held", "paid"), [(0, 0), (HOUR // 8, 5 * UNIT), (HOUR // 4, 10 * UNIT), (HOUR, 10 * UNIT), (-5, 0)]
)
def test_an_abort_pays_all_of_the_reward_from_a_quarter_of_the_time_on(held: int, paid: int) -> None:
    assert pay_when_aborted(HOLD, 10 * UNIT, now=SINCE + held) == paid
