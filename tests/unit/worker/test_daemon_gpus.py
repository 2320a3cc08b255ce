"""A daemon's GPUs: tasks take turns with them, get them back at every end, and keep them over its restart."""

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from node_runtime.domain.task import AssignmentState, TaskId
from node_runtime.engines.memory import MemoryEngine
from node_runtime.worker.assembly import selector_of
from node_runtime.worker.claims import Claims
from node_runtime.worker.gauges import observed
from node_runtime.worker.node import Node
from node_runtime.worker.recovery import recover
from node_runtime.worker.status_file import StatusFile
from tests.background import wait_until
from tests.nvml import Card, stand_in
from tests.unit.worker.daemon_room import at_work, daemon_at_work, is_, refusals
from tests.unit.worker.faults_room import Crash, Room

A, B = "GPU-a", "GPU-b"


@pytest.fixture
def room(room: Room, monkeypatch: pytest.MonkeyPatch) -> Room:
    """A node with two slots that gives the one GPU of its machine."""
    stand_in(monkeypatch, Card(uuid=A))
    room.slots, room.gpus, room.host.gpus = 2, (A, B), frozenset({A, B})
    return room


def gpus_of(room: Room, task: TaskId) -> tuple[str, ...]:
    """The GPUs of the task's container."""
    return next((one.spec.gpus for name, one in room.host.containers.items() if f"-task-{task}-" in name), ())


def why(room: Room, task: TaskId) -> str:
    state = StatusFile(room.folder / "work").read()
    return next((one.message for one in state.refused if one.task == task), "") if state is not None else ""


def owned(room: Room, task: TaskId) -> tuple[str, ...]:
    """The GPUs that the task's attempt has reserved, by the node's status."""
    state = StatusFile(room.folder / "work").read()
    return next((one.gpus for one in state.working if one.task == task), ()) if state is not None else ()


def reserved(node: Node) -> list[str]:
    """What the metrics tell of each GPU: 1.0 while an attempt has it."""
    told = generate_latest(node.metrics.registry).decode()
    return [line.rpartition(" ")[2] for line in told.splitlines() if line.startswith("node_runtime_gpu_reserved{")]


@pytest.mark.parametrize("exits", [0, 1])
def test_two_tasks_take_turns_with_one_gpu_however_the_first_ends(room: Room, *, exits: int) -> None:
    first, second = room.task(gpus=1, exits=exits), room.task(gpus=1, exits=exits)
    plain = room.task(exits=exits)
    with at_work(room) as node:
        wait_until(lambda: why(room, second) == "1 GPU asked, 0 free now", "the second to wait")
        wait_until(lambda: gpus_of(room, first) == (A,), "the first to run")
        wait_until(lambda: len(room.runs) == 2, "the third to run beside it")
        assert gpus_of(room, plain) == ()
        with observed(node):
            assert reserved(node) == ["1.0"]
        room.gate.set()
        ends = AssignmentState.FAILED if exits else AssignmentState.SUBMITTED
        for task in (first, second, plain):
            wait_until(is_(room, task, ends), "the end")
        with observed(node):
            wait_until(lambda: reserved(node) == ["0.0"], "the GPU to be free")


def test_a_gpu_that_was_handed_back_with_its_task_is_given_again(room: Room) -> None:
    task = room.task(gpus=1)
    with room.node() as (node, _process), daemon_at_work(room, node, grace=0.0):
        wait_until(lambda: gpus_of(room, task) == (A,), "the task to run")
    assert is_(room, task, AssignmentState.HANDED_BACK)()
    assert not room.host.containers
    room.gate.set()
    with at_work(room):
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_a_container_that_somebody_ends_is_repeated_with_the_same_gpu(room: Room) -> None:
    task = room.task(gpus=1)
    with at_work(room):
        wait_until(lambda: gpus_of(room, task) == (A,), "the task to run")
        room.host.kill(next(iter(room.host.containers)), remove=True)
        wait_until(lambda: len(room.runs) == 2 and gpus_of(room, task) == (A,), "it to be run again")
        room.gate.set()
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def killed_at_work(room: Room, task: TaskId, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a process of the daemon that is killed while the task's container runs."""
    with room.node() as (node, process), monkeypatch.context() as patched:

        def dies(*_: object) -> None:
            process.dead = True
            raise Crash("engine.run")

        patched.setattr(MemoryEngine, "_await", dies)
        with daemon_at_work(room, node):
            wait_until(lambda: process.dead and bool(gpus_of(room, task)), "the kill")


def test_an_attempt_owns_its_gpu_again_after_a_restart(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = stand_in(monkeypatch, Card(uuid=B))
    first = room.task(gpus=1)
    killed_at_work(room, first, monkeypatch)
    nvml.cards.insert(0, Card(uuid=A))
    nvml.cards[1].used = nvml.cards[1].memory
    second = room.task(gpus=1)
    with at_work(room):
        wait_until(lambda: owned(room, first) == (B,), "the first to own its GPU")
        wait_until(lambda: owned(room, second) == (A,), "the second to own the other")
        room.gate.set()
        for task in (first, second):
            wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")
    assert len(room.runs) == 2


def test_the_gpu_of_an_attempt_that_is_not_resumed_yet_is_not_given(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = room.task(gpus=1)
    killed_at_work(room, first, monkeypatch)
    spec = room.creator.spec(first)
    assert spec is not None
    document = room.store._trees.pop(spec.digest)  # type: ignore[attr-defined]
    second = room.task(gpus=1, gpu_memory=1 << 30)  # with a document of its own
    with at_work(room):
        wait_until(lambda: why(room, second) == "1 GPU with 1 GiB asked, 0 free now", "the second to wait")
        assert owned(room, first) == ()
        room.store._trees[spec.digest] = document  # type: ignore[attr-defined]
        room.gate.set()
        for task in (first, second):
            wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


def test_a_task_that_wants_a_gpu_is_not_claimed_where_none_is_given(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.gpus = ()
    task, plain = room.task(gpus=1), room.task()
    room.gate.set()
    with capture_logs() as events, at_work(room):
        wait_until(is_(room, plain, AssignmentState.SUBMITTED), "the other task's result")
        wait_until(lambda: why(room, task) == "it asks for 1 GPU, pool.gpus is none", "the reason")
    assert refusals(events) == {"no_gpu"}
    room.gpus, room.host.gpus = (A,), frozenset()
    with at_work(room):
        wait_until(lambda: why(room, task) == "the engine has no GPU to give to containers", "the engine's reason")
    assert room.creator.assignment(room.account, task) is None
    stand_in(monkeypatch)
    room.host.gpus = frozenset({A})
    with at_work(room):
        wait_until(lambda: why(room, task).startswith("the NVIDIA driver shows none"), "the driver's reason")
        stand_in(monkeypatch, Card(uuid=A))
        wait_until(is_(room, task, AssignmentState.SUBMITTED), "the result")


@pytest.mark.parametrize("gives", [(), (B,)], ids=["none", "another"])
def test_an_attempt_whose_gpu_the_operator_gives_no_more_is_ended_and_handed_back(
    room: Room, monkeypatch: pytest.MonkeyPatch, gives: tuple[str, ...]
) -> None:
    task = room.task(gpus=1)
    killed_at_work(room, task, monkeypatch)
    stand_in(monkeypatch, Card(uuid=A), Card(uuid=B))
    room.gpus = gives
    with room.node() as (node, _process):
        recovered = Claims(node, selector_of(node, room.config))
        for left in recover(node).live:
            recovered.pending.add(left, wait=0)
        assert list(recovered.resumed(busy=frozenset())) == []
    assert is_(room, task, AssignmentState.HANDED_BACK)()
    assert not room.host.containers
