"""A daemon sends the steps of its tasks to an OpenTelemetry receiver, where its node.yaml names one."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from node_runtime.domain.task import SubmissionState
from tests.background import LIMIT
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World, wait_for
from tests.otlp_receiver import attributes_of, receiver

StartDaemon = Callable[..., DaemonProcess]

pytestmark = pytest.mark.docker

HIDDEN = "import sys; sys.modules['opentelemetry.sdk.trace'] = None; from node_runtime.cli import main; main()"


def test_each_task_is_a_trace_that_arrives_before_the_daemon_ends(world: World, start_daemon: StartDaemon) -> None:
    with receiver() as sent_to:
        daemon = start_daemon(traces=sent_to.url)
        done, failed = world.train(), world.train("exit 3")
        assert world.submission(done).state is SubmissionState.ACCEPTED
        world.failure(daemon.account, failed)
        wait_for(lambda: len(daemon.timings()) == 2, "the attempts to end")
        assert daemon.stop() == 0
        traces = {trace.attributes["node_runtime.task"]: trace for trace in sent_to.traces()}
    assert set(sent_to.paths) == {"/v1/traces"}
    assert set(traces) == {done, failed}
    outcomes = {task: trace.attributes["node_runtime.outcome"] for task, trace in traces.items()}
    assert outcomes == {done: "done", failed: "task_error"}
    assert "run_train" in [step.name for step in traces[done].steps]
    assert traces[done].resource["service.instance.id"] == daemon.node
    told = {
        key
        for trace in traces.values()
        for span in (trace.root, *trace.steps)
        for key in attributes_of(span.attributes)
    }
    assert told == {f"node_runtime.{key}" for key in ("task", "epoch", "kind", "outcome")} | {"error.type"}


def test_without_the_extra_the_daemon_says_what_to_install(start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    assert daemon.stop() == 0
    config = daemon.work.parent / "node.yaml"
    config.write_text(config.read_text() + "traces: http://127.0.0.1:4318\n")
    refused = subprocess.run(
        [sys.executable, "-c", HIDDEN, "daemon", "--config", str(config)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        env={**os.environ, "NODE_RUNTIME_HOME": str(config.parents[1] / "home")},
    )
    assert refused.returncode == 2
    assert "traces: OpenTelemetry isn't installed" in refused.stderr
    assert "pip install 'node-runtime[tracing]'" in refused.stderr
