"""What a daemon does is counted under bounded labels; each metric stands in the operators' table, and no other."""

import re
from pathlib import Path

import pytest
from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from node_runtime.domain.task import UNIT, AssignmentState, Balance
from node_runtime.errors import FailureCategory
from node_runtime.worker.endpoint import Endpoint
from node_runtime.worker.gauges import observed
from node_runtime.worker.metrics import ClaimOutcome, Metrics
from node_runtime.worker.node import Node
from tests.background import wait_until
from tests.nvml import Card, stand_in
from tests.unit.worker.daemon_room import at_work, daemon_at_work, is_
from tests.unit.worker.faults_room import Fault, Room

PAGE = Path(__file__).parents[3] / "docs" / "monitoring.md"
RULES = Path(__file__).parents[3] / "node_runtime" / "operations" / "prometheus"
ALERTS = ("alerts.yml", "alerts_block_time.yml")
NAMED = re.compile(r"(?<![\w:])((?:node_runtime|process)_\w+?)(?:_bucket|_sum)?(?![\w:])")
ROW = re.compile(r"^\| `(node_runtime_\w+|process_\w+)` \| (\w+) \|([^|]*)\|", re.MULTILINE)


def value(metrics: Metrics, name: str, **labels: str) -> float:
    found = metrics.registry.get_sample_value(name, labels)
    assert found is not None, f"{name} {labels} isn't exported"
    return found


def exported(metrics: Metrics) -> dict[str, tuple[str, str]]:
    """Return type and labels of each metric, by the name that queries use."""
    return {_queried(metric): (metric.type, _labels(metric)) for metric in metrics.registry.collect()}


def _queried(metric: Metric) -> str:
    return metric.name + {"counter": "_total", "info": "_info"}.get(metric.type, "")


def _labels(metric: Metric) -> str:
    names = {label for sample in metric.samples for label in sample.labels} - {"le"}
    return ", ".join(f"`{name}`" for name in sorted(names))


def test_the_operators_table_has_each_metric_with_its_type_and_labels_and_no_other(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in(monkeypatch, Card(uuid="GPU-a"))
    room.gpus = ("GPU-a",)
    with room.node() as (node, _process), observed(node):
        Endpoint(node.metrics, node.health)
        node.metrics.step("claim", 0.1)
        found = exported(node.metrics)
    assert {name: (kind, labels.strip()) for name, kind, labels in ROW.findall(PAGE.read_text())} == found


def test_rules_and_dashboard_name_metrics_that_are_exported_and_alerts_that_are_tested() -> None:
    rows = {name for name, _type, _labels in ROW.findall(PAGE.read_text())}
    for file in ("recording.yml", *ALERTS, "dashboard.json"):
        assert set(NAMED.findall((RULES / file).read_text())) - rows == set(), file
    alerts = {name for file in ALERTS for name in re.findall(r"- alert: (\w+)", (RULES / file).read_text())}
    assert alerts == set(re.findall(r'alertname="(\w+)"', (RULES / "alerts.test.yml").read_text()))


def test_a_scrape_is_valid_and_each_failure_starts_at_zero() -> None:
    metrics = Metrics()
    families = {one.name: one for one in text_string_to_metric_families(generate_latest(metrics.registry).decode())}
    failures = {sample.labels["category"]: sample.value for sample in families["node_runtime_failures"].samples}
    assert failures == dict.fromkeys(FailureCategory, 0.0)
    assert not [name for name in families if name.endswith("_created")]


@pytest.mark.parametrize(
    ("outcome", "attempts", "category"),
    [("done", "done", None), ("timeout", "failed", "timeout"), ("hand_back", "hand_back", None)],
)
def test_an_attempt_counts_by_outcome_and_a_failed_one_by_category(
    outcome: str, attempts: str, category: str | None
) -> None:
    metrics = Metrics()
    metrics.ended(outcome)
    assert value(metrics, "node_runtime_attempts_total", outcome=attempts) == 1
    failed = {one: value(metrics, "node_runtime_failures_total", category=one) for one in FailureCategory}
    assert {one.value: count for one, count in failed.items() if count} == ({category: 1} if category else {})


def test_money_is_told_in_units() -> None:
    metrics = Metrics()
    metrics.balance(Balance(free=5 * UNIT // 2, held=UNIT))
    metrics.bonds(3 * UNIT)
    metrics.paid(UNIT // 4)
    names = ("balance_free_units", "balance_held_units", "bonds_units", "paid_units_total")
    assert [value(metrics, f"node_runtime_{name}") for name in names] == [2.5, 1.0, 3.0, 0.25]


def test_a_task_on_its_way_is_seen_in_slots_bonds_cache_outbox_and_counters(room: Room) -> None:
    task = room.task(window=60_000)
    with room.node() as (node, _process), observed(node), daemon_at_work(room, node):
        metrics = node.metrics
        wait_until(lambda: bool(room.runs), "the program to run")
        assert [value(metrics, f"node_runtime_{name}") for name in ("slots", "slots_used", "bonds_units")] == [1, 1, 1]
        assert value(metrics, "node_runtime_cpus_reserved") == 0.1
        assert value(metrics, "node_runtime_claims_total", outcome="claimed") == 1
        assert value(metrics, "node_runtime_chain_head_timestamp_seconds") > 0
        room.gate.set()
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
        wait_until(lambda: value(metrics, "node_runtime_attempts_total", outcome="done") == 1, "the attempt's end")
        wait_until(lambda: value(metrics, "node_runtime_bonds_units") == 0, "the bond to be counted back")
        assert value(metrics, "node_runtime_outbox_deliveries", step="sent") == 1
        assert value(metrics, "node_runtime_cache_requests_total", result="miss") >= 1
        assert value(metrics, "node_runtime_cache_bytes") > 0
        assert value(metrics, "node_runtime_poll_timestamp_seconds") > 0


@pytest.mark.parametrize(("kind", "outcome"), [("refused", "refused"), ("unavailable", "unanswered"), ("defect", None)])
def test_a_claim_counts_by_the_chains_answer(room: Room, kind: str, outcome: str | None) -> None:
    task = room.task()
    room.gate.set()
    with at_work(room, Fault(call="chain.assign_task", kind=kind)) as node:
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
        counts = {one: value(node.metrics, "node_runtime_claims_total", outcome=one) for one in ClaimOutcome}
    assert {one.value: count for one, count in counts.items() if count} == {
        "claimed": 1,
        **({outcome: 1} if outcome else {}),
    }


def reviewed(node: Node, verdict: str) -> bool:
    return value(node.metrics, "node_runtime_reviews_total", verdict=verdict) == 1


def test_reviews_count_by_their_verdict(room: Room) -> None:
    room.gate.set()
    task = room.task(window=60_000)
    with at_work(room) as node:
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
        (submission,) = room.creator.submissions(task)
        room.creator.reject_task_results(task, submission.id, "not what was asked")
        wait_until(lambda: reviewed(node, "rejected"), "the rejection")
        room.task()
        wait_until(lambda: reviewed(node, "accepted"), "the acceptance")


def test_a_poll_that_an_error_ends_counts(room: Room) -> None:
    room.task()
    room.gate.set()
    with at_work(room, Fault(call="chain.claimable", kind="unavailable")) as node:
        wait_until(lambda: value(node.metrics, "node_runtime_poll_errors_total") == 1, "the error to count")


def test_what_cannot_be_read_is_left_out_of_the_scrape(room: Room) -> None:
    with room.node(Fault(call="outbox.undecided", kind="defect")) as (node, _process), observed(node):
        node.cache.close()
        names = {metric.name for metric in node.metrics.registry.collect()}
    assert "node_runtime_cache_bytes" not in names
    assert "node_runtime_slots" in names
