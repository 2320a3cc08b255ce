"""Claims: suspended while the clock is skewed, which is logged once; assignments without a thread are checked again."""

import pytest
from structlog.testing import capture_logs

from node_runtime.domain.clock import ChainTime, Clock
from node_runtime.domain.task import TaskId
from node_runtime.worker.claims import ClockWatch, PendingClaims
from node_runtime.worker.metrics import Metrics
from node_runtime.worker.times import DEFAULTS

NOW, SLOT = 1_800_000_000_000, 2_000


@pytest.mark.parametrize(
    ("off", "may_claim", "events"),
    [
        (0, True, []),
        (9_000, True, []),  # within two slots the skew is unknown
        (10_000, True, ["clock_off"]),
        (35_000, False, ["nothing_taken"]),
        (-4_000, True, []),
        (-6_000, True, ["clock_off"]),
        (-31_000, False, ["nothing_taken"]),
    ],
)
def test_a_skew_above_5_s_is_logged_and_above_30_s_suspends_claims(
    off: int, may_claim: bool, events: list[str]
) -> None:
    wall = [NOW + off]
    time = ChainTime(Clock(wall=lambda: wall[0], steady=lambda: 7), slot=SLOT)
    time.saw_head(NOW)
    time.saw_claim(NOW, sent=7)
    watch = ClockWatch(time, Metrics())
    with capture_logs() as told:
        assert [watch.may_claim() for _ in range(3)] == [may_claim] * 3
        wall[0] = NOW
        assert watch.may_claim()
    assert [line["event"] for line in told] == events + ["clock_right"] * len(events)
    assert all("set-ntp" in line["remedy"] for line in told if line["event"] != "clock_right")


TASK = TaskId(7)


def test_a_claim_without_an_answer_is_kept_although_the_chain_does_not_show_it_yet() -> None:
    pending = PendingClaims(DEFAULTS)
    pending.mark_unconfirmed(TASK)
    assert pending.ready() == (TASK,)
    assert pending.is_unconfirmed(TASK)
    pending.not_held(TASK)
    assert pending.ready() == ()  # not at once
    pending.not_held(TASK)  # still known
    assert pending.is_unconfirmed(TASK)


def test_an_attempt_that_was_left_is_forgotten_once_the_chain_has_ended_it() -> None:
    pending = PendingClaims(DEFAULTS)
    pending.add(TASK, wait=0)
    assert not pending.is_unconfirmed(TASK)
    assert pending.ready() == (TASK,)
    pending.not_held(TASK)
    assert pending.ready() == ()
    pending.forget(TASK)
