"""Admission of a task: checks its stored document against the inputs the chain admitted."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from node_runtime.errors import AssetUnavailable, FailureCategory, StorageError, TaskFailed
from node_runtime.kinds import kind_of, read_document
from node_runtime.kinds.base import check_same, mismatch
from node_runtime.ports.chain import ChainReads, Named, TaskRecord
from node_runtime.ports.store import AssetStore

from .assets import Account, Asset, AssetRef, Digest, Model, ModelId, ObjectiveId, SubmissionId
from .document import FILE_NAME, Document, ModelOf, Role, asset_ref
from .permissions import PUBLIC, Permissions
from .task import Spec, Task, TaskId

MAX_BYTES = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """The assets a document names, as registered on chain, and the digests of its models, in the document's order.

    ``own`` are those of the models that this account made, ``private`` those of them that are declared as private.
    ``rights`` are those on what the task makes.
    """

    assets: Mapping[AssetRef, Asset]
    models: tuple[Digest, ...]
    private: frozenset[Digest] = frozenset()
    own: frozenset[Digest] = frozenset()
    rights: Permissions = PUBLIC


def admitted_document(task: Task, spec: Spec, store: AssetStore) -> Document:
    """Read the document whose digest is on chain and check that it names exactly what the chain admitted.

    Raises `TaskFailed` (input_mismatch) for any difference, `AssetUnavailable` when storage doesn't have it.
    """
    document = _read(spec, store)
    check_same("kind", {document.kind}, {task.terms.kind})
    check_same("assets", {asset_ref(key) for key in document.asset_keys()}, set(spec.assets))
    check_same("models", set(document.recorded_models()), set(spec.models))
    check_same("parents", {model.task for model in document.models} - {None}, set(spec.parents))
    if document.task_roles() != spec.roles:
        raise mismatch("the task document declares other outputs, or takes others of its parents, than the chain has")
    if document.scored_for is not None:
        check_same("objective", document.scored_for, set(spec.objectives))
    return document


def admit(document: Document, record: TaskRecord, chain: ChainReads) -> Admitted:
    """Read all assets and models that the `admitted_document` of a task names, in one chain query.

    An objective that the document alone names, as the measure of a cross-validation, is read by another.
    Raises `TaskFailed` (input_mismatch) for a missing model, and for an asset in a role it isn't registered for, e.g.
    a metric used as the algo, which would score itself.
    """
    named = _with_measure(document, chain.named_by(record.spec), chain)
    for role in document.roles():
        _check_role(role, named)
    check_admitted = kind_of(document).check_admitted
    if check_admitted is not None:
        check_admitted(document, named)
    recorded = [_recorded(model, named, chain) for model in document.models]
    models = tuple(_model_digest(model, one) for model, one in zip(document.models, recorded, strict=True))
    private = (one.digest for one in recorded if one is not None and one.private and one.trainer == chain.account)
    makers = [_maker(model, one, named) for model, one in zip(document.models, recorded, strict=True)]
    own = (digest for digest, maker in zip(models, makers, strict=True) if maker == chain.account)
    return Admitted(
        assets=named.assets,
        models=models,
        private=frozenset(private),
        own=frozenset(own),
        rights=record.output_rights,
    )


def _with_measure(document: Document, named: Named, chain: ChainReads) -> Named:
    if document.measured_by is None or document.measured_by in named.objectives:
        return named
    objective = chain.objective(ObjectiveId(document.measured_by))
    return named if objective is None else replace(named, objectives={**named.objectives, objective.id: objective})


def _check_role(role: Role, named: Named) -> None:
    """Check the role's asset: the chain admits a set of assets, the document assigns the roles."""
    asset = named.assets.get(asset_ref(role.key))
    if asset is None:
        raise mismatch(f"{role.name}: {role.key} isn't registered")
    if asset.kind is not role.kind:
        raise mismatch(f"{role.name}: {role.key} is registered as {asset.kind}, not as {role.kind}")
    if asset.label is not role.label:
        raise mismatch(f"{role.name}: {role.key} is labelled {asset.label}, which has no place in this task")


def _read(spec: Spec, store: AssetStore) -> Document:
    try:
        content = store.read_file(spec.digest, FILE_NAME, limit=MAX_BYTES)
    except AssetUnavailable:
        raise
    except StorageError as error:
        raise mismatch(f"the task document: {error.message}") from error
    try:
        return read_document(content)
    except ValueError as error:
        raise mismatch(f"the task document {spec.digest} is wrong {error}") from error


def _recorded(model: ModelOf, named: Named, chain: ChainReads) -> Model | None:
    """Return the chain's record of a model by its place among the outputs, of which the first is taken where none is
    named; None of an imported one.
    """
    if model.submission is not None:
        return named.models.get(ModelId(submission=SubmissionId(model.submission), output=model.output or 0))
    accepted = named.accepted.get(TaskId(model.task)) if model.task is not None else None
    return None if accepted is None else chain.model(ModelId(submission=accepted.id, output=model.output or 0))


def _maker(model: ModelOf, recorded: Model | None, named: Named) -> Account | None:
    """Return the account whose accepted result the model is of; None of an imported one."""
    if recorded is not None:
        return recorded.trainer
    accepted = named.accepted.get(TaskId(model.task)) if model.task is not None else None
    return accepted.worker if accepted is not None else None


def _model_digest(model: ModelOf, recorded: Model | None) -> Digest:
    if model.asset is not None:
        return asset_ref(model.asset).digest
    if recorded is not None:
        return recorded.digest
    if model.submission is not None:
        raise _no_model(f"submission {model.submission} has no such model on chain")
    if model.task is None:
        raise _no_model("the task document names a model without saying which")
    raise _no_model(f"task {model.task} has no accepted model")


def _no_model(message: str) -> TaskFailed:
    return TaskFailed(FailureCategory.INPUT_MISMATCH, message, remedy="name a task whose result was accepted")
