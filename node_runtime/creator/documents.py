"""What does a node get to read? A document of the YAML, its references resolved → the task document. Pure."""

from collections.abc import Callable, Sequence

from node_runtime.document import Annotation, AssetKey, Document, Image, Limits, ModelOf
from node_runtime.spec_fields import Source
from node_runtime.spec_models import (
    AggregationSpec,
    AnnotationSpec,
    BundleSpec,
    ScoringSpec,
    TaskSpec,
    TrainingSpec,
)
from node_runtime.spec_parts import ImageSpec, LimitsSpec
from node_runtime.task import Account, AssetRef, Digest, Objective

RefOf = Callable[[Source], AssetRef]
"""Which asset a source of the YAML became; for a bundle's folder also which image its requirements became."""


def document_of(
    spec: TaskSpec,
    *,
    ref_of: RefOf,
    environment_of: RefOf,
    models: Sequence[ModelOf],
    objective: Objective | None = None,
) -> Document:
    """The document of a task. ``models`` are those of the spec, in its order; ``objective`` is what a score is for.

    ``environment_of`` answers the algo that was made of a bundle, for bundles without one.
    """
    if isinstance(spec, ScoringSpec):
        return _scoring(spec, ref_of, models, objective)
    if isinstance(spec, AggregationSpec):
        return _model_task(spec, spec.algo, None, ref_of, models)
    if isinstance(spec, TrainingSpec) and spec.algo is not None and spec.bundle is None:
        return _model_task(spec, spec.algo, spec.opener, ref_of, models)
    return _bundle(spec, ref_of, environment_of, models)


def _model_task(
    spec: TrainingSpec | AggregationSpec,
    algo: ImageSpec,
    opener: Source | None,
    ref_of: RefOf,
    models: Sequence[ModelOf],
) -> Document:
    return Document(
        kind=spec.work,
        name=spec.name,
        algo=_image(algo, ref_of),
        opener=_key_of(opener, ref_of),
        data=tuple(str(ref_of(sample)) for sample in spec.data) if isinstance(spec, TrainingSpec) else (),
        models=tuple(models),
        rank=spec.rank,
        limits=_limits(spec.limits),
    )


def _bundle(spec: BundleSpec, ref_of: RefOf, environment_of: RefOf, models: Sequence[ModelOf]) -> Document:
    assert spec.bundle is not None  # the reader of the YAML asks for an algo or a bundle
    algo = _image(spec.algo, ref_of) if spec.algo is not None else Image(source=str(environment_of(spec.bundle)))
    return Document(
        kind=spec.work,
        name=spec.name,
        layout="bundle",
        algo=algo,
        bundle=str(ref_of(spec.bundle)),
        annotation=_annotation(spec) if isinstance(spec, AnnotationSpec) else None,
        question=None if isinstance(spec, AnnotationSpec) else spec.question,
        person=spec.person,
        data=() if isinstance(spec, AnnotationSpec) else tuple(str(ref_of(sample)) for sample in spec.data),
        models=tuple(models),
        limits=_limits(spec.limits),
    )


def _annotation(spec: AnnotationSpec) -> Annotation:
    return Annotation(
        type=spec.annotation_type,
        question=spec.question,
        labels=spec.class_labels,
        coordinates=spec.class_coordinates,
        info=spec.annotation_json,
    )


def _scoring(spec: ScoringSpec, ref_of: RefOf, models: Sequence[ModelOf], objective: Objective | None) -> Document:
    if objective is not None:
        metric: Image | None = Image(source=_key(objective.owner, objective.metric))
        opener: AssetKey | None = _key(objective.owner, objective.opener)
        data = tuple(_key(objective.owner, sample) for sample in objective.samples)
    else:
        metric = _image(spec.metrics, ref_of) if spec.metrics is not None else None
        opener = _key_of(spec.opener, ref_of)
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


def _key_of(source: Source | None, ref_of: RefOf) -> AssetKey | None:
    return str(ref_of(source)) if source is not None else None


def _limits(spec: LimitsSpec) -> Limits:
    """A node counts whole seconds; a fraction more is given, never less."""
    return Limits(cpus=spec.cpus, memory=spec.memory, timeout=-(-spec.timeout // 1000), outputs=spec.outputs)


def _key(owner: Account, digest: Digest) -> AssetKey:
    return str(AssetRef(owner=owner, digest=digest))
