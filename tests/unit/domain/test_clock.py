"""ChainTime bounds the clock skew by the blocks a node sees and the claims it sends."""

from dataclasses import replace

import pytest

from node_runtime.domain.assets import Account
from node_runtime.domain.clock import ChainTime, Clock, time_left
from node_runtime.domain.task import UNIT, Assignment, AssignmentState, TaskId

HOUR, SLOT = 3_600_000, 2_000
HOLD = Assignment(
    task=TaskId(1),
    worker=Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"),
    epoch=1,
    since=1_000_000,
    due=1_060_000,
    bond=UNIT,
    state=AssignmentState.LIVE,
)


class Hands:
    """Clocks that a test sets: the wall clock is `off` the chain's, which the steady clock follows."""

    def __init__(self, *, off: int = 0) -> None:
        self.chain, self.off = 1_800_000_000_000, off
        self.time = ChainTime(Clock(wall=lambda: self.chain + self.off, steady=lambda: self.chain - 42), slot=SLOT)

    def claim(self, *, seconds: int = 0) -> None:
        """Send a claim that is in a block at once and is seen ``seconds`` later."""
        sent, stamp = self.time.clock.steady(), self.chain
        self.chain += seconds * 1000
        self.time.saw_claim(stamp, sent=sent)


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_claim_and_the_newest_block_show_how_far_a_clock_is_off_until_it_is_right(off: int) -> None:
    hands = Hands(off=off)
    hands.claim(seconds=12)
    hands.time.saw_head(hands.chain)
    assert abs(hands.time.skew() - off) <= 2 * SLOT
    assert abs(hands.time.now() - hands.chain) <= 2 * SLOT
    hands.off = 0
    assert hands.time.skew() == 0
    assert hands.time.now() == hands.chain


def test_a_slow_chain_and_one_that_stands_still_are_no_clock_that_is_off() -> None:
    hands = Hands()
    hands.time.saw_head(hands.chain - 60_000)
    hands.claim(seconds=60)
    assert hands.time.skew() == 0
    hands.chain += HOUR // 2
    assert hands.time.skew() == 0


def test_a_clock_that_is_ahead_is_unknown_before_a_claim_and_an_hour_after_it() -> None:
    hands = Hands(off=HOUR)
    hands.time.saw_head(hands.chain)
    assert hands.time.skew() == 0
    hands.claim()
    assert hands.time.skew() == HOUR - 2 * SLOT
    hands.chain += HOUR + 1  # a virtual machine may have been paused meanwhile: the next claim measures the skew again
    assert hands.time.skew() == 0


def test_a_live_assignment_overdue_by_the_wall_clock_has_the_chains_time_left() -> None:
    head = HOLD.since + 10_000
    assert time_left(HOLD, estimate=HOLD.due + HOUR, head=head) == 50_000
    assert time_left(HOLD, estimate=head + 5_000, head=head) == 45_000
    lapsed = replace(HOLD, state=AssignmentState.LAPSED)
    assert time_left(lapsed, estimate=HOLD.due + HOUR, head=head) == -HOUR
