"""A real Prometheus: rules and alerts are valid, and every panel of the dashboard has data of a node at work."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from node_runtime.domain.task import AssignmentState
from tests.docker_engine import docker_engine as docker_engine
from tests.e2e.conftest import start_daemon as start_daemon
from tests.e2e.conftest import world as world
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World, wait_for
from tests.peers.prometheus_server import Programs, Prometheus, prometheus_at

pytestmark = [pytest.mark.peers]

FOLDER = Path(__file__).parents[2] / "node_runtime" / "operations" / "prometheus"
RULES = [FOLDER / name for name in ("recording.yml", "alerts.yml", "alerts_block_time.yml")]
VARIABLES = {"$__rate_interval": "5m", "$__range": "5m", "$instance": ".*"}
ENDPOINT = re.compile(r"http://(127\.0\.0\.1:\d+)/metrics")


@pytest.fixture(scope="module")
def programs() -> Programs:
    return Programs.found()


def test_promtool_finds_no_fault_in_configuration_and_rules(programs: Programs) -> None:
    assert "SUCCESS" in programs.check("check", "config", "prometheus.yml", folder=FOLDER)
    assert "SUCCESS" in programs.check("check", "rules", *(path.name for path in RULES), folder=FOLDER)


def test_each_alert_fires_when_it_should_and_only_then(programs: Programs) -> None:
    assert "SUCCESS" in programs.check("test", "rules", "alerts.test.yml", folder=FOLDER)


def panel_queries() -> dict[str, str]:
    """Return the queries of the dashboard's panels, with their variables as Grafana fills them in."""
    found = {}
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", []):
            query = target["expr"]
            for variable, filled in VARIABLES.items():
                query = query.replace(variable, filled)
            found[f"{panel['title']} {target['refId']}"] = query
    return found


@pytest.fixture
def prometheus(programs: Programs, daemon: DaemonProcess, tmp_path: Path) -> Iterator[Prometheus]:
    """A server that scrapes the daemon each second, by the example's configuration."""
    config = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    target = wait_for(lambda: ENDPOINT.search(daemon.log_text()), "the endpoint's address")[1]
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(path) for path in RULES]
    (scrape,) = config["scrape_configs"]
    scrape["static_configs"] = [{"targets": [target]}]
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with prometheus_at(programs, folder, yaml.safe_dump(config)) as server:
        yield server


@pytest.fixture
def daemon(start_daemon: Callable[..., DaemonProcess]) -> DaemonProcess:
    return start_daemon(metrics_port=0)


def has_data(prometheus: Prometheus, query: str) -> Callable[[], bool]:
    return lambda: bool(prometheus.query(query))


@pytest.mark.docker
@pytest.mark.slow
def test_each_panel_and_each_rule_has_data_and_an_alert_tells_of_a_storage_that_is_gone(
    world: World, daemon: DaemonProcess, prometheus: Prometheus
) -> None:
    wait_for(has_data(prometheus, "node_runtime_slots > 0"), "the first scrape")
    for number in (1, 2):  # rates need a second one
        world.submission(world.train())
        world.wait_for_attempt(daemon.account, world.train("exit 3"), AssignmentState.FAILED)
        ended = f'sum(node_runtime_attempts_total{{outcome=~"done|failed"}}) == {2 * number}'
        wait_for(has_data(prometheus, ended), "the attempts to be scraped")
    queries = panel_queries()
    assert len(queries) > 20
    for panel, query in queries.items():
        wait_for(has_data(prometheus, query), f"data of panel {panel}: {query}", seconds=60)
    wait_for(lambda: {rule["health"] for rule in prometheus.rules()} == {"ok"}, "each rule to be evaluated", seconds=60)
    for rule in prometheus.rules():
        if rule["type"] == "recording":
            wait_for(has_data(prometheus, rule["name"]), f"data of {rule['name']}", seconds=60)
    assert prometheus.query('ALERTS{alertstate="firing"}') == []
    world.storage.rename(world.storage.with_name("unmounted"))
    told = 'ALERTS{alertname="NodeRuntimeNotReady", part="storage"}'
    wait_for(has_data(prometheus, told), "the alert", seconds=120)
