"""Is the stored document what the chain admitted? Read it by its digest and compare what it names."""

import tempfile
from collections.abc import Set
from pathlib import Path

from pydantic import ValidationError

from node_runtime.document import FILE_NAME, Document, asset_ref
from node_runtime.errors import AssetMismatch, FailureCategory, TaskFailed
from node_runtime.ports import AssetStore
from node_runtime.task import Kind, Spec, Task

MAX_BYTES = 1 << 20
REMEDY = "the creator has to submit the task again with `node-runtime submit`"


def admitted_document(task: Task, spec: Spec, store: AssetStore) -> Document:
    """The task's document, exactly the one whose digest is on chain, naming exactly what the chain admitted.

    Raises `TaskFailed` (input_mismatch) when it says anything else, `AssetUnavailable` when storage hasn't got it.
    """
    document = _read(spec, store)
    _compare("kind", {document.kind}, {task.terms.kind})
    _compare("assets", {asset_ref(key) for key in document.asset_keys()}, set(spec.assets))
    _compare("models", {model.submission for model in document.models if model.submission}, set(spec.models))
    _compare("parents", {model.task for model in document.models if model.task}, set(spec.parents))
    if document.kind is Kind.SCORING:
        _compare("objective", {document.objective} - {None}, set(spec.objectives))
    return document


def _read(spec: Spec, store: AssetStore) -> Document:
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as folder:
        target = Path(folder) / "document"
        try:
            store.fetch(spec.digest, target)
            path = target / FILE_NAME if target.is_dir() else target
            if path.stat().st_size > MAX_BYTES:
                raise _mismatch(f"the task document {spec.digest} is larger than {MAX_BYTES} bytes")
            return Document.model_validate_json(path.read_bytes())
        except AssetMismatch as error:
            raise _mismatch(error.message) from error
        except FileNotFoundError as error:
            raise _mismatch(f"the task document {spec.digest} has no {FILE_NAME}") from error
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise _mismatch(f"the task document {spec.digest} is wrong at {place}: {first['msg']}") from error


def _compare(what: str, named: Set[object], admitted: Set[object]) -> None:
    surplus = ", ".join(sorted(str(one) for one in named - admitted))
    missing = ", ".join(sorted(str(one) for one in admitted - named))
    if surplus:
        raise _mismatch(f"the task document names {what} which the chain didn't admit: {surplus}")
    if missing:
        raise _mismatch(f"the chain admitted {what} which the task document doesn't name: {missing}")


def _mismatch(message: str) -> TaskFailed:
    return TaskFailed(FailureCategory.INPUT_MISMATCH, message, remedy=REMEDY)
