"""Endpoint and traces are opened as node.yaml says, before the node; its parts are watched while it is open."""

from contextlib import nullcontext

import pytest
from structlog.testing import capture_logs

from node_runtime.config import NodeConfig
from node_runtime.errors import ConfigError
from node_runtime.worker.state_dir import only_daemon_in
from node_runtime.worker.telemetry import open_telemetry, watched
from node_runtime.worker.traces import NoTraces, SentTraces
from tests.background import wait_until
from tests.unit.worker.faults_room import Room


def configured(room: Room, **changes: object) -> NodeConfig:
    return room.config.model_copy(update=changes)


@pytest.mark.parametrize(("port", "served"), [(None, []), (0, ["metrics_served"])])
def test_the_endpoint_is_served_where_a_port_is_configured_and_the_parts_are_watched_then(
    room: Room, port: int | None, served: list[str]
) -> None:
    config = configured(room, metrics_port=port)
    with capture_logs() as events, open_telemetry(config) as telemetry, room.node() as (node, _process):
        with watched(node, config):
            names = {metric.name for metric in node.metrics.registry.collect()}
            if port is not None:
                wait_until(lambda: len(node.health.obstacles()) == 1, "the checks")
        assert isinstance(telemetry.traces, NoTraces)
    assert [one["event"] for one in events] == served
    assert ("node_runtime_slots" in names) == bool(served)
    assert "node_runtime_slots" not in {metric.name for metric in node.metrics.registry.collect()}


@pytest.mark.parametrize("running", [False, True])
def test_a_node_whose_daemon_runs_is_told_of_it_before_the_port_is_taken(room: Room, running: bool) -> None:
    config = configured(room, metrics_port=0)
    refused = pytest.raises(ConfigError, match="a daemon already works in") if running else nullcontext()
    held = only_daemon_in(config.work) if running else nullcontext()
    with held, capture_logs() as events, refused, open_telemetry(config):
        pass
    assert [one["event"] for one in events] == ([] if running else ["metrics_served"])


def test_traces_are_sent_where_a_receiver_is_configured(room: Room) -> None:
    with open_telemetry(configured(room, traces="http://127.0.0.1:1/v1/traces")) as telemetry:
        assert isinstance(telemetry.traces, SentTraces)
