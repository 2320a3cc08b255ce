"""Permissions in a submitted file: kept on the chain, enforced there, and never changed."""

import secrets
import subprocess

import pytest

from node_runtime.creator.submit import create_objective, submit
from node_runtime.creator.upload import digest_of_own_files
from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Digest, Label, ModelId, Visibility
from node_runtime.domain.permissions import OWNER_ONLY, Admits, Permissions
from node_runtime.domain.task import Output, Result, TaskId
from node_runtime.errors import ChainRefused, SpecError
from node_runtime.substrate import encode
from node_runtime.substrate.codec import Call
from tests.scenarios.conftest import Desk, Nrt

TRAINING = """\
kind: training
name: round-1
algo: algo/
opener: opener.py
data: [train-0]
reward: 10
"""


def with_permissions(*lines: str) -> str:
    return TRAINING + "permissions:\n" + "".join(f"  {line}\n" for line in lines)


def key(desk: Desk, path: str, kind: AssetKind = AssetKind.DATA_SAMPLE) -> AssetRef:
    return AssetRef(owner=desk.chain.account, digest=digest_of_own_files(desk.folder / path, kind))


def fresh_name() -> str:
    return f"objective-{secrets.token_hex(4)}"


def by_worker(desk: Desk, text: str) -> TaskId:
    """Submit a file as the worker's account."""
    (task,) = submit(desk.write(text), desk.worker, desk.store, say=desk.said.append).tasks
    return task.id


def refusal(desk: Desk, text: str, *, worker: bool = False) -> str:
    with pytest.raises(ChainRefused) as caught:
        by_worker(desk, text) if worker else desk.submit(text)
    return str(caught.value)


def told(ended: subprocess.CompletedProcess[str]) -> str:
    """Return a command's error and remedy in one line."""
    return " ".join(ended.stderr.replace("\ntry: ", "; ").split()).replace(" ;", ";")


def naming(text: str, data: AssetRef) -> str:
    return text.replace("train-0", str(data))


def test_permissions_of_a_file_are_on_the_chain_and_its_price_covers_them(desk: Desk) -> None:
    (desk.folder / "algo" / "fresh").write_text(secrets.token_hex(8))
    me, other = desk.chain.account, desk.worker.account
    before = desk.chain.balance(me).free
    text = with_permissions(f"data: {{process: [{other}], algos: [algo, {'c' * 64}]}}", "algo: {logs: []}")
    submitted = desk.submit(text)
    assert submitted.price is not None
    assert before - desk.chain.balance(me).free <= submitted.price.total
    algo = key(desk, "algo", AssetKind.ALGO)
    kept = desk.worker.permissions(key(desk, "train-0"))
    assert kept.same_as(Permissions(process=(other, me), algos=(algo.digest, Digest("c" * 64))))
    assert desk.worker.permissions(algo) == Permissions(logs=(me,))
    assert len(desk.submit(text).tasks) == 1
    assert len(desk.submit(TRAINING).tasks) == 1  # it says nothing of them, so they stay


def test_other_permissions_of_what_is_registered_are_told_before_anything_is_stored_or_paid(desk: Desk) -> None:
    me, other = desk.chain.account, desk.worker.account
    desk.submit(with_permissions(f"data: {{process: [{other}]}}"))
    (desk.folder / "algo" / "fresh").write_text(secrets.token_hex(8))
    before, stored = desk.chain.balance(me), desk.stored()
    for wrong, differs in (
        ("data: {process: public}", f"'process' is public here, {other}, {me} there"),
        (f"data: {{process: [{other}], logs: []}}", f"'logs' is {me} here, public there"),
        (
            f"data: {{process: [{other}], algos: [{'c' * 64}]}}",
            f"'algos' is {'c' * 64} here, any there",
        ),
    ):
        with pytest.raises(SpecError) as caught:
            desk.submit(with_permissions("opener: {}", wrong))
        assert caught.value.message == (
            f"{desk.folder / 'task.yaml'}:9:9: {desk.folder / 'train-0'} is registered with other permissions, which "
            f"never change: {differs}. Say the same, or change a byte of it to make another asset"
        )
    assert (desk.chain.balance(me), desk.stored()) == (before, stored)


def test_equal_bytes_have_one_set_of_permissions(desk: Desk) -> None:
    (desk.folder / "train-1" / "a.csv").write_bytes((desk.folder / "train-0" / "a.csv").read_bytes())
    second = with_permissions("data: {logs: []}").replace("train-0", "train-1").replace("round-1", "round-2")
    with pytest.raises(SpecError) as caught:
        desk.submit(f"{with_permissions('data: {process: []}')}---\n{second}")
    assert caught.value.message == (
        f"{desk.folder / 'train-1'} holds the same bytes as {desk.folder / 'train-0'}, and has other permissions"
    )


def test_who_may_not_process_a_sample_creates_no_task_on_it(desk: Desk) -> None:
    desk.submit(with_permissions("data: {process: []}"))
    ref = key(desk, "train-0")
    assert refusal(desk, naming(TRAINING, ref), worker=True) == (
        f"the chain refuses the task: {desk.worker.account} hasn't the right 'process' on the data sample {ref.digest} "
        f"of {ref.owner} [CreatorNotPermitted]; ask {ref.owner} to register it with that right for "
        f"{desk.worker.account}, or leave it out"
    )


def test_the_refusal_of_a_plan_names_what_its_creator_may_not_process(desk: Desk) -> None:
    desk.submit(with_permissions("data: {process: []}"))
    ref = key(desk, "train-0")
    other = TRAINING.replace("train-0", "train-1").replace("round-1", "round-2")
    assert refusal(desk, f"{other}---\n{naming(TRAINING, ref)}", worker=True).startswith(
        f"the chain refuses the task: {desk.worker.account} hasn't the right 'process' on the data sample {ref.digest} "
        f"of {ref.owner} [CreatorNotPermitted]; "
    )


def test_who_may_not_process_a_sample_works_on_no_task_with_it(desk: Desk) -> None:
    (task,) = desk.submit(with_permissions("data: {process: []}")).tasks
    ref = key(desk, "train-0")
    expected = (
        f"the chain refuses the task: {desk.worker.account} hasn't the right 'process' on the data sample {ref.digest} "
        f"of {ref.owner} [WorkerNotPermitted]; ask {ref.owner} to register it with that right for "
        f"{desk.worker.account}, or leave it out"
    )
    with pytest.raises(ChainRefused) as caught:
        desk.worker.assign_task(task.id)
    assert str(caught.value) == expected
    assert refusal(desk, TRAINING + f"assign_to: {desk.worker.account}\n") == expected


def test_a_program_that_a_sample_does_not_permit_is_refused_and_another_is_not(desk: Desk) -> None:
    (desk.folder / "algo" / "fresh").write_text(secrets.token_hex(8))
    desk.submit(with_permissions("data: {algos: [algo, opener.py]}"))
    ref = key(desk, "train-0")
    by_worker(desk, naming(TRAINING, ref))  # equal bytes are the same program, whoever registered them
    (desk.folder / "algo" / "fresh").write_text("changed")
    changed = digest_of_own_files(desk.folder / "algo", AssetKind.ALGO)
    assert refusal(desk, naming(TRAINING, ref), worker=True) == (
        f"the chain refuses the task: {ref.owner} doesn't permit the algo {changed} of {desk.worker.account} to "
        f"'process' the data sample {ref.digest} [ProgramNotPermitted]; use a program that {ref.owner} permits, or one "
        "of its own"
    )


def test_an_objective_admits_whose_models_are_certified_for_it(desk: Desk) -> None:
    (desk.folder / "algo" / "fresh").write_text(secrets.token_hex(8))
    name, other = fresh_name(), desk.worker.account
    head = f"kind: objective\nname: {name}\nmetric: metric/\nopener: opener.py\nsamples: [test-0]\n"
    admits = f"admits: {{owners: [{other}], algos: [algo]}}\n"
    file = desk.write(f"{head}{admits}---\n{TRAINING}objectives: [{name}]\n")
    (spec,) = file.objectives
    objective = create_objective(spec, file, desk.chain, desk.store, say=desk.said.append).id
    algo = digest_of_own_files(desk.folder / "algo", AssetKind.ALGO)
    assert desk.worker.admits(objective) == Admits(owners=(other,), algos=(algo,))
    assert len(desk.submit(f"{head}{admits}---\n{TRAINING}objectives: [{name}]\n").tasks) == 1
    with pytest.raises(SpecError) as caught:
        desk.submit(f"{head}admits: {{owners: [{desk.chain.account}], algos: [{algo}]}}\n")
    assert caught.value.message == (
        f"{desk.folder / 'task.yaml'}:6:9: admits: others than those of your objective '{name}' on chain, number "
        f"{objective}, which can't be changed; give this one a name of its own, or take that one by its number"
    )
    assert clean(desk, by_worker(desk, f"{TRAINING}objectives: [{objective}]\n")) == (objective,)
    (desk.folder / "algo" / "fresh").write_text("changed")
    assert clean(desk, by_worker(desk, f"{TRAINING}objectives: [{objective}]\n")) == ()


def clean(desk: Desk, task: TaskId) -> tuple[int, ...]:
    """Send a result of the task; return the objectives that its model may be certified for."""
    digest = Digest(secrets.token_hex(32))
    result = Result(digest=digest, outputs=(Output(name="model", digest=digest),), uri="cas:")
    sent = desk.chain.send_task_result(task, desk.chain.assign_task(task).epoch, result)
    model = desk.chain.model(ModelId(submission=sent))
    assert model is not None
    return model.clean_for


def test_a_private_sample_registered_without_permissions_is_for_its_owners_tasks_alone(desk: Desk) -> None:
    ref = AssetRef(owner=desk.worker.account, digest=Digest(secrets.token_hex(32)))
    asset = Asset(ref=ref, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN, visibility=Visibility.PRIVATE, uri="private:")
    call = Call(pallet="Registry", function="register_asset", arguments=encode.asset(asset))
    desk.worker._sender.send(call, "register it as a client that knows no permissions does")
    assert desk.chain.permissions(ref) == OWNER_ONLY.of(ref.owner)
    assert refusal(desk, naming(TRAINING, ref)) == (
        f"the chain refuses the task: {desk.chain.account} hasn't the right 'process' on the data sample {ref.digest} "
        f"of {ref.owner} [CreatorNotPermitted]; ask {ref.owner} to register it with that right for "
        f"{desk.chain.account}, or leave it out"
    )
    by_worker(desk, naming(TRAINING, ref))


def test_permissions_given_on_the_command_line_are_shown_and_never_change(desk: Desk, nrt: Nrt) -> None:
    other, program = desk.worker.account, "c" * 64
    options = ("--for", other, "--for", "me", "--logs", "me", "--algo", program)
    add = ("asset", "add", "train-0", "--kind", "data_sample", "--label", "train")
    added = nrt(*add, *options)
    assert (added.returncode, added.stderr.splitlines()[:-1]) == (0, [])
    assert nrt(*add, *options).returncode == 0
    assert nrt(*add).returncode == 0
    shown = [
        " ".join(line.split()) for line in nrt("asset", "show", added.stdout.strip(), COLUMNS="120").stdout.splitlines()
    ]
    assert {f"process {other}", "download public", "logs its owner alone", f"algos {program}"} <= {*shown}
    refused = nrt(*add, "--for", "public")
    assert refused.returncode == 2
    assert (
        f"is registered with other permissions, which never change: 'process' is public here, {other}, "
        f"{desk.chain.account} there; 'logs' is public here, {desk.chain.account} there; 'algos' is any here, "
        f"{program} there; say the same or nothing of them, or change a byte of it to make another asset"
    ) in told(refused)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--for", "5Grw"), "--for: '5Grw' is not an account's address, or has a slip in it; copy it again, whole"),
        (("--for", "public", "--for", "me"), "--for public stands for everyone already; leave the accounts out"),
        (("--algo", "abc"), "--algo: 'abc' is neither a digest of 64 hexadecimal digits nor an asset's key"),
    ],
)
def test_mistakes_in_permissions_are_told_with_a_remedy(nrt: Nrt, options: tuple[str, ...], reason: str) -> None:
    ended = nrt("asset", "add", "train-0", "--kind", "data_sample", "--label", "train", *options)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert reason in told(ended)


def test_programs_are_permitted_of_data_samples_alone(nrt: Nrt) -> None:
    ended = nrt("asset", "add", "algo", "--kind", "algo", "--algo", "c" * 64)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "programs are permitted to run with data samples, not with algos; leave --algo out" in told(ended)


def test_bytes_that_an_account_may_not_download_are_not_handed_out(desk: Desk, nrt: Nrt) -> None:
    (desk.folder / "algo" / "fresh").write_text(secrets.token_hex(8))
    (task,) = desk.submit(with_permissions("algo: {download: []}")).tasks
    algo = key(desk, "algo", AssetKind.ALGO)
    lack = f"{desk.worker.account} hasn't the right 'download' on the algo {algo.digest} of {algo.owner}"
    fetched = nrt("asset", "fetch", str(algo), "here", NODE_RUNTIME_KEY="//Bob")
    assert fetched.returncode == 2
    assert f"{lack}; ask {algo.owner} for it" in told(fetched)
    assert not (desk.folder / "here").exists()
    shown = nrt("show", str(task.id), "--code", NODE_RUNTIME_KEY="//Bob", COLUMNS="400")
    assert f"can't be shown: {lack}" in shown.stdout
    assert "can't be shown" not in nrt("show", str(task.id), "--code").stdout
    (desk.folder / "task.yaml").write_text(TRAINING.replace("algo/", str(algo)))
    faked = nrt("run", "task.yaml", "--fake", "3", NODE_RUNTIME_KEY="//Bob")
    assert faked.returncode == 2
    assert f"task.yaml:3:7: {lack}; a local run needs its bytes" in told(faked)


def test_outputs_of_a_task_are_for_those_whom_its_inputs_and_its_creator_name(desk: Desk) -> None:
    me, other = desk.chain.account, desk.worker.account
    text = with_permissions(f"data: {{process: [{other}]}}", "outputs: {process: [], download: []}")
    (task,) = desk.submit(text).tasks
    assert desk.worker.task_rights(task.id) == Permissions(process=(me,), download=(me,))
    hold = desk.worker.assign_task(task.id)  # who works on it is for its inputs to say
    digest = Digest(secrets.token_hex(32))
    result = Result(digest=digest, outputs=(Output(name="model", digest=digest),), uri="cas:")
    model = ModelId(submission=desk.worker.send_task_result(task.id, hold.epoch, result))
    assert desk.worker.permissions(model) == Permissions(process=(me,), download=(me,))
    heir = TRAINING.replace("round-1", "round-2").replace("data: [train-0]", "data: [train-1]")
    refused = refusal(desk, heir + f"models: [{{submission: {model.submission}}}]\nassign_to: {other}\n")
    for word in (other, str(model), me, "'process'"):
        assert word in refused
