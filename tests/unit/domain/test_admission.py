"""Admission refuses a document that differs from what the chain admitted."""

from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.domain.admission import admitted_document
from node_runtime.domain.assets import Account, Digest, ModelId, SubmissionId
from node_runtime.domain.document import FILE_NAME, Image, ModelOf, asset_ref
from node_runtime.domain.task import UNIT, Counters, Kind, Review, Spec, Task, TaskId, TaskState, Terms
from node_runtime.errors import AssetUnavailable, FailureCategory, TaskFailed
from node_runtime.kinds.training import TrainingDocument
from node_runtime.stores.local import LocalStore

CREATOR = Account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")
ALGO, SAMPLE, OTHER = (f"{CREATOR}/{letter * 64}" for letter in "abc")
DOCUMENT = TrainingDocument(
    name="round",
    algo=Image(source=ALGO),
    data=(SAMPLE,),
    models=(ModelOf(submission=4), ModelOf(task=2)),
)
BEGUN = b'"kind": "training", "name": "x", "algo": {"source": "%s"}' % ALGO.encode()
TASK = Task(
    id=TaskId(9),
    creator=CREATOR,
    terms=Terms(
        kind=Kind.TRAINING,
        reward=UNIT,
        bond=UNIT,
        slots=1,
        max_rejects=0,
        max_failures=1,
        review=Review(judge=CREATOR, window=0),
        deadline=1,
        timeout=1,
    ),
    state=TaskState.OPEN,
    counters=Counters(live=0, submitted=0, accepted=0, rejected=0, failures=0),
    held=UNIT,
    created=0,
)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def stored(store: LocalStore, folder: Path, content: bytes, name: str = FILE_NAME) -> Digest:
    folder.mkdir()
    (folder / name).write_bytes(content)
    return store.put(folder / name)


def spec(digest: Digest) -> Spec:
    return Spec(
        digest=digest,
        uri="cas:",
        assets=(asset_ref(ALGO), asset_ref(SAMPLE)),
        models=(ModelId(submission=SubmissionId(4)),),
        parents=(TaskId(2),),
        objectives=(),
    )


def test_the_admitted_document_is_read_back(store: LocalStore, tmp_path: Path) -> None:
    digest = stored(store, tmp_path / "a", DOCUMENT.encode())
    assert admitted_document(TASK, spec(digest), store) == DOCUMENT


def test_anything_else_than_was_admitted_is_refused(store: LocalStore, tmp_path: Path) -> None:
    admitted = spec(stored(store, tmp_path / "a", DOCUMENT.encode()))
    wrong = {
        "names assets which the chain didn't admit": replace(admitted, assets=admitted.assets[:1]),
        "admitted assets which the task document doesn't name": replace(
            admitted, assets=(*admitted.assets, asset_ref(OTHER))
        ),
        "names models which": replace(admitted, models=(ModelId(submission=SubmissionId(5)),)),
        "names parents which": replace(admitted, parents=()),
    }
    for message, changed in wrong.items():
        with pytest.raises(TaskFailed, match=message) as raised:
            admitted_document(TASK, changed, store)
        assert raised.value.category is FailureCategory.INPUT_MISMATCH


def test_another_kind_than_on_chain_is_refused(store: LocalStore, tmp_path: Path) -> None:
    digest = stored(store, tmp_path / "a", DOCUMENT.encode())
    scoring = replace(TASK, terms=replace(TASK.terms, kind=Kind.SCORING))
    with pytest.raises(TaskFailed, match="names kind which the chain didn't admit: training"):
        admitted_document(scoring, spec(digest), store)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b'{%s, "surprise": 1}' % BEGUN, FILE_NAME, "wrong at surprise"),
        (b'{%s, "metric": {"source": "%s"}}' % (BEGUN, ALGO.encode()), FILE_NAME, "wrong at metric: Extra"),
        (b'{"kind": "training", "name": "x"}', FILE_NAME, "wrong at algo: Field required"),
        (b'{"kind": "sorcery", "name": "x"}', FILE_NAME, "wrong at kind: Input should be one of 'annotation', "),
        (b'{"name": "x"}', FILE_NAME, "wrong at kind: Field required"),
        (b"[]", FILE_NAME, "is wrong at"),
        (b"not json", FILE_NAME, "is wrong at"),
        (b"{}" + b" " * (1 << 20), FILE_NAME, "larger than"),
        (DOCUMENT.encode(), "other.json", f"has no {FILE_NAME}"),
        (b'{%s, "models": [{}]}' % BEGUN, FILE_NAME, "wrong at models.0"),
        (b'{%s, "limits": {"timeout": 1%s}}' % (BEGUN, b"0" * 400), FILE_NAME, "limits.timeout"),
    ],
)
def test_an_invalid_document_is_refused(
    store: LocalStore, tmp_path: Path, content: bytes, name: str, message: str
) -> None:
    digest = stored(store, tmp_path / "a", content, name)
    with pytest.raises(TaskFailed, match=message):
        admitted_document(TASK, spec(digest), store)


def test_a_document_that_storage_has_not_got_may_come_later(store: LocalStore) -> None:
    with pytest.raises(AssetUnavailable):
        admitted_document(TASK, spec(Digest("f" * 64)), store)
