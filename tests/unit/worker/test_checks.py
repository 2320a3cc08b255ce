"""Chain, funds, storage and engine are checked apart from the polls; what is told names no address."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from node_runtime.domain.task import UNIT
from node_runtime.stores import open_store
from node_runtime.worker.checks import checking
from node_runtime.worker.health import Health, HealthPart
from node_runtime.worker.node import Node
from tests.background import wait_until
from tests.unit.worker.faults_room import TIMES, Fault, Room


@contextmanager
def checked(room: Room, fault: Fault | None = None, **changes: Any) -> Iterator[Node]:
    with room.node(fault) as (node, _process):
        node = replace(node, times=replace(TIMES, check=0.01), **changes)
        node.health.ready()
        with checking(node):
            yield node


def obstacle(node: Node, part: HealthPart, text: str) -> bool:
    return node.health.obstacles().get(part) == text


def test_a_node_whose_parts_answer_is_ready_and_its_money_is_known(room: Room) -> None:
    with checked(room) as node:
        wait_until(lambda: node.health.obstacles() == {}, "readiness")
        free = node.metrics.registry.get_sample_value("node_runtime_balance_free_units")
    assert free == room.network.connect(room.key).balance(room.account).free / UNIT


def test_an_account_that_cannot_pay_the_smallest_bond_is_an_obstacle_until_it_is_paid(room: Room) -> None:
    chain = room.network.connect(room.key)
    chain.pay(room.creator.account, chain.balance(room.account).free - UNIT // 100)
    with checked(room) as node:
        wait_until(lambda: set(node.health.obstacles()) == {HealthPart.FUNDS}, "the lack")
        assert "the smallest bond is" in node.health.obstacles()[HealthPart.FUNDS]
        room.creator.pay(room.account, 10 * UNIT)
        wait_until(lambda: node.health.obstacles() == {}, "readiness")


@pytest.mark.parametrize(
    ("fault", "part", "text"),
    [
        (Fault(call="chain.now", kind="unavailable", nth=3), HealthPart.CHAIN, "it doesn't answer"),
        (Fault(call="engine.unable", kind="defect", nth=3), HealthPart.ENGINE, "its check failed: RuntimeError"),
    ],
)
def test_a_check_that_fails_is_an_obstacle_without_its_message_until_it_succeeds(
    room: Room, fault: Fault, part: HealthPart, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[HealthPart, str]] = []
    told = Health.checked

    def noted(health: Health, checked: HealthPart, obstacle: str | None) -> None:
        seen.extend([(checked, obstacle)] if obstacle else [])
        told(health, checked, obstacle)

    monkeypatch.setattr(Health, "checked", noted)
    with checked(room, replace(fault)) as node:
        wait_until(lambda: seen == [(part, text)], f"'{text}', not {seen}")
        wait_until(lambda: node.health.obstacles() == {}, "readiness")


def test_an_engine_that_can_run_nothing_is_an_obstacle_without_its_message(room: Room) -> None:
    room.host.trouble = "unauthorized: https://user:secret@registry.example"
    with checked(room) as node:
        wait_until(lambda: obstacle(node, HealthPart.ENGINE, "it can run nothing"), "the obstacle")
        room.host.trouble = None
        wait_until(lambda: node.health.obstacles() == {}, "readiness")


def test_a_storage_folder_that_is_gone_is_an_obstacle(room: Room) -> None:
    store = open_store(room.folder / "store")
    with checked(room, store=store) as node:
        wait_until(lambda: node.health.obstacles() == {}, "readiness")
        (room.folder / "store").rename(room.folder / "unmounted")
        wait_until(lambda: obstacle(node, HealthPart.STORAGE, "its folder isn't there"), "the obstacle")
        (room.folder / "unmounted").rename(room.folder / "store")
        wait_until(lambda: node.health.obstacles() == {}, "readiness")
