"""Is the stored document what the chain admitted, and which models does it mean? Asked by everybody who works on it."""

from collections.abc import Set

from pydantic import ValidationError

from node_runtime.document import FILE_NAME, AssetKey, Document, ModelOf, asset_ref
from node_runtime.errors import AssetUnavailable, FailureCategory, StorageError, TaskFailed
from node_runtime.ports import AssetStore, Chain
from node_runtime.task import (
    AssetKind,
    AssetRef,
    Digest,
    Kind,
    Label,
    ObjectiveId,
    Spec,
    SubmissionId,
    SubmissionState,
    Task,
    TaskId,
)

MAX_BYTES = 1 << 20
REMEDY = "the creator has to submit the task again with `node-runtime submit`"


def admitted_document(task: Task, spec: Spec, store: AssetStore) -> Document:
    """The task's document, exactly the one whose digest is on chain, naming exactly what the chain admitted.

    Raises `TaskFailed` (input_mismatch) when it says anything else, `AssetUnavailable` when storage hasn't got it.
    """
    document = _read(spec, store)
    _compare("kind", {document.kind}, {task.terms.kind})
    _compare("assets", {asset_ref(key) for key in document.asset_keys()}, set(spec.assets))
    _compare("models", {model.submission for model in document.models} - {None}, set(spec.models))
    _compare("parents", {model.task for model in document.models} - {None}, set(spec.parents))
    if document.kind is Kind.SCORING:
        _compare("objective", {document.objective} - {None}, set(spec.objectives))
    return document


def check_roles(document: Document, chain: Chain) -> None:
    """Does each asset play the part it is registered for? The chain admits a set of assets, the document casts them.

    Raises `TaskFailed` (input_mismatch), e.g. for a metric in the algo's place, which would score itself.
    """
    certified = document.kind is Kind.SCORING and document.objective is not None
    label = Label.TEST if certified else Label.TRAIN
    if document.algo:
        _check_role("algo", document.algo.source, chain, kind=AssetKind.ALGO)
    if document.bundle:
        _check_role("bundle", document.bundle, chain, kind=AssetKind.BUNDLE)
    if document.metric:
        _check_role("metric", document.metric.source, chain, kind=AssetKind.METRIC)
    if document.opener:
        _check_role("opener", document.opener, chain, kind=AssetKind.OPENER)
    for key in document.data:
        _check_role("data", key, chain, kind=AssetKind.DATA_SAMPLE, label=label)
    for model in document.models:
        if model.asset:
            _check_role("models", model.asset, chain, kind=AssetKind.MODEL)
    if certified:
        _check_certified(document, chain)


def _check_role(role: str, key: AssetKey, chain: Chain, *, kind: AssetKind, label: Label | None = None) -> None:
    asset = chain.asset(asset_ref(key))
    if asset is None:
        raise _mismatch(f"{role}: {key} isn't registered")
    if asset.kind is not kind:
        raise _mismatch(f"{role}: {key} is registered as {asset.kind}, not as {kind}")
    if asset.label is not label:
        raise _mismatch(f"{role}: {key} is labelled {asset.label}, which has no place in this task")


def _check_certified(document: Document, chain: Chain) -> None:
    """The objective's own opener, metric and samples, run as its owner registered them."""
    objective = chain.objective(ObjectiveId(document.objective)) if document.objective is not None else None
    if objective is None:
        raise _mismatch(f"there is no objective {document.objective}")
    own = [AssetRef(owner=objective.owner, digest=digest) for digest in (objective.metric, objective.opener)]
    named = [document.metric.source if document.metric else None, document.opener]
    if named != [str(ref) for ref in own]:
        raise _mismatch(f"metric and opener aren't those of objective {objective.id}")
    samples = {AssetRef(owner=objective.owner, digest=digest) for digest in objective.samples}
    _compare("samples", {asset_ref(key) for key in document.data}, samples)
    if document.metric and (document.metric.image or document.metric.entrypoint is not None):
        raise _mismatch("a certified score comes from the metric as it is registered, without image or entrypoint")


def _read(spec: Spec, store: AssetStore) -> Document:
    try:
        return Document.model_validate_json(store.read_file(spec.digest, FILE_NAME, limit=MAX_BYTES))
    except AssetUnavailable:
        raise
    except StorageError as error:
        raise _mismatch(f"the task document: {error.message}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise _mismatch(f"the task document {spec.digest} is wrong at {place[:200]}: {first['msg'][:200]}") from error


def _compare(what: str, named: Set[object], admitted: Set[object]) -> None:
    surplus = ", ".join(sorted(str(one) for one in named - admitted))
    missing = ", ".join(sorted(str(one) for one in admitted - named))
    if surplus:
        raise _mismatch(f"the task document names {what} which the chain didn't admit: {surplus}")
    if missing:
        raise _mismatch(f"the chain admitted {what} which the task document doesn't name: {missing}")


def _mismatch(message: str) -> TaskFailed:
    return TaskFailed(FailureCategory.INPUT_MISMATCH, message, remedy=REMEDY)


def model_digests(document: Document, chain: Chain) -> tuple[Digest, ...]:
    """The digests of the document's models, in its order. Raises `TaskFailed` input_mismatch where there is none."""
    return tuple(_model_digest(model, chain) for model in document.models)


def _model_digest(model: ModelOf, chain: Chain) -> Digest:
    if model.asset is not None:
        return asset_ref(model.asset).digest
    if model.submission is not None:
        known = chain.model(SubmissionId(model.submission))
        if known is not None:
            return known.digest
        raise _no_model(f"submission {model.submission} has no model on chain")
    if model.task is None:
        raise _no_model("the task document names a model without saying which")
    accepted = [one for one in chain.submissions(TaskId(model.task)) if one.state is SubmissionState.ACCEPTED]
    digest = accepted[0].result.output("model") if accepted else None
    if digest is None:
        raise _no_model(f"task {model.task} has no accepted model")
    return digest


def _no_model(message: str) -> TaskFailed:
    return TaskFailed(FailureCategory.INPUT_MISMATCH, message, remedy="name a task whose result was accepted")
