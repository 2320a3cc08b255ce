"""The tasks, assets and objectives that a submitted file creates, and the reasons for refusal."""

import re
import secrets
from contextlib import closing
from typing import Any

import pytest
from substrateinterface import Keypair

from node_runtime.creator.submit import Submitted, submit
from node_runtime.domain.admission import admitted_document
from node_runtime.domain.assets import Account, Asset, AssetKind, AssetRef, Digest, Label, Visibility
from node_runtime.domain.clock import current_time
from node_runtime.domain.document import Document
from node_runtime.domain.task import (
    UNIT,
    Assignment,
    AssignmentState,
    Balance,
    Kind,
    Output,
    Result,
    Spec,
    TaskId,
    TaskState,
    Terms,
)
from node_runtime.domain.units import at_most, read_amount
from node_runtime.errors import ChainRefused, SpecError
from node_runtime.kinds.scoring import ScoringDocument
from node_runtime.substrate.client import connect
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
    """Return a unique name: objectives are permanent, and the tests of this file share a chain."""
    return f"objective-{secrets.token_hex(4)}"


def admitted(desk: Desk, task: TaskId) -> Document:
    """Return the document after the node's admission check against the chain."""
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
    assert isinstance(document, ScoringDocument)
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
    # only the scoring's document is new: it refers to the new training's number
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


@pytest.mark.parametrize(("more", "failures"), [("", 2), ("assign_to: {worker}\n", 1), ("max_failures: 3\n", 3)])
def test_a_single_account_pauses_a_task_only_if_it_is_the_assignee(desk: Desk, more: str, failures: int) -> None:
    (number,) = numbers(desk.submit(TRAINING + more.format(worker=desk.worker.account)))
    task = desk.chain.task(number)
    assert task is not None
    assert task.terms.max_failures == failures


def test_an_insufficient_balance_is_reported_with_the_missing_amount_before_anything_is_stored(desk: Desk) -> None:
    output = r"costs at most 9,000,000\.\d+ UNIT, of which 9,000,000 UNIT are .* 5Grwva\w+ has [\d,.]+ UNIT free"
    with pytest.raises(ChainRefused, match=output) as caught:
        desk.submit(TRAINING.replace("reward: 10", "reward: 9000000"))
    assert (caught.value.rule, caught.value.exit_code) == ("TooLittleBalance", 3)
    assert caught.value.remedy.startswith("send at least 8,0")
    assert desk.stored() == set()


def test_the_missing_amount_suffices_and_the_price_is_not_exceeded(desk: Desk, network: str) -> None:
    """Only the rewards are covered: the other costs are checked before the first transaction."""
    key = Keypair.create_from_uri(f"//{secrets.token_hex(8)}")
    desk.chain.pay(Account(key.ss58_address), 24 * UNIT)
    training = TRAINING + "validation: manual\n"
    text = f"{objective(fresh_name())}---\n{training}---\n{training.replace('round-1', 'round-2')}"
    with closing(connect(network, key)) as poor:
        with pytest.raises(ChainRefused, match="has 24 UNIT free") as caught:
            submit(desk.write(text), poor, desk.store, say=desk.said.append)
        assert poor.balance(poor.account) == Balance(free=24 * UNIT, held=0)
        missing = re.search(r"send at least ([\d.]+) UNIT more", caught.value.remedy)
        assert missing is not None
        desk.chain.pay(poor.account, read_amount(missing[1]) - 1)
        with pytest.raises(ChainRefused, match=r"send at least 0\.000000000001 UNIT more"):
            submit(desk.write(text), poor, desk.store, say=desk.said.append)
        desk.chain.pay(Account(key.ss58_address), 1)
        before, price = poor.balance(poor.account), submit(desk.write(text), poor, desk.store, say=print).price
        assert price is not None
        after = poor.balance(poor.account)
    assert before.free == price.total + price.kept
    assert after.held == price.escrow + price.specs + price.records
    assert price.kept <= after.free < price.kept + price.fees
    assert (price.rewards, price.rejections, price.transactions) == (20 * UNIT, 4 * UNIT, 5)


def test_the_price_is_printed_in_lines_that_fit_a_terminal(desk: Desk) -> None:
    price = desk.submit(f"{TRAINING}validation: manual\n").price
    assert price is not None
    first = desk.said.index(f"this costs at most {at_most(price.total)}")
    output = desk.said[first + 1 : first + 7]
    parts = {
        "rewards": price.rewards,
        "fees of rejections": price.rejections,
        "bytes of specs": price.specs,
        "bytes of results": price.records,
        "bytes of assets": price.bytes,
        "transaction fees": price.fees,
    }
    for line, (name, units) in zip(output, parts.items(), strict=True):
        number = re.escape(at_most(units).removesuffix(" UNIT"))
        assert re.fullmatch(rf"  {name} +{number}  +(held|paid).+", line)
    assert all(len(line) < 80 for line in desk.said[first : first + 7])
    assert desk.said[first + 7] == "registered on chain"
    assert sum(parts.values()) == price.total


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


def test_samples_registered_as_train_by_another_account_are_refused_and_the_plan_is_cancelled(desk: Desk) -> None:
    """Another account registers the Test sample's bytes as Train; the chain compares digests."""
    name = fresh_name()
    (made,) = desk.submit(objective(name)).objectives
    other = desk.store.put(desk.folder / "test-0")
    assert made.samples == (other,)
    register_as_train(desk, other)
    foreign = TRAINING.replace("train-1", f"{desk.worker.account}/{other}") + f"objectives: [{name}]\n"
    text, before = TRAINING + "---\n" + foreign.replace("round-1", "round-2"), desk.chain.tasks_of(desk.chain.account)
    with pytest.raises(ChainRefused) as caught:
        desk.submit(text)
    assert caught.value.rule == "TestSampleInTraining"
    assert "what is held for tasks nobody has taken is free again" in desk.said[-1]
    assert desk.chain.tasks_of(desk.chain.account) == before


def test_a_failed_plan_is_cancelled_without_paying_a_worker_that_claimed_a_task_meanwhile(desk: Desk) -> None:
    class Raced:
        """The desk's chain, on which the first task is claimed before the creation of the second is refused."""

        def __getattr__(self, name: str) -> Any:
            return getattr(desk.chain, name)

        def create_task(self, terms: Terms, spec: Spec) -> TaskId:
            if taken:
                raise ChainRefused("Some", "no")
            task = desk.chain.create_task(terms, spec)
            taken.append(desk.worker.assign_task(task))
            return task

    taken: list[Assignment] = []
    second = TRAINING.replace("round-1", "round-2") + "models: [{task: round-1}]\n"
    with pytest.raises(ChainRefused):
        submit(desk.write(f"{TRAINING}---\n{second}"), Raced(), desk.store, say=print)
    (hold,) = taken
    desk.chain.settle(hold.task)
    task, found = desk.chain.task(hold.task), desk.chain.assignment(hold.worker, hold.task)
    assert task is not None
    assert found is not None
    assert (task.state, task.counters.live, found.state) == (TaskState.CLOSING, 1, AssignmentState.LIVE)


def register_as_train(desk: Desk, digest: Digest) -> None:
    ref = AssetRef(owner=desk.worker.account, digest=digest)
    sample = Asset(ref=ref, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN, visibility=Visibility.SHARED, uri="cas:")
    desk.worker.register_assets([sample])


def test_every_reference_that_the_chain_does_not_know_is_told_before_anything_is_stored_or_paid(desk: Desk) -> None:
    name, me = fresh_name(), desk.chain.account
    (first,) = numbers(desk.submit(TRAINING))
    desk.chain.cancel_task(first, abort=False)
    (several,) = numbers(desk.submit(TRAINING + "slots: 2\n"))
    opener = next(one for one in desk.chain.assets_of(me) if one.kind is AssetKind.OPENER)
    private = Asset(
        ref=AssetRef(owner=desk.worker.account, digest=Digest(secrets.token_hex(32))),
        kind=AssetKind.DATA_SAMPLE,
        label=Label.TRAIN,
        visibility=Visibility.PRIVATE,
        uri="private:",
    )
    desk.worker.register_assets([private])
    desk.submit(objective(name))
    nobodys, own = f"{desk.worker.account}/{'b' * 64}", f"{me}/{'c' * 64}"
    before, stored = desk.chain.balance(me), desk.stored()
    (desk.folder / "train-0" / "a.csv").write_text("new bytes\n")
    with pytest.raises(SpecError) as refused:
        desk.submit(
            f"kind: training\nname: a\nalgo: {nobodys}\ndata: [{own}, {opener.ref}, {private.ref}]\nreward: 1\n"
            f"models: [{{task: {first}}}, {{task: {several}}}]\nslots: 10001\n---\n"
            f"kind: scoring\nname: b\nalgo: algo/\nmodel: {{task: {several + 10**6}}}\nobjective: {name}\nreward: 1\n"
        )
    at = f"{desk.folder / 'task.yaml'}"
    add = "register it with 'node-runtime asset add FOLDER --kind data_sample --label train'"
    assert refused.value.message.splitlines() == [
        f"{at}:3:7: nobody has registered {nobodys}; ask its owner for the key",
        f"{at}:4:8: {own} isn't registered; {add}, or 'node-runtime data add' on the node that keeps its bytes",
        f"{at}:4:{8 + len(own) + 2}: {opener.ref} is registered as the opener, not as a Train sample",
        f"{at}:6:10: task {first} is cancelled without an accepted result, so it has no model",
        f"{at}:6:{20 + len(str(first))}: task {several} has 2 slots; a model can be taken from a task with one, so "
        "name a submission: {submission: …}",
        f"{at}:7:8: slots 10001 is above 10000",
        f"{at}:12:8: there is no task {several + 10**6} on this chain",
    ]
    assert (desk.chain.balance(me), desk.stored()) == (before, stored)


def test_a_model_that_cannot_be_certified_is_told_before_anything_is_paid(desk: Desk) -> None:
    name, new = fresh_name(), fresh_name()
    (number,) = numbers(desk.submit(TRAINING))
    desk.submit(objective(name))
    known = desk.chain.objectives_of(desk.chain.account)[-1]
    scoring = f"kind: scoring\nname: s\nalgo: algo/\nmodel: {{task: {number}}}\nreward: 1\n"
    for text, which in (
        (f"{scoring}objective: {name}\n", f"{known.id}:"),
        (f"{objective(new)}{scoring}objective: {new}\n", ", which is new:"),
    ):
        told = f"this model can't be certified for the objective ?{which} it is clean for none; name"
        before = desk.chain.balance(desk.chain.account)
        with pytest.raises(SpecError, match=told):
            desk.submit(text)
        assert desk.chain.balance(desk.chain.account) == before


def test_another_objective_of_the_same_name_is_refused(desk: Desk) -> None:
    name = fresh_name()
    desk.submit(objective(name))
    known = desk.chain.objectives_of(desk.chain.account)[-1]
    before, stored = desk.chain.balance(desk.chain.account), desk.stored()
    (desk.folder / "test-0" / "more.csv").write_text("3\n")
    (desk.folder / "opener.py").write_text("another = 1\n")
    with pytest.raises(SpecError) as refused:
        desk.submit(objective(name).replace("---\n", "direction: lower\n"))
    told = f"your objective '{name}' on chain, number {known.id}, which can't be changed; "
    told += "give this one a name of its own, or take that one by its number"
    place = desk.folder / "task.yaml"
    assert refused.value.message.splitlines() == [
        f"{place}:4:9: opener: other bytes than those of {told}",
        f"{place}:5:10: samples: other bytes than those of {told}",
        f"{place}:6:12: direction is lower, not higher of {told}",
    ]
    assert (desk.chain.balance(desk.chain.account), desk.stored()) == (before, stored)


@pytest.mark.parametrize(
    ("addition", "told"),
    [
        ("objectives: [nowhere]", ":7:14: no objective 'nowhere' in this file or among yours on chain"),
        ("objectives: [999999]", ":7:14: no objective 999999 on chain"),
        ("models: [{task: 999999}]", ":7:10: there is no task 999999 on this chain"),
        ("models: [{submission: 999999}]", ":7:10: submission 999999 has no model"),
    ],
)
def test_a_reference_that_is_not_on_chain_is_reported_with_its_place(desk: Desk, addition: str, told: str) -> None:
    with pytest.raises(SpecError) as caught:
        desk.submit(TRAINING + addition + "\n")
    assert f"{desk.folder / 'task.yaml'}{told}" in caught.value.message
    assert desk.stored() == set()


def test_a_link_in_a_sample_is_refused(desk: Desk) -> None:
    (desk.folder / "train-0" / "link").symlink_to("/etc/passwd")
    with pytest.raises(SpecError, match=r"task\.yaml:5:8: data\[0\]: .*train-0/link is a symbolic link"):
        desk.submit(TRAINING)
