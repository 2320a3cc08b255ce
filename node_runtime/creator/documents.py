"""What does a node get to read? A document of the YAML, its references resolved → the task document. Pure."""

from collections.abc import Callable, Sequence

from node_runtime.document import AssetKey, Document, Image, Limits, ModelOf
from node_runtime.spec_fields import Source
from node_runtime.spec_models import ImageSpec, LimitsSpec, ScoringSpec, TaskSpec, TrainingSpec
from node_runtime.task import Account, AssetRef, Digest, Objective

RefOf = Callable[[Source], AssetRef]


def document_of(
    spec: TaskSpec, *, ref_of: RefOf, models: Sequence[ModelOf], objective: Objective | None = None
) -> Document:
    """The document of a task. ``models`` are those of the spec, in its order; ``objective`` is what a score is for."""
    if isinstance(spec, TrainingSpec):
        return _training(spec, ref_of, models)
    return _scoring(spec, ref_of, models, objective)


def _training(spec: TrainingSpec, ref_of: RefOf, models: Sequence[ModelOf]) -> Document:
    return Document(
        kind=spec.work,
        name=spec.name,
        algo=_image(spec.algo, ref_of),
        opener=str(ref_of(spec.opener)) if spec.opener is not None else None,
        data=tuple(str(ref_of(sample)) for sample in spec.data),
        models=tuple(models),
        rank=spec.rank,
        limits=_limits(spec.limits),
    )


def _scoring(spec: ScoringSpec, ref_of: RefOf, models: Sequence[ModelOf], objective: Objective | None) -> Document:
    if objective is not None:
        metric: Image | None = Image(source=_key(objective.owner, objective.metric))
        opener: AssetKey | None = _key(objective.owner, objective.opener)
        data = tuple(_key(objective.owner, sample) for sample in objective.samples)
    else:
        metric = _image(spec.metrics, ref_of) if spec.metrics is not None else None
        opener = str(ref_of(spec.opener)) if spec.opener is not None else None
        data = tuple(str(ref_of(sample)) for sample in spec.data)
    return Document(
        kind=spec.work,
        name=spec.name,
        algo=_image(spec.algo, ref_of),
        metric=metric,
        opener=opener,
        data=data,
        models=tuple(models),
        objective=objective.id if objective is not None else None,
        limits=_limits(spec.limits),
    )


def _image(spec: ImageSpec, ref_of: RefOf) -> Image:
    return Image(source=str(ref_of(spec.source)), image=spec.image, entrypoint=spec.entrypoint)


def _limits(spec: LimitsSpec) -> Limits:
    """A node counts whole seconds; a fraction more is given, never less."""
    return Limits(cpus=spec.cpus, memory=spec.memory, timeout=-(-spec.timeout // 1000), outputs=spec.outputs)


def _key(owner: Account, digest: Digest) -> AssetKey:
    return str(AssetRef(owner=owner, digest=digest))
