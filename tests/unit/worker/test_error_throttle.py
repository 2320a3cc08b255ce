"""ErrorThrottle logs repeated errors ever more rarely, with a remedy, and the end of an outage once."""

from structlog.testing import capture_logs

from node_runtime.errors import ChainUnavailable, HostError
from node_runtime.worker.logging import ErrorThrottle

NO_CHAIN = ChainUnavailable("no answer", remedy="start it")


def test_a_repeated_error_is_logged_ever_more_rarely_and_its_end_once() -> None:
    outage = ErrorThrottle()
    with capture_logs() as events:
        for _ in range(100):
            outage.again(NO_CHAIN)
        outage.over()
        outage.over()
    assert [(line["event"], line["times"]) for line in events] == [
        *(("chain_unavailable", 1 << power) for power in range(7)),
        ("errors_cleared", 100),
    ]
    assert (events[0]["reason"], events[0]["remedy"]) == ("no answer", "start it")
    assert events[-1]["error"] == "chain_unavailable"
    assert outage.count == 0


def test_another_kind_of_error_is_logged_at_once() -> None:
    outage = ErrorThrottle()
    with capture_logs() as events:
        for error in (NO_CHAIN, NO_CHAIN, HostError("no disk"), NO_CHAIN):
            outage.again(error)
    assert [line["event"] for line in events] == [
        "chain_unavailable",
        "chain_unavailable",
        "poll_failed",
        "chain_unavailable",
    ]


def test_a_bug_of_the_daemon_is_logged_each_time_in_one_short_event() -> None:
    outage = ErrorThrottle()
    fault = ValueError("a fault\n" * 1000)
    with capture_logs() as events:
        for _ in range(3):
            outage.again(fault)
    assert len(events) == 3
    assert all(line["reason"].startswith("ValueError: a fault") for line in events)
    assert all(len(str(line)) < 2000 and "exc_info" not in line for line in events)
