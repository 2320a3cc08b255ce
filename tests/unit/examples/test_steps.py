"""An example tells at a terminal what is going on during a step, and prints nothing more elsewhere."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from examples import steps as module
from examples.steps import Steps
from node_runtime.cli.progress import NodesStatus
from tests.background import wait_until


class Nodes(NodesStatus):
    """Nodes that are at work or not, without a chain."""

    def __init__(self, *told: str) -> None:
        self._told = list(told)

    def lines(self) -> list[str]:
        return self._told


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a terminal shows in the line that is drawn again."""
    shown: list[str] = []

    @contextmanager
    def status(_text: str) -> Iterator[Callable[[str], None]]:
        yield shown.append

    monkeypatch.setattr(module, "status", status)
    monkeypatch.setattr(module, "is_terminal", lambda: True)
    monkeypatch.setattr(module, "SHOWN_AGAIN", 0.01)
    monkeypatch.setattr(module, "LONGEST_SILENCE", 0.01)
    return shown


def test_a_step_tells_what_the_nodes_are_at_and_else_its_own_time(shown: list[str]) -> None:
    steps = Steps(2)
    with steps.step("bring up"):
        wait_until(lambda: bool(shown), "a word")
    assert shown[0].startswith("    at work for 0")
    shown.clear()
    steps.watch(Nodes("node bob, task 1, attempt 1: train for 38s", "node eve, task 2, attempt 1: inputs for 1s"))
    with steps.step("train"):
        wait_until(lambda: bool(shown), "a word")
    assert shown[0] == "    node bob, task 1, attempt 1: train for 38s; node eve, task 2, attempt 1: inputs for 1s"
    assert [thread for thread in threading.enumerate() if thread.name == "steps"] == []


def test_the_last_step_tells_its_time_line_by_line(shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    printed: list[str] = []
    monkeypatch.setattr(module, "line", lambda text, **_: printed.append(text))
    monkeypatch.setattr(module, "ignore_further_signals", lambda: None)
    steps = Steps(1)
    steps.watch(Nodes("never told: the nodes are being stopped"))
    with steps.last_step("stop"):
        wait_until(lambda: len(printed) > 2, "a word")
    assert printed[1].startswith("    at work for 0")
    assert shown == []


def test_nothing_more_is_printed_where_nobody_looks(shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "is_terminal", lambda: False)
    with Steps(1).step("train"):
        assert [thread for thread in threading.enumerate() if thread.name == "steps"] == []
    assert shown == []
