"""Compatibility of the chain stored by commit 7bf0b92: its open tasks continue under the packaged runtime."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from node_runtime.devnet.chain import EmbeddedChain
from node_runtime.devnet.server.server import RUNTIME
from node_runtime.devnet.state.state import keys_under
from node_runtime.devnet.state.store import Store
from node_runtime.devnet.upgrade import follow_package
from node_runtime.devnet.wasm.compiled import default_cache
from node_runtime.domain.assets import Digest, ObjectiveId, SubmissionId, Visibility
from node_runtime.domain.permissions import OWNER_ONLY, PUBLIC
from node_runtime.domain.task import AssignmentState, Output, Result, SubmissionState, TaskId, TaskState
from node_runtime.errors import ChainRefused
from node_runtime.substrate.client import SubstrateChain, connect
from tests.chain_rules.schema import schema_of
from tests.chain_rules.state import State
from tests.later_devnet import LaterDevnet, later_devnet
from tests.stored import BEGIN, Stored, unpack_stored

DAY = 86_400_000


@dataclass(frozen=True)
class Upgraded:
    """The stored chain under the packaged runtime, and its accounts."""

    devnet: LaterDevnet
    alice: SubstrateChain
    bob: SubstrateChain
    charlie: SubstrateChain
    story: dict[str, int]

    def task(self, name: str) -> TaskId:
        return TaskId(self.story[name])

    def submission(self, name: str) -> SubmissionId:
        return SubmissionId(self.story[name])

    def state_of(self, name: str) -> TaskState:
        task = self.alice.task(self.task(name))
        assert task is not None
        return task.state


def result(name: str) -> Result:
    digest = Digest(name.encode().hex().ljust(64, "0"))
    return Result(digest=digest, outputs=(Output(name="model", digest=digest),), uri="cas:")


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return unpack_stored(tmp_path / "stored")


@pytest.fixture
def upgraded(stored: Stored) -> Iterator[Upgraded]:
    with later_devnet(stored.chain, begins=BEGIN + 60_000) as devnet, ExitStack() as closing:
        alice, bob, charlie = (connect(devnet.url, f"//{name}") for name in ("Alice", "Bob", "Charlie"))
        for chain in (alice, bob, charlie):
            closing.callback(chain.close)
        yield Upgraded(devnet, alice, bob, charlie, stored.story)


@contextmanager
def opened(stored: Stored) -> Iterator[EmbeddedChain]:
    """Open the stored chain without a server."""
    store = Store(stored.chain / "chain.sqlite")
    yield EmbeddedChain(
        store,
        code=RUNTIME.read_bytes(),
        preset="development",
        cache_folder=default_cache(),
        wall_clock=lambda: BEGIN + 60_000,
        notify=lambda _transaction, _status: None,
    )
    store.close()


def state_of(chain: EmbeddedChain) -> State:
    view = chain.state_at(chain.head.number)
    state = State(schema_of(chain.runtime_at(chain.head.number).metadata))
    state.apply((key, view.get(key)) for key in keys_under(view, b""))
    return state


def test_open_tasks_are_taken_finished_and_paid(upgraded: Upgraded) -> None:
    for name in ("open", "open_cheap", "retried", "handed_back", "parent"):
        task = upgraded.alice.task(upgraded.task(name))
        assert task is not None
        before = upgraded.charlie.balance(upgraded.charlie.account)
        epoch = upgraded.charlie.assign_task(task.id).epoch
        upgraded.charlie.send_task_result(task.id, epoch, result(name))
        after = upgraded.charlie.balance(upgraded.charlie.account)
        assert after.free + after.held > before.free + before.held + task.terms.reward * 3 // 4, name
        assert after.held == before.held, name


def test_a_live_attempt_sends_its_result(upgraded: Upgraded) -> None:
    for name in ("live", "live_two", "closing"):
        upgraded.bob.send_task_result(upgraded.task(name), upgraded.story[f"{name}_epoch"], result(name))
        attempt = upgraded.bob.assignment(upgraded.bob.account, upgraded.task(name))
        assert attempt is not None
        assert attempt.state is AssignmentState.SUBMITTED
    assert upgraded.state_of("live") is TaskState.DONE


def test_a_result_under_review_is_accepted_with_its_score(upgraded: Upgraded) -> None:
    for name in ("reviewed", "score_reviewed"):
        upgraded.alice.accept_task_results(upgraded.task(name), upgraded.submission(f"{name}_submission"))
        (submission,) = upgraded.alice.submissions(upgraded.task(name))
        assert submission.state is SubmissionState.ACCEPTED
        assert upgraded.state_of(name) is TaskState.DONE
    assert submission.score is not None


def test_an_unjudged_result_is_accepted_when_its_review_ends(upgraded: Upgraded) -> None:
    upgraded.devnet.pass_time(21 * DAY)
    upgraded.charlie.create_plan()
    assert upgraded.state_of("reviewed") is TaskState.DONE


def test_a_paused_task_can_be_resumed(upgraded: Upgraded) -> None:
    assert upgraded.state_of("paused") is TaskState.PAUSED
    upgraded.alice.resume_task(upgraded.task("paused"))
    epoch = upgraded.charlie.assign_task(upgraded.task("paused")).epoch
    upgraded.charlie.send_task_result(upgraded.task("paused"), epoch, result("paused"))
    assert upgraded.state_of("paused") is TaskState.DONE


def test_a_waiting_task_opens_when_its_parent_is_done(upgraded: Upgraded) -> None:
    parent = upgraded.task("parent")
    upgraded.bob.send_task_result(parent, upgraded.bob.assign_task(parent).epoch, result("parent"))
    epoch = upgraded.charlie.assign_task(upgraded.task("waiting")).epoch
    upgraded.charlie.send_task_result(upgraded.task("waiting"), epoch, result("waiting"))
    assert upgraded.state_of("waiting") is TaskState.DONE


def test_an_offer_is_declined(upgraded: Upgraded) -> None:
    upgraded.bob.decline_offer(upgraded.task("offered"))
    assert upgraded.state_of("offered") is TaskState.CANCELLED


def test_every_task_ends_and_nothing_stays_held_for_it(upgraded: Upgraded) -> None:
    upgraded.devnet.pass_time(800 * DAY)
    for _ in range(4):
        upgraded.charlie.create_plan()
    tasks = [upgraded.alice.task(number) for number in upgraded.alice.tasks_of(upgraded.alice.account)]
    assert all(task is not None and task.state.final and task.held == 0 for task in tasks)
    for chain in (upgraded.alice, upgraded.bob, upgraded.charlie):
        assert chain.balance(chain.account).held == 0


def test_money_is_conserved_and_holds_keep_their_reasons(stored: Stored) -> None:
    with opened(stored) as chain:
        before = state_of(chain)
        follow_package(chain, RUNTIME.read_bytes(), same_version=False, say=lambda _line: None)
        after = state_of(chain)
    assert after.single("Balances", "TotalIssuance") == before.single("Balances", "TotalIssuance")
    held = {account: money.reserved for account, money in after.accounts.items() if money.reserved}
    assert held == {account: money.reserved for account, money in before.accounts.items() if money.reserved}
    owed: dict[bytes, int] = {}
    for task in after.tasks("Tasks").values():
        owed[task.creator] = owed.get(task.creator, 0) + task.held + task.bytes.spec + task.bytes.records
    for (worker, _), attempt in after.tasks("Assignments").items():
        fees = attempt.fees.latest + attempt.fees.earlier
        owed[worker] = owed.get(worker, 0) + attempt.bond + fees
    assert held == {account: amount for account, amount in owed.items() if amount}


def test_terms_and_limits_stay_as_they_were(stored: Stored) -> None:
    with opened(stored) as chain:
        before = state_of(chain)
        follow_package(chain, RUNTIME.read_bytes(), same_version=False, say=lambda _line: None)
        after = state_of(chain)
    assert after.tasks("Tasks").keys() == before.tasks("Tasks").keys()
    for number, task in before.tasks("Tasks").items():
        new = after.tasks("Tasks")[number]
        assert (new.creator, new.held, new.created) == (task.creator, task.held, task.created)
        assert repr(new.terms) == repr(task.terms)  # of two runtimes' types
    for key, attempt in before.tasks("Assignments").items():
        new = after.tasks("Assignments")[key]
        assert (new.epoch, new.since, new.due) == (attempt.epoch, attempt.since, attempt.due)
    for key, sent in before.tasks("Submissions").items():
        assert repr(after.tasks("Submissions")[key].status) == repr(sent.status)


def test_scores_and_tolerances_are_in_units_of_eighteen_digits(stored: Stored) -> None:
    with opened(stored) as chain:
        before = state_of(chain)
        follow_package(chain, RUNTIME.read_bytes(), same_version=False, say=lambda _line: None)
        after = state_of(chain)
    story = stored.story
    key = (story["scored"], story["score"])
    assert after.tasks("Submissions")[key].score.value == 937_500 * 10**12
    kept = after.registry("Scores")[(story["objective"], story["score"])]
    assert kept.value == before.tasks("Submissions")[key].score.value * 10**12
    assert after.registry("Objectives")[story["objective"]].tolerance == 1000 * 10**12
    reviewed = after.tasks("Submissions")[(story["score_reviewed"], story["score_reviewed_submission"])]
    assert [perf.value for perf in reviewed.perfs] == [812_500 * 10**12]
    assert (story["model"], 0) in after.registry("Models")


def test_assets_and_tasks_from_before_permissions_are_everyones_and_stay_so(upgraded: Upgraded) -> None:
    assets = [one for chain in (upgraded.alice, upgraded.bob) for one in chain.assets_of(chain.account)]
    (private,) = (one for one in assets if one.visibility is Visibility.PRIVATE)
    assert {upgraded.charlie.permissions(one.ref) for one in assets} == {PUBLIC}
    records = upgraded.charlie.records(upgraded.charlie.every_task())
    assert {one.rights for one in records} == {PUBLIC}
    assert upgraded.charlie.admits(ObjectiveId(upgraded.story["objective"])) is None

    upgraded.bob.register_assets([private])  # it is registered for everyone
    with pytest.raises(ChainRefused, match="PermissionsFixed"):
        upgraded.bob.register_assets([private], OWNER_ONLY)
    (trained,) = (one for one in records if one.task.id == upgraded.task("open"))
    spec = replace(trained.spec, assets=(*trained.spec.assets, private.ref))
    terms = replace(trained.task.terms, deadline=upgraded.alice.now() + DAY)
    task = upgraded.alice.task(upgraded.alice.create_task(terms, spec))
    assert task is not None
    assert task.terms.assignee == upgraded.bob.account
