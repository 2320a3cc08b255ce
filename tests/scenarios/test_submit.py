"""What does a submitted file become on chain and in storage, and what keeps it from being submitted?"""

import secrets

import pytest

from node_runtime.admission import admitted_document
from node_runtime.clock import current_time
from node_runtime.creator.submit import Submitted
from node_runtime.document import Document
from node_runtime.errors import ChainRefused, InputError, SpecError, StorageError
from node_runtime.task import (
    UNIT,
    Asset,
    AssetKind,
    AssetRef,
    Digest,
    Kind,
    Label,
    Output,
    Result,
    TaskId,
    TaskState,
    Visibility,
)
from tests.scenarios.conftest import Desk

TRAINING = """\
kind: training
name: round-1
algo: algo/
opener: opener.py
data: [train-0, train-1]
reward: 10
"""


def objective(name: str) -> str:
    return f"kind: objective\nname: {name}\nmetric: metric/\nopener: opener.py\nsamples: [test-0]\n---\n"


def whole_round(name: str) -> str:
    scoring = (
        f"---\nkind: scoring\nname: score-1\nmodel: {{task: round-1}}\nobjective: {name}\nalgo: algo/\nreward: 2\n"
    )
    return objective(name) + TRAINING + f"objectives: [{name}]\n" + scoring


def fresh_name() -> str:
    """Names of an account's objectives stay, and the tests of this file share a chain."""
    return f"objective-{secrets.token_hex(4)}"


def admitted(desk: Desk, task: TaskId) -> Document:
    """The document as a node sees it, after the node's own comparison with the chain."""
    on_chain, spec = desk.chain.task(task), desk.chain.spec(task)
    assert on_chain is not None
    assert spec is not None
    return admitted_document(on_chain, spec, desk.store)


def numbers(submitted: Submitted) -> list[TaskId]:
    return [task.id for task in submitted.tasks]


def test_a_training_becomes_a_task_that_a_node_admits(desk: Desk) -> None:
    before = current_time(desk.chain)
    (number,) = numbers(desk.submit(TRAINING + "deadline: 2h\nlimits: {timeout: 2500ms}\n"))
    document, task = admitted(desk, number), desk.chain.task(number)
    assert task is not None
    assert (document.kind, document.name, document.limits.timeout) == (Kind.TRAINING, "round-1", 3)
    assert len(document.data) == 2
    assert (task.state, task.terms.reward, task.held) == (TaskState.OPEN, 10 * UNIT, 10 * UNIT)
    assert before <= task.terms.deadline - 7_200_000 <= current_time(desk.chain)


def test_documents_of_one_file_refer_to_each_other(desk: Desk) -> None:
    name = fresh_name()
    submitted = desk.submit(whole_round(name))
    training, scoring = numbers(submitted)
    document, waiting, opened = admitted(desk, scoring), desk.chain.task(scoring), desk.chain.task(training)
    assert waiting is not None
    assert opened is not None
    assert (opened.state, waiting.state) == (TaskState.OPEN, TaskState.WAITING)
    assert waiting.terms.plan == opened.terms.plan == submitted.plan is not None
    (made,) = submitted.objectives
    assert (document.objective, document.models[0].task) == (made.id, training)
    assert [key.split("/")[1] for key in document.data] == list(made.samples)
    spec = desk.chain.spec(training)
    assert spec is not None
    assert spec.objectives == (made.id,)


def test_the_same_file_again_stores_and_registers_nothing_anew(desk: Desk) -> None:
    text = whole_round(fresh_name())
    first, stored = desk.submit(text), desk.stored()
    assets = desk.chain.assets_of(desk.chain.account)
    again = desk.submit(text)
    assert again.objectives == first.objectives
    assert desk.chain.assets_of(desk.chain.account) == assets
    # only the scoring's document is new: it names the new training by its number
    assert len(desk.stored() - stored) == 1
    assert set(numbers(again)).isdisjoint(numbers(first))


def test_a_later_file_names_an_objective_and_a_task_that_are_on_chain(desk: Desk) -> None:
    name = fresh_name()
    desk.submit(objective(name))
    (training,) = numbers(desk.submit(TRAINING + f"objectives: [{name}]\n"))
    score = f"kind: scoring\nname: s\nmodel: {{task: {training}}}\nobjective: {name}\nalgo: algo/\nreward: 1\n"
    (scoring,) = numbers(desk.submit(score))
    spec = desk.chain.spec(scoring)
    assert spec is not None
    assert spec.parents == (training,)


def test_an_accepted_submission_of_another_task_is_a_starting_model(desk: Desk) -> None:
    (first,) = numbers(desk.submit(TRAINING))
    digest = Digest(secrets.token_hex(32))
    result = Result(digest=digest, outputs=(Output(name="model", digest=digest),), uri="cas:")
    submission = desk.worker.send_task_result(first, desk.worker.assign_task(first).epoch, result)
    (second,) = numbers(desk.submit(TRAINING + f"models: [{{submission: {submission}}}]\n"))
    assert admitted(desk, second).models[0].submission == submission


def test_custom_validation_names_the_judge(desk: Desk) -> None:
    judge = desk.worker.account
    (number,) = numbers(desk.submit(TRAINING + f"validation: {{custom: {{judge: {judge}, window: 1h}}}}\n"))
    task = desk.chain.task(number)
    assert task is not None
    assert (task.terms.review.judge, task.terms.review.window, task.terms.max_rejects) == (judge, 3_600_000, 2)


def test_too_little_balance_says_how_much_is_missing_before_anything_is_stored(desk: Desk) -> None:
    with pytest.raises(
        ChainRefused, match=r"hold 9,000,000 UNIT, but 5Grwva\w+ has 9\d\d,\d+\.\d+ UNIT free"
    ) as caught:
        desk.submit(TRAINING.replace("reward: 10", "reward: 9000000"))
    assert (caught.value.rule, caught.value.exit_code) == ("TooLittleBalance", 3)
    assert caught.value.remedy.startswith("send at least 8,0")
    assert desk.stored() == set()


def test_a_sample_registered_under_the_other_label_is_named_by_its_path(desk: Desk) -> None:
    desk.submit(objective(fresh_name()))
    with pytest.raises(ChainRefused, match=r"desk/test-0 is a Train sample here, but .* registered as a Test sample"):
        desk.submit(TRAINING.replace("train-1", "test-0"))


def test_the_same_bytes_under_two_labels_in_one_file_are_refused_before_the_chain_knows(desk: Desk) -> None:
    (desk.folder / "train-1" / "a.csv").write_bytes((desk.folder / "test-0" / "a.csv").read_bytes())
    assets = desk.chain.assets_of(desk.chain.account)
    with pytest.raises(SpecError, match=r"train-1 holds the same bytes as .*test-0"):
        desk.submit(whole_round(fresh_name()))
    assert desk.chain.assets_of(desk.chain.account) == assets


def test_test_samples_that_came_in_another_wrapping_are_refused_and_the_plan_is_cancelled(desk: Desk) -> None:
    """Another account registers the Test sample's bytes as Train: the chain knows them by their digest."""
    name = fresh_name()
    (made,) = desk.submit(objective(name)).objectives
    other = desk.store.put(desk.folder / "test-0")
    assert made.samples == (other,)
    register_as_train(desk, other)
    foreign = TRAINING.replace("train-1", f"{desk.worker.account}/{other}") + f"objectives: [{name}]\n"
    text = TRAINING + "---\n" + foreign.replace("round-1", "round-2")
    with pytest.raises(ChainRefused) as caught:
        desk.submit(text)
    assert caught.value.rule == "TestSampleInTraining"
    assert desk.said[-1].endswith("what was held for its tasks is free again")
    last = desk.chain.task(max(desk.chain.tasks_of(desk.chain.account)))
    assert last is not None
    assert (last.state, last.held) == (TaskState.CANCELLED, 0)


def register_as_train(desk: Desk, digest: Digest) -> None:
    ref = AssetRef(owner=desk.worker.account, digest=digest)
    sample = Asset(ref=ref, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN, visibility=Visibility.SHARED, uri="cas:")
    desk.worker.register_assets([sample])


def test_another_objective_of_the_same_name_is_refused(desk: Desk) -> None:
    name = fresh_name()
    desk.submit(objective(name))
    (desk.folder / "test-0" / "more.csv").write_text("3\n")
    with pytest.raises(InputError, match=f"you have an objective '{name}' on chain"):
        desk.submit(objective(name))


@pytest.mark.parametrize(
    ("addition", "told"),
    [
        ("objectives: [nowhere]", ":7:14: no objective 'nowhere' in this file or among yours on chain"),
        ("objectives: [999999]", ":7:14: no objective 999999 on chain"),
        ("models: [{task: 999999}]", ":7:10: there is no task 999999 on this chain"),
        ("models: [{submission: 999999}]", ":7:10: submission 999999 has no model"),
    ],
)
def test_what_is_not_on_chain_is_told_with_its_place(desk: Desk, addition: str, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        desk.submit(TRAINING + addition + "\n")
    assert f"{desk.folder / 'task.yaml'}{told}" in caught.value.message
    assert desk.stored() == set()


def test_a_link_in_a_sample_is_refused(desk: Desk) -> None:
    (desk.folder / "train-0" / "link").symlink_to("/etc/passwd")
    with pytest.raises(StorageError, match="train-0/link"):
        desk.submit(TRAINING)
