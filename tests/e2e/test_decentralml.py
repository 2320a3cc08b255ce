"""Tasks are created, worked on and judged by DecentralML's functions, called as in its documents."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from substrateinterface import Keypair

from node_runtime import creator
from node_runtime.creator.tasks import view_task
from node_runtime.domain.assets import Digest
from node_runtime.domain.document import Document
from node_runtime.domain.task import UNIT, Kind, SubmissionState, TaskId, TaskState
from node_runtime.errors import InputError
from node_runtime.kinds.annotation import AnnotationDocument
from node_runtime.kinds.annotation.definition import AnnotationType
from node_runtime.kinds.restructuring import RestructuringDocument
from node_runtime.kinds.training import TrainingDocument
from node_runtime.substrate.keys import create_key
from tests.e2e.people import People

ALICE = Keypair.create_from_uri("//Alice")
FOUND = '{"file": "a.txt", "label": "cat"}'
HOUR = 3_600_000  # ms
SECRET = "never-to-be-seen-anywhere"


@pytest.fixture
def substrate(people: People) -> Iterator[creator.Substrate]:
    with creator.connect(people.url, storage=people.folder / "store") as substrate:
        yield substrate


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """Create the assets of the tutorial."""
    folder = tmp_path / "assets"
    files = {
        "annotation_files/a.txt": "miaow",
        "annotation_samples/cat-1.txt": "a cat",
        "annotation_samples/dog.txt": "a dog",
        "outputs/left.json": "from yesterday",
        "start_task.sh": "#!/bin/sh\n",
        "look.py": "print('looks')\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def annotate(substrate: creator.Substrate, assets: Path, **changed: object) -> TaskId:
    """Call the annotator's function as in its document, with each parameter by name."""
    given: dict[str, object] = {
        "expiration_block": 3600,
        "substrate": substrate,
        "sudoaccount": "//Alice",
        "passphrase": None,
        "task_type": "DataAnnotators",
        "question": "Which animal?",
        "pays_amount": 3 * UNIT,
        "max_assignments": 2,
        "validation_strategy": "ManualAccept",
        "annotation_type": "classification",
        "annotation_media_samples": assets / "annotation_samples",
        "annotation_files": assets / "annotation_files",
        "annotation_class_labels": ["cat", "dog"],
        "annotation_class_coordinates": None,
        "annotation_json": None,
        "annotation_files_storage_type": "local",
        "annotation_files_storage_credentials": None,
    }
    return creator.create_task_data_annotator(**(given | changed))  # type: ignore[arg-type]


def document_of(people: People, task: TaskId) -> Document:
    document = view_task(people.creator, people.store, task).document
    assert document is not None
    return document


def bundle_of(people: People, document: Document) -> dict[str, str]:
    assert isinstance(document, AnnotationDocument | TrainingDocument | RestructuringDocument)
    assert document.bundle is not None
    target = people.folder / "fetched"
    people.store.fetch(Digest(document.bundle.split("/")[1]), target)
    return {path.relative_to(target).as_posix(): path.read_text() for path in target.rglob("*") if path.is_file()}


def test_an_annotation_goes_from_its_creation_to_the_payment_as_in_the_tutorial(
    people: People, substrate: creator.Substrate, assets: Path
) -> None:
    samples = [str(path) for path in sorted((assets / "annotation_samples").iterdir())]
    files = [str(assets / "annotation_files" / "a.txt")]
    task = creator.create_task_data_annotator(
        "2h", substrate, ALICE, None, "DataAnnotators", "Which animal?", 3 * UNIT, 1, "ManualAccept",
        "classification", samples, files, "cat,dog", '{"cat": [0, 0, 10, 10]}',
        str(assets / "start_task.sh"), "local", None,
    )  # fmt: skip
    assert task in [view.task.id for view in creator.list_task(substrate, kind="annotation", status="open")]
    assigned = creator.assign_task(substrate, "//Bob", None, task, into=people.folder / "work")
    assert (assigned.folder / "annotation_files" / "a.txt").read_text() == "miaow"
    (assigned.folder / "outputs" / "a_annotations.json").write_text(FOUND)
    before = people.wealth("Bob")
    outputs = str(assigned.folder / "outputs")
    number = creator.send_task_result(substrate, "//Bob", assigned, "looked twice", outputs, "local", None)
    (result,) = creator.list_task_results(substrate, task)
    assert (result.submission.id, result.submission.worker) == (number, people["Bob"].account)
    sent = people.wealth("Bob")
    assert before - UNIT < sent < before  # minus the fee
    (validated,) = creator.validate_task_results(
        substrate, ALICE, None, task, creator.ManualAccept(accept={number}), say=lambda _: None
    )
    assert validated.outcome == "accepted"
    assert people.wealth("Bob") == sent + 3 * UNIT
    assert people.task(task).state is TaskState.DONE


def test_parameters_reach_the_document_and_the_workers_folder(
    people: People, substrate: creator.Substrate, assets: Path
) -> None:
    task = annotate(substrate, assets, parameters={"rate": 1e-05, "labels": ("😀", "dog")})
    assert document_of(people, task).parameters == {"labels": ["😀", "dog"], "rate": 1e-05}
    assigned = creator.assign_task(substrate, "//Bob", None, task, into=people.folder / "work")
    given = json.loads((assigned.folder / "parameters.json").read_text(encoding="utf-8"))
    assert given == {"labels": ["😀", "dog"], "rate": 1e-05}


def test_each_parameter_means_on_chain_and_in_the_document_what_the_tutorial_says(
    people: People, substrate: creator.Substrate, assets: Path
) -> None:
    before = int(time.time() * 1000)
    task = annotate(
        substrate,
        assets,
        annotation_class_coordinates="0,0,10,10",
        annotation_class_labels="cat",
        annotation_media_samples={"cat": [assets / "annotation_samples" / "dog.txt"]},
        annotation_json={"scale": "1:1", "start_task": str(assets)},
        annotation_type="text_span",
    )
    on_chain, document = people.task(task), document_of(people, task)
    assert (on_chain.terms.kind, on_chain.terms.reward, on_chain.terms.slots) == (Kind.ANNOTATION, 3 * UNIT, 2)
    assert on_chain.held >= 2 * 3 * UNIT
    assert on_chain.terms.review.window == 24 * 3_600_000
    begun = on_chain.terms.deadline - 2 * HOUR  # at the time of the call
    assert before <= begun <= time.time() * 1000
    assert isinstance(document, AnnotationDocument)
    asked = document.annotation
    assert asked is not None
    assert (asked.type, asked.question, asked.labels) == (AnnotationType.TEXT_SPAN, "Which animal?", ("cat",))
    assert (asked.coordinates, asked.info) == ({"cat": [0, 0, 10, 10]}, {"scale": "1:1"})
    files = bundle_of(people, document)
    assert set(files) == {"annotation_files/a.txt", "annotation_samples/cat-1.txt", "start_task.sh", "look.py"}
    assert files["annotation_samples/cat-1.txt"] == "a dog"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"task_type": "ModelContributor"}, "is not this function's; that is another function's, which makes training"),
        ({"expiration_block": 0}, "expiration_block: 0 is no number of blocks"),
        ({"expiration_block": 2}, "expiration_block: "),
        ({"expiration_block": "soon"}, "expiration_block: 'soon' is not a duration"),
        ({"pays_amount": 0}, "pays_amount: 0 is no amount"),
        ({"pays_amount": "a lot"}, "pays_amount: 'a lot' is not an amount"),
        ({"max_assignments": 0}, "max_assignments: "),
        ({"validation_strategy": "Whatever"}, "there is no 'Whatever'; use AutoAccept, ManualAccept, CustomAccept"),
        ({"annotation_type": "Image"}, "annotation_type: "),
        ({"annotation_media_samples": {"cow": ["x"]}}, "doesn't exist"),
        ({"annotation_class_labels": ["cat", "dog", "bird"]}, "there is no sample of 'bird'"),
        ({"annotation_class_coordinates": [1, 2, 3]}, "3 values for 2 labels"),
        ({"annotation_json": "nowhere/start_task.sh"}, "nowhere/start_task.sh doesn't exist"),
        ({"annotation_json": "{broken"}, "annotation_json: "),
        ({"annotation_files": "nowhere"}, "annotation_files: nowhere doesn't exist"),
        ({"annotation_files_storage_type": "S3"}, "not S3; name it when you connect"),
        (
            {"annotation_files_storage_credentials": SECRET},
            "needs none; they were sent nowhere",
        ),
        ({"question": ""}, "question: "),
    ],
)
def test_a_parameter_that_makes_no_sense_is_named_and_nothing_is_created(
    people: People, substrate: creator.Substrate, assets: Path, changed: dict[str, object], told: str
) -> None:
    before = people.creator.tasks_of(people.creator.account)
    with pytest.raises(InputError) as refused:
        annotate(substrate, assets, **changed)
    assert told in str(refused.value)
    assert SECRET not in str(refused.value)
    assert ".yaml" not in str(refused.value)
    assert people.creator.tasks_of(people.creator.account) == before


def test_engineers_and_contributors_get_their_bundles_models_and_data(
    people: People, substrate: creator.Substrate, assets: Path
) -> None:
    first = creator.create_task_model_engineer(
        3600, substrate, ALICE, None, "ModelEngineer", "Can it be smaller?", 5 * UNIT, 1, "AutoAccept", str(assets),
    )  # fmt: skip
    (people.folder / "shard").mkdir()
    (people.folder / "shard" / "part").write_text("x")
    second = creator.create_task_model_contributor(
        3600, substrate, ALICE, None, "ModelContributor", "Train it on yours", 5 * UNIT, 1, "AutoAccept",
        str(assets), "local", None, models=[first], data=[people.folder / "shard"], name="round-2",
    )  # fmt: skip
    engineer, contributor = document_of(people, first), document_of(people, second)
    assert isinstance(engineer, RestructuringDocument)
    assert (engineer.kind, engineer.name, engineer.question) == (Kind.RESTRUCTURING, "assets", "Can it be smaller?")
    assert (contributor.kind, contributor.name, len(contributor.data)) == (Kind.TRAINING, "round-2", 1)
    assert contributor.models[0].task == first
    assert people.task(second).state is TaskState.WAITING
    made = creator.assign_task(substrate, "//Bob", None, first, into=people.folder / "made")
    assert "export QUESTION='Can it be smaller?'" in (made.folder / ".node-runtime" / "task.env").read_text()
    model = made.folder / "outputs" / f"smaller_{people['Bob'].account}"
    model.mkdir()
    (model / "weights").write_text("1")
    creator.send_task_result(substrate, "//Bob", first, None, str(model), "local", None)
    assert people.task(first).state is TaskState.DONE
    work = creator.assign_task(substrate, "//Charlie", None, second, into=people.folder / "work")
    (given,) = (work.folder / "models").iterdir()
    assert (given / "weights").read_text() == "1"


def test_a_custom_validator_and_a_rejection_in_python(
    people: People, substrate: creator.Substrate, assets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = annotate(substrate, assets, max_assignments=1, validation_strategy="CustomAccept")
    people.deliver("Bob", task)
    with pytest.raises(InputError, match="CustomAccept has no validator"):
        creator.validate_task_results(substrate, ALICE, None, task, "CustomAccept")
    (one,) = creator.validate_task_results(
        substrate, ALICE, None, task, creator.CustomAccept(lambda folder: (False, f"{folder.name} is \x1b[2Jempty"))
    )
    assert (one.outcome, one.reason) == ("rejected", f"submission-{one.submission} is \x1b[2Jempty")
    assert r"is \x1b[2Jempty" in capsys.readouterr().out
    number = people.deliver("Charlie", task)
    rejected = creator.reject_task_results(substrate, ALICE, None, task, number, "a dog")
    assert (rejected.id, people.submission(task, number).state) == (number, SubmissionState.REJECTED)


def test_another_account_judges_a_task_that_names_it(
    people: People, substrate: creator.Substrate, assets: Path
) -> None:
    strategy = creator.CustomAccept(lambda _: True, judge=people["Eve"].account, window="1h")
    task = annotate(substrate, assets, max_assignments=1, validation_strategy=strategy)
    review = people.task(task).terms.review
    assert (review.judge, review.window) == (people["Eve"].account, 3_600_000)
    people.deliver("Bob", task)
    (one,) = creator.validate_task_results(substrate, "//Eve", None, task, strategy, say=lambda _: None)
    assert one.outcome == "accepted"
    assert people.task(task).state is TaskState.DONE


def test_a_keystore_and_its_password_sign_and_the_password_is_kept_nowhere(
    people: People, substrate: creator.Substrate, assets: Path
) -> None:
    keystore = people.folder / "mine.json"
    people.creator.pay(create_key(keystore, SECRET), 50 * UNIT)
    with pytest.raises(InputError, match="wrong password"):
        annotate(substrate, assets, sudoaccount=str(keystore), passphrase="not it")
    task = annotate(substrate, assets, sudoaccount=str(keystore), passphrase=SECRET)
    assert people.task(task).creator == json.loads(keystore.read_text())["address"]
    assert SECRET not in repr(vars(substrate))
    kept = [path for path in people.folder.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert kept == []


def test_a_mnemonic_alone_is_an_account_as_in_the_documents(substrate: creator.Substrate) -> None:
    mnemonic = Keypair.generate_mnemonic()
    account = substrate.account(None, mnemonic).account
    assert account == Keypair.create_from_mnemonic(mnemonic, ss58_format=42).ss58_address
    for nothing in (None, "", "no mnemonic at all"):
        with pytest.raises(InputError) as refused:
            substrate.account(None, nothing)
        assert "sudoaccount" in str(refused.value)


def test_tasks_are_listed_by_kind_status_and_role(people: People, substrate: creator.Substrate, assets: Path) -> None:
    task = annotate(substrate, assets)
    mine = creator.list_task(substrate, role="mine", sudoaccount=ALICE)
    assert task in [view.task.id for view in mine]
    assert task not in [view.task.id for view in creator.list_task(substrate, "training", "open")]
    for role, account in (("worker", "//Bob"), ("judge", "//Alice")):
        assert task not in [view.task.id for view in creator.list_task(substrate, role=role, sudoaccount=account)]
    people.deliver("Bob", task)
    for role, account in (("worker", "//Bob"), ("judge", "//Alice")):
        assert task in [view.task.id for view in creator.list_task(substrate, role=role, sudoaccount=account)]
    with pytest.raises(InputError, match="'nothing' is not a valid Kind"):
        creator.list_task(substrate, "nothing")
    with pytest.raises(InputError, match="without sudoaccount: whose tasks"):
        creator.list_task(substrate, role="mine")


def test_a_folder_of_another_account_or_task_is_told_apart_with_the_call_to_make(
    people: People, substrate: creator.Substrate, assets: Path
) -> None:
    task, other, into = annotate(substrate, assets), annotate(substrate, assets), people.folder / "work"
    creator.assign_task(substrate, "//Bob", None, task, into=into)

    def refused(key: str, number: TaskId) -> str:
        with pytest.raises(InputError) as refusal:
            creator.assign_task(substrate, key, None, number, into=into)
        return str(refusal.value)

    def remedy(number: TaskId) -> str:
        return f"name a new folder: creator.assign_task(substrate, sudoaccount, passphrase, {number}, into='FOLDER')"

    assert refused("//Charlie", task) == (
        f"{into} is the folder of another account's attempt at task {task}, of {people['Bob'].account}; {remedy(task)}"
    )
    assert refused("//Bob", other) == f"{into} is the folder of your attempt at task {task}; {remedy(other)}"
    assert people["Charlie"].assignment(people["Charlie"].account, task) is None
    with pytest.raises(InputError) as refusal:
        creator.send_task_result(substrate, "//Charlie", task, None, into / "outputs")
    assert str(refusal.value) == (
        f"task {task} isn't yours: {people['Charlie'].account} never took it; take it with "
        f"creator.assign_task(substrate, sudoaccount, passphrase, {task}), or name the key that did as sudoaccount"
    )
