"""Number of requests to the chain: related reads are batched into one request, whatever their size.

Requests for the newest block are excluded: their number depends on the duration of a block.
"""

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from node_runtime.creator.submit import submit
from node_runtime.domain.assets import Account, AssetKind, Label, SubmissionId
from node_runtime.domain.clock import ChainTime, Clock
from node_runtime.domain.document import FILE_NAME, Document, Image
from node_runtime.domain.task import Kind, TaskId
from node_runtime.ports.engine import ContainerEngine
from node_runtime.spec.read import read_specs
from node_runtime.stores import open_store
from node_runtime.stores.cache import Cache
from node_runtime.substrate.connection import Connection
from node_runtime.worker.audit import Audit
from node_runtime.worker.metrics import Metrics
from node_runtime.worker.policy import AllowList, Policy
from node_runtime.worker.selection import TaskSelector
from tests.contract.chain_world import HOUR, World, model_result, refusal

SAMPLES = 100
NOOP = Path(__file__).parents[2] / "assets" / "noop" / "train.yaml"
NEWEST = "chain_getFinalizedHead"
CALL = {"author_submitExtrinsic": 1, "chain_getBlock": 1}  # the requests common to all calls


class AnyImage:
    """An engine that accepts any image in the checks before an assignment."""

    def unable(self) -> str | None:
        return None

    def can_have_image(self, _digest: str, _ready: str | None) -> bool:
        return True


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts of the requests sent to the chain's node, by method."""
    sent: Counter[str] = Counter()
    once = Connection._once

    def counted(connection: Connection, method: str, params: tuple[object, ...]) -> object:
        sent[method] += 1
        return once(connection, method, params)

    monkeypatch.setattr(Connection, "_once", counted)
    return sent


def created(world: World, folder: Path, *, assignee: Account) -> TaskId:
    """Create a training task of 100 samples, offered to this account, with its data in the folder's store."""
    store, made = open_store(folder / "store"), []
    for number in range(SAMPLES + 1):
        (folder / f"{number}").write_text(f"{number} of {folder}")
        asset = world.asset(AssetKind.DATA_SAMPLE, Label.TRAIN) if number else world.asset(AssetKind.ALGO)
        made.append(replace(asset, ref=replace(asset.ref, digest=store.put(folder / f"{number}"))))
    world.creator.register_assets(made)
    algo, *samples = (str(asset.ref) for asset in made)
    document = Document(kind=Kind.TRAINING, name="training", algo=Image(source=algo), data=tuple(samples))
    (folder / FILE_NAME).write_bytes(document.encode())
    spec = replace(world.spec(*(asset.ref for asset in made)), digest=store.put(folder / FILE_NAME))
    return world.creator.create_task(replace(world.terms(), assignee=assignee), spec)


def test_a_task_of_a_hundred_samples_is_judged_by_two_reads_of_the_state(
    world: World, tmp_path: Path, requests: Counter[str]
) -> None:
    chain = world.worker
    task = created(world, tmp_path, assignee=chain.account)
    anybody = AllowList(entries=("any",))
    policy = Policy(kinds=frozenset({Kind.TRAINING}), creators=anybody, algos=anybody, datasets=anybody)
    seeker = TaskSelector(
        chain=chain,
        time=ChainTime(Clock(), slot=chain.slot_duration()),
        store=open_store(tmp_path / "store"),
        private=open_store(tmp_path / "private"),
        cache=Cache(tmp_path / "cache", limit=1 << 30),
        engine=cast(ContainerEngine, AnyImage()),
        room=lambda: 1 << 30,
        policy=policy,
        minimum_time=0,
        approvals=tmp_path / "approved",
        audit=Audit(tmp_path / "audit.jsonl", chain),
        metrics=Metrics(),
    )
    looking = seeker.candidates(busy=frozenset(chain.open_tasks(Kind.TRAINING)))
    requests.clear()
    found = next(looking)
    assert found.task.id == task
    named = requests.pop("state_getKeysPaged")  # the offers, and the open tasks of the one kind
    assert named == 2
    requests.pop(NEWEST, 0)
    assert requests == {"state_getStorage": 1, "state_queryStorageAt": 2}  # the chain's clock; the task, what it names


def test_a_task_is_priced_and_submitted_by_eight_requests(world: World, tmp_path: Path, requests: Counter[str]) -> None:
    store, specs = open_store(tmp_path / "store"), read_specs(NOOP)
    submit(specs, world.creator, store, say=lambda _: None)
    requests.clear()
    submit(specs, world.creator, store, say=lambda _: None)
    requests.pop(NEWEST, 0)
    # the assets, for their price and to register them; the balance, the chain's time, the call's events
    assert requests == {**CALL, "payment_queryInfo": 1, "state_queryStorageAt": 2, "state_getStorage": 3}


def test_a_task_is_taken_and_its_result_sent_by_four_requests_each(world: World, requests: Counter[str]) -> None:
    task = world.training()
    world.worker.create_plan()
    requests.clear()
    hold = world.worker.assign_task(task)
    requests.pop(NEWEST, 0)
    assert requests == {**CALL, "state_getStorage": 2}  # its events and the hold
    requests.clear()
    world.worker.send_task_result(task, hold.epoch, model_result())
    requests.pop(NEWEST, 0)
    assert requests == {**CALL, "state_getStorage": 2}


def test_blocks_of_other_accounts_are_skipped_while_a_call_is_awaited(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, sent, once = world.training(), Counter[str](), Connection._once
    connection = world.worker._connection

    def crowded(asking: Connection, method: str, params: tuple[object, ...]) -> object:
        answer = once(asking, method, params)
        if asking is connection:
            sent[method] += 1
            if method == "author_submitExtrinsic":
                for _ in range(20):
                    world.other.create_plan()
        return answer

    with monkeypatch.context() as patched:
        patched.setattr(Connection, "_once", crowded)
        claimed = world.worker.assign_task(task)
    assert claimed == world.other.assignment(world.worker.account, task)
    assert sent["author_submitExtrinsic"] == 1
    assert sent["chain_getBlock"] <= 4
    assert sent["chain_getBlockHash"] <= 6


def test_results_of_several_tasks_are_read_by_one_request(world: World, requests: Counter[str]) -> None:
    tasks = [world.training(window=HOUR) for _ in range(3)]
    sent = [
        (task, world.worker.send_task_result(task, world.worker.assign_task(task).epoch, model_result()))
        for task in tasks
    ]
    unknown = (tasks[0], SubmissionId(999_999))
    requests.clear()
    *found, missing = world.worker.submissions_named([*sent, unknown])
    requests.pop(NEWEST, 0)
    requests.pop("state_getStorageHash", 0)  # of a new block
    assert requests == {"state_queryStorageAt": 1}
    assert missing is None
    assert found == [world.worker.submissions(task)[0] for task in tasks]


def test_a_value_is_read_by_one_request_and_one_more_at_a_new_block(world: World, requests: Counter[str]) -> None:
    world.other.create_plan()
    world.worker.balance(world.other.account)
    requests.clear()
    for _ in range(3):
        world.worker.balance(world.other.account)
    requests.pop(NEWEST, 0)
    assert requests == {"state_getStorage": 3}
    world.other.create_plan()
    requests.clear()
    world.worker.balance(world.other.account)
    requests.pop(NEWEST, 0)
    assert requests == {"state_getStorage": 1, "state_getStorageHash": 1}


def test_while_the_chain_stands_still_its_time_needs_no_request_but_for_the_newest_block(
    world: World, requests: Counter[str]
) -> None:
    world.other.create_plan()
    before = world.worker.now()
    requests.clear()
    assert {world.worker.now() for _ in range(3)} == {before}
    assert set(requests) <= {NEWEST}
    world.other.create_plan()
    assert world.worker.now() > before


def test_open_tasks_of_several_kinds_are_listed_by_one_request(world: World, requests: Counter[str]) -> None:
    task = world.training()
    requests.clear()
    found = world.worker.claimable(tuple(Kind))
    assert task in found.open
    assert list(found.open) == sorted(found.open)
    assert requests["state_getKeysPaged"] == 2  # the offers, and the open tasks
    assert task not in world.worker.claimable((Kind.SCORING, Kind.AGGREGATION)).open
    assert world.worker.claimable(()).open == ()


def test_many_tasks_are_created_by_one_transaction_and_read_by_one_request(
    world: World, requests: Counter[str]
) -> None:
    terms, spec = world.terms(), world.training_spec()
    wanted = [(replace(terms, reward=terms.reward + place), spec) for place in range(20)]
    requests.clear()
    numbers = world.creator.create_tasks(wanted)
    requests.pop(NEWEST, 0)
    assert requests == {**CALL, "state_getStorage": 1}  # its events
    requests.clear()
    found = world.creator.records((*numbers, TaskId(999_999)))
    requests.pop(NEWEST, 0)
    assert requests == {"state_queryStorageAt": 1}
    assert [(one.task.id, one.task.terms, one.spec) for one in found] == [
        (number, *each) for number, each in zip(numbers, wanted, strict=True)
    ]


def test_of_many_tasks_none_is_created_where_one_breaks_a_rule(world: World) -> None:
    terms, spec = world.terms(), world.training_spec()
    before = world.creator.tasks_of(world.creator.account)
    wanted = [(terms, spec), (replace(terms, reward=1), spec)]
    refusal("TooLittleReward", lambda: world.creator.create_tasks(wanted))
    assert world.creator.tasks_of(world.creator.account) == before
