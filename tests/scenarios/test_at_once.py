"""Concurrent commands of a creator on the same folder, task or key."""

from pathlib import Path
from typing import Any

import pytest

from node_runtime.creator.results import fetch_result
from node_runtime.creator.review import accept
from node_runtime.creator.tasks import AccountRole, list_tasks
from node_runtime.creator.validation.strategies import Received, Verdict
from node_runtime.creator.validation.validate import Desk as Bench
from node_runtime.creator.validation.validate import Validated, validate
from node_runtime.decentralml.session import connect
from node_runtime.domain.assets import Account, SubmissionId
from node_runtime.domain.task import SubmissionState, TaskId
from node_runtime.errors import ChainRefused, InputError
from node_runtime.platform.locks import try_locked
from node_runtime.stores.local import LocalStore
from node_runtime.substrate.keys import create_key
from tests.scenarios.conftest import Desk
from tests.scenarios.test_results import TRAINING, submitted, worked


class Overtaken(LocalStore):
    """A store whose fetch coincides with another process creating the target."""

    target: Path

    def fetch(self, *given: Any, **named: Any) -> None:
        self.target.mkdir(exist_ok=True)
        (self.target / "theirs").write_text("precious")
        super().fetch(*given, **named)


def test_a_target_created_meanwhile_is_not_overwritten(desk: Desk, tmp_path: Path) -> None:
    submission = worked(desk, submitted(desk))
    store = Overtaken(tmp_path / "store")
    store.target = tmp_path / "fetched"
    with pytest.raises(InputError, match="is there and not empty"):
        fetch_result(submission, store, store.target)
    assert [path.name for path in store.target.iterdir()] == ["theirs"]
    assert list(tmp_path.glob(".fetched*")) == []


def test_a_folder_belongs_to_one_command_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "runs"
    with try_locked(folder), pytest.raises(InputError, match="another command is writing to"), try_locked(folder):
        pass
    with try_locked(folder):
        assert list(folder.iterdir()) == []


def test_a_result_under_validation_is_not_replaced_by_another_validation(desk: Desk, tmp_path: Path) -> None:
    task = submitted(desk)
    worked(desk, task)
    bench, output = Bench(chain=desk.chain, store=desk.store, folder=tmp_path / "looks"), list[Validated]()

    def judge(received: Received) -> Verdict:
        with pytest.raises(InputError, match="another command is writing to"):
            validate(bench, task, judge, told=output.append)
        return Verdict(accept=(received.folder / "model").read_text() == "weights\n")

    validate(bench, task, judge, told=output.append)
    (submission,) = desk.chain.submissions(task)
    assert (submission.state, len(output)) == (SubmissionState.ACCEPTED, 1)


class Purging:
    """The desk's chain, on which a task is purged between two reads."""

    def __init__(self, desk: Desk) -> None:
        self._chain = desk.chain

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def tasks_of(self, creator: Account) -> tuple[TaskId, ...]:
        return (*self._chain.tasks_of(creator), TaskId(1 << 40))


def test_a_task_that_is_purged_while_tasks_are_listed_is_left_out(desk: Desk) -> None:
    task = submitted(desk)
    chain: Any = Purging(desk)
    assert list_tasks(chain, desk.store, role=AccountRole.MINE)[-1].task.id == task


class TooLate:
    """The desk's chain, which receives a decision only after the review window."""

    def __init__(self, desk: Desk) -> None:
        self._chain, self._other = desk.chain, desk.worker

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chain, name)

    def accept_task_results(self, task: TaskId, submission: SubmissionId) -> None:
        (found,) = self._chain.submissions(task)
        while self._chain.now() <= (found.until or 0):
            self._other.create_plan()  # the chain's clock advances with its blocks
        self._chain.accept_task_results(task, submission)


def test_a_decision_after_the_window_fails_with_the_outcome_of_the_result(desk: Desk) -> None:
    task = desk.submit(TRAINING.replace("manual", "{manual: {window: 1s}}")).tasks[0].id
    worked(desk, task)
    late: Any = TooLate(desk)
    with pytest.raises(ChainRefused, match=r"submission \d+ (is|counts as) accepted (already|since)") as refused:
        accept(late, task)
    assert refused.value.rule == "AlreadyDecided"


def test_naming_a_keystore_again_keeps_the_open_connection(network: str, tmp_path: Path) -> None:
    keystore = tmp_path / "key.json"
    account = create_key(keystore, "secret")
    with connect(network, storage=tmp_path / "store") as substrate:
        waiting = substrate.account(keystore, "secret")
        again = substrate.account(keystore, "secret")
        assert (waiting.balance(account).free, again.account) == (0, account)
        with pytest.raises(InputError, match="wrong password"):
            substrate.account(keystore, "guessed")
        assert waiting.now() >= 0
