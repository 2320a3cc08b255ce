"""What goes on chain for a task: its terms, and what its document may touch. Pure."""

from node_runtime.document import Document, asset_ref
from node_runtime.spec_models import TaskSpec
from node_runtime.spec_parts import PREPARING
from node_runtime.task import (
    Account,
    Digest,
    ObjectiveId,
    PlanId,
    Review,
    Spec,
    SubmissionId,
    TaskId,
    Terms,
)


def terms_of(spec: TaskSpec, *, creator: Account, now: int, plan: PlanId | None) -> Terms:
    """The terms of a spec. ``now`` in ms. An attempt has time for all its containers, and to fetch and build before."""
    return Terms(
        kind=spec.work,
        reward=spec.reward,
        bond=spec.worker_bond,
        slots=spec.slots,
        max_rejects=spec.rejects,
        max_failures=spec.max_failures,
        review=_review(spec, creator),
        deadline=now + spec.deadline,
        timeout=spec.stages * spec.limits.timeout + PREPARING,
        plan=plan,
        assignee=spec.assign_to,
    )


def chain_spec(document: Document, digest: Digest, uri: str, *, objectives: tuple[ObjectiveId, ...]) -> Spec:
    """What the chain admits: exactly the assets, models and tasks the document names."""
    models = [model.submission for model in document.models if model.submission is not None]
    parents = [model.task for model in document.models if model.task is not None]
    return Spec(
        digest=digest,
        uri=uri,
        assets=tuple(dict.fromkeys(asset_ref(key) for key in document.asset_keys())),
        models=tuple(map(SubmissionId, dict.fromkeys(models))),
        parents=tuple(map(TaskId, dict.fromkeys(parents))),
        objectives=objectives,
    )


def _review(spec: TaskSpec, creator: Account) -> Review:
    validation = spec.validation
    if validation.custom is not None:
        return Review(judge=validation.custom.judge, window=validation.custom.window)
    return Review(judge=creator, window=validation.manual.window if validation.manual is not None else 0)
