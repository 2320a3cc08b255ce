"""Is trouble that goes on told with its remedy, not endlessly, and its end once?"""

from structlog.testing import capture_logs

from node_runtime.daemon.outage import Outage
from node_runtime.errors import ChainUnavailable, HostError

NO_CHAIN = ChainUnavailable("no answer", remedy="start it")


def test_trouble_that_goes_on_is_told_ever_more_seldom_and_its_end_once() -> None:
    outage = Outage()
    with capture_logs() as told:
        for _ in range(100):
            outage.again(NO_CHAIN)
        outage.over()
        outage.over()
    assert [(line["event"], line["times"]) for line in told] == [
        *(("chain_unavailable", 1 << power) for power in range(7)),
        ("trouble_over", 100),
    ]
    assert (told[0]["reason"], told[0]["remedy"]) == ("no answer", "start it")
    assert told[-1]["trouble"] == "chain_unavailable"
    assert outage.times == 0


def test_another_trouble_is_told_at_once() -> None:
    outage = Outage()
    with capture_logs() as told:
        for error in (NO_CHAIN, NO_CHAIN, HostError("no disk"), NO_CHAIN):
            outage.again(error)
    assert [line["event"] for line in told] == [
        "chain_unavailable",
        "chain_unavailable",
        "look_failed",
        "chain_unavailable",
    ]


def test_a_fault_of_the_daemon_is_told_each_time_with_its_trace() -> None:
    outage = Outage()
    fault = ValueError("a fault")
    with capture_logs() as told:
        for _ in range(3):
            outage.again(fault)
    assert [line["exc_info"] for line in told] == [fault] * 3
