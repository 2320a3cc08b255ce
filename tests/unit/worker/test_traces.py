"""An attempt is one trace, sent when it ended; a receiver that fails costs spans and nothing else."""

import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from structlog.testing import capture_logs

from node_runtime.domain.task import AssignmentState
from node_runtime.errors import ConfigError
from node_runtime.worker import traces
from node_runtime.worker.node import Node
from node_runtime.worker.timings import StepSpan, Stopwatch
from node_runtime.worker.traces import NoTraces, open_traces
from tests.background import wait_until
from tests.otlp_receiver import Receiver, Trace, attributes_of, receiver
from tests.unit.worker.daemon_room import crash, daemon_at_work, is_
from tests.unit.worker.faults_room import Room

STEPS = [
    "claim",
    "fetch_inputs",
    "open_workspace",
    "prepare_images",
    "prepare_container",
    "run_train",
    "collect_outputs",
    "upload",
    "remove_containers",
    "submit",
    "close_workspace",
]
SPAN = StepSpan(name="claim", begin=1_000, end=2_000)


@contextmanager
def traced(room: Room, sent_to: Receiver) -> Iterator[Node]:
    """Run a daemon whose traces are sent; all of them have arrived on exit."""
    with closing(open_traces(f"{sent_to.url}/v1/traces", node="twin")) as sending, room.node() as (node, _process):
        node = replace(node, traces=sending)
        with daemon_at_work(room, node):
            yield node


def of_one_attempt(sent_to: Receiver) -> Trace:
    (trace,) = sent_to.traces()
    return trace


def test_an_attempt_is_one_trace_of_its_steps(room: Room) -> None:
    task = room.task()
    room.gate.set()
    with receiver() as sent_to:
        with traced(room, sent_to):
            wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
        trace = of_one_attempt(sent_to)
    assert sorted(step.name for step in trace.steps) == sorted(STEPS)
    assert trace.root.name == "attempt"
    assert trace.attributes == {
        "node_runtime.task": task,
        "node_runtime.epoch": 1,
        "node_runtime.kind": "training",
        "node_runtime.outcome": "done",
    }
    assert trace.root.status.code == Status.STATUS_CODE_UNSET
    assert {step.trace_id for step in trace.steps} == {trace.root.trace_id}
    for step in trace.steps:
        assert trace.root.start_time_unix_nano <= step.start_time_unix_nano <= step.end_time_unix_nano
        assert step.end_time_unix_nano <= trace.root.end_time_unix_nano
    assert (trace.resource["service.name"], trace.resource["service.instance.id"]) == ("node-runtime", "twin")


def test_a_failed_attempt_is_an_error_of_its_category(room: Room) -> None:
    task = room.task(exits=3)
    room.gate.set()
    with receiver() as sent_to:
        with traced(room, sent_to):
            wait_until(is_(room, task, AssignmentState.FAILED), "the failure")
        trace = of_one_attempt(sent_to)
    assert (trace.root.status.code, trace.attributes["error.type"]) == (Status.STATUS_CODE_ERROR, "task_error")


def test_a_step_that_raised_tells_the_class_of_the_error_and_no_message() -> None:
    watch = Stopwatch(seen=time.monotonic(), observe=lambda _name, _seconds: None)
    watch.claimed()
    with pytest.raises(ValueError, match="secret"), watch.step("fetch_inputs"):
        raise ValueError("a secret")
    with receiver() as sent_to:
        with closing(open_traces(f"{sent_to.url}/v1/traces", node="n")) as sending:
            sending.record("attempt", watch.spans, {}, error="interrupted")
        claim, failed = of_one_attempt(sent_to).steps
        assert b"secret" not in sent_to.requests[0].SerializeToString()
    assert (claim.name, claim.status.code) == ("claim", Status.STATUS_CODE_UNSET)
    assert (failed.status.code, attributes_of(failed.attributes)) == (
        Status.STATUS_CODE_ERROR,
        {"error.type": "ValueError"},
    )


def test_spans_that_the_receiver_refuses_are_dropped_and_told_in_the_log() -> None:
    with receiver() as sent_to:
        sent_to.status = 400
        with capture_logs() as events:
            sending = open_traces(f"{sent_to.url}/v1/traces", node="n")
            sending.record("attempt", [SPAN], {})
            sending.close()
        assert len(sent_to.requests) == 1
    (told,) = [one for one in events if one["event"] == "traces_not_sent"]
    assert told["reason"] == "the receiver didn't take 2 spans; they are dropped"


def test_a_receiver_that_is_gone_is_told_in_the_log_and_nowhere_else(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(traces, "SEND_SECONDS", 1)
    with receiver() as sent_to:
        gone = sent_to.url
    with capture_logs() as events:
        sending = open_traces(f"{gone}/v1/traces", node="n")
        sending.record("attempt", [SPAN], {})
        sending.close()
    assert [one["event"] for one in events] == ["traces_not_sent"]
    assert capfd.readouterr().err == ""


def test_a_receiver_that_stays_silent_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "CLOSE_SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent, capture_logs() as events:
        sending = open_traces(f"http://127.0.0.1:{silent.getsockname()[1]}/v1/traces", node="n")
        sending.record("attempt", [SPAN], {})
        sending.close()
        assert [one["event"] for one in events] == ["traces_lost"]


def test_a_result_that_an_earlier_process_packed_is_a_trace_of_its_delivery(room: Room) -> None:
    task = room.task()
    room.gate.set()
    crash(room, "store.put")
    with receiver() as sent_to:
        with traced(room, sent_to):
            wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
        trace = of_one_attempt(sent_to)
    assert trace.attributes["node_runtime.task"] == task
    assert trace.attributes["node_runtime.outcome"] == "done"
    assert {"upload", "submit"} <= {step.name for step in trace.steps}
    assert "claim" not in {step.name for step in trace.steps}


def test_traces_are_off_unless_an_address_is_named() -> None:
    off = open_traces(None, node="n")
    assert isinstance(off, NoTraces)
    off.record("attempt", [SPAN], {})
    off.close()


def test_without_the_extra_the_configuration_is_refused_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigError, match="traces: OpenTelemetry isn't installed") as refused:
        open_traces("http://127.0.0.1:4318/v1/traces", node="n")
    assert "pip install 'node-runtime[tracing]'" in refused.value.remedy
