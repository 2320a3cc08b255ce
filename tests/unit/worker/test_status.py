"""The status of a node is read from its files and its chain, whether its daemon and the chain answer or not."""

from dataclasses import replace
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from node_runtime.domain.assets import Digest
from node_runtime.domain.task import TaskId
from node_runtime.errors import ChainUnavailable, FailureCategory
from node_runtime.ports.chain import ChainReads
from node_runtime.substrate.client import connect_reader
from node_runtime.substrate.memory import MemoryNetwork
from node_runtime.worker import status
from node_runtime.worker.funding import warn_if_unfunded
from node_runtime.worker.outbox import Delivery, Outbox
from node_runtime.worker.reasons import Reason
from node_runtime.worker.state_dir import ChainFiles, mark_of
from node_runtime.worker.status import read_status
from node_runtime.worker.status_file import NodeState, Obstacle, Refused, StatusFile, Working
from tests.background import LIMIT, in_background
from tests.unit.worker.faults_room import Room


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "home"))
    network = MemoryNetwork()
    monkeypatch.setattr(status, "connect_reader", lambda _url, **_: network.connect("//Alice"))
    room = Room(folder=tmp_path, creator=network.connect("//Alice"), network=network, key=f"//node{uuid4().hex[:12]}")
    room.config.work.mkdir()
    return room


def state(room: Room, task: TaskId, epoch: int, *, refused: int = 999) -> NodeState:
    """What a daemon at work on this attempt wrote before another refusal."""
    return NodeState(
        chain=mark_of(room.network.connect(room.key).genesis),
        account=room.account,
        obstacles=(Obstacle(reason="engine_unable", message="it hangs", remedy="see its log", since=5),),
        refused=(Refused(task=TaskId(refused), reason=Reason.KIND, message="policy.kinds is scoring", since=5),),
        working=(Working(task=task, epoch=epoch, step="run_train", since=1, due=9, cpus=0.5, memory=64, disk=128),),
    )


def reasons(found: status.NodeStatus) -> list[str]:
    return [one.reason for one in found.obstacles]


def test_a_node_at_work_has_its_attempt_with_the_step_and_what_it_reserved(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "daemon_process", lambda _work: 4711)
    task, other = room.task(), room.task()
    attempt = room.network.connect(room.key).assign_task(task)
    StatusFile(room.config.work).write(state(room, task, attempt.epoch, refused=other))
    found = read_status(room.config, room.folder / "node.yaml")
    assert (found.process, found.account, found.slots_left) == (4711, room.account, 0)
    assert [(one.task, one.epoch, one.step) for one in found.running] == [(task, attempt.epoch, "run_train")]
    assert (found.capacity["cpus"].used, found.capacity["memory"].used) == (0.5, 64)
    assert [one.task for one in found.refused] == [other]
    assert reasons(found) == ["engine_unable"]
    assert found.balance is not None


def test_a_node_whose_daemon_ended_has_its_attempt_without_a_step_and_its_outbox(room: Room) -> None:
    task = room.task()
    chain = room.network.connect(room.key)
    attempt = chain.assign_task(task)
    StatusFile(room.config.work).write(state(room, task, attempt.epoch))
    files = ChainFiles(work=room.config.work, node=room.config.node, mark=mark_of(chain.genesis))
    outbox = Outbox(files.outbox)
    category = FailureCategory.TASK_ERROR
    outbox.pack(
        Delivery(
            task=task,
            epoch=attempt.epoch,
            worker=room.account,
            due=10**15,
            reward=1,
            log=Digest("c" * 64),
            category=category,
        )
    )
    outbox.close()
    found = read_status(room.config, room.folder / "node.yaml")
    assert (found.process, found.slots_left) == (None, 1)
    assert [(one.task, one.step) for one in found.running] == [(task, "")]
    assert [(one.task, one.category) for one in found.outbox] == [(task, category)]
    assert reasons(found) == ["not_running"]


def test_a_node_without_its_chain_has_what_it_knows_itself(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_url: str, **_: object) -> ChainReads:
        raise ChainUnavailable("no answer", remedy="start it")

    StatusFile(room.config.work).write(state(room, TaskId(4), 1))
    monkeypatch.setattr(status, "connect_reader", unreachable)
    monkeypatch.setattr(status, "daemon_process", lambda _work: 4711)
    found = read_status(room.config, room.folder / "node.yaml")
    assert found.balance is None
    assert [(one.task, one.step, one.due) for one in found.running] == [(4, "run_train", 9)]
    assert reasons(found) == ["engine_unable", "chain_unavailable"]


def test_a_chain_that_ends_each_connection_is_asked_once(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "connect_reader", connect_reader)
    asked: list[object] = []

    class Unable(BaseRequestHandler):
        def handle(self) -> None:
            asked.append(self.client_address)

    with ThreadingTCPServer(("127.0.0.1", 0), Unable) as server:
        serving = in_background(server.serve_forever)
        config = room.config.model_copy(update={"chain": f"ws://127.0.0.1:{server.server_address[1]}"})
        found = read_status(config, room.folder / "node.yaml")
        server.shutdown()
        serving.result(LIMIT)
    assert "chain_unavailable" in reasons(found)
    assert len(asked) == 1


def test_a_refusal_of_a_task_that_nobody_can_claim_any_more_is_not_told(room: Room) -> None:
    task, other = room.task(), room.task()
    attempt = room.network.connect(room.key).assign_task(task)
    StatusFile(room.config.work).write(state(room, task, attempt.epoch, refused=other))
    assert [one.task for one in read_status(room.config, room.folder / "node.yaml").refused] == [other]
    room.creator.cancel_task(other, abort=False)
    assert read_status(room.config, room.folder / "node.yaml").refused == ()


def test_a_state_of_another_account_is_not_read(room: Room) -> None:
    other = state(room, TaskId(4), 1).model_copy(update={"account": room.creator.account})
    StatusFile(room.config.work).write(other)
    assert read_status(room.config, room.folder / "node.yaml").refused == ()


def test_each_reason_to_claim_nothing_has_its_remedy(room: Room) -> None:
    unfunded = replace(room, key=f"//poor{uuid4().hex[:12]}", policy={"kinds": ["training"], "creators": []})
    chain = room.network.connect(unfunded.key)
    chain.pay(room.account, chain.balance(chain.account).free * 99 // 100)
    config = unfunded.config.model_copy(update={"disk_floor": 1 << 60})
    found = read_status(config, room.folder / "node.yaml")
    assert reasons(found) == ["not_running", "unfunded", "policy_allows_nothing", "low_disk"]
    assert all(one.remedy for one in found.obstacles)
    with capture_logs() as events:
        warn_if_unfunded(chain, config.chain)
        warn_if_unfunded(room.creator, config.chain)
    (event,) = events
    assert f"node-runtime pay {chain.account} 20" in event["remedy"]
