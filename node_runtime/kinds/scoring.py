"""The kind `scoring`: an algo predicts with a model, then a metric scores the predictions (Substra's testtuple)."""

from typing import ClassVar, Literal

from node_runtime.domain.assets import AssetKind, AssetRef, Label, ObjectiveId
from node_runtime.domain.document import AssetKey, Document, Image, Number, Role, image_role, single_role
from node_runtime.kinds.base import (
    Resolved,
    TaskKind,
    TaskSpec,
    check_same,
    image_asset,
    imported_models,
    limits_of,
    mismatch,
    single_asset,
    train_samples,
)
from node_runtime.kinds.layouts import sandbox
from node_runtime.kinds.perf import FILE_NAME as PERF
from node_runtime.kinds.stage import Carried, Input, Inputs, Keeps, Stage, Writable
from node_runtime.ports.chain import Named
from node_runtime.ports.engine import Mount
from node_runtime.spec.common import AssetSpec, Conflicts, ImageField, ModelField, ModelSpec, Samples, named_twice
from node_runtime.spec.fields import NameOrNumber, OpenerSource, TrainLabel
from node_runtime.spec.messages import Location

PRED = Writable(name="pred", target=sandbox.PRED, output="pred", entry="pred", keeps=Keeps.ENTRY)
SCORE = Writable(name="pred", target=sandbox.PRED, output=PERF, entry=PERF, keeps=Keeps.ENTRY)
_FROM_OBJECTIVE = ("opener", "data", "label", "metrics")


class ScoringSpec(TaskSpec):
    kind_name: ClassVar[str] = "scoring"
    stages: ClassVar[int] = 2

    kind: Literal["scoring"]
    model: ModelField
    algo: ImageField
    objective: NameOrNumber | None = None
    opener: OpenerSource | None = None
    data: Samples = ()
    label: TrainLabel | None = None
    metrics: ImageField | None = None

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return (self.model,)

    @property
    def objective_names(self) -> tuple[tuple[Location, NameOrNumber], ...]:
        return () if self.objective is None else ((("objective",), self.objective),)

    @property
    def scored_for(self) -> NameOrNumber | None:
        return self.objective

    def model_location(self, index: int) -> Location:  # noqa: ARG002
        return ("model",)

    def assets(self) -> tuple[AssetSpec, ...]:
        """Return the task's own assets, without those of the objective."""
        return (
            *image_asset(self.algo, AssetKind.ALGO),
            *image_asset(self.metrics, AssetKind.METRIC),
            *single_asset(self.opener, AssetKind.OPENER),
            *train_samples(self.data),
            *imported_models((self.model,)),
        )

    def conflicts(self) -> Conflicts:
        yield from named_twice("data", self.data)
        if self.objective is not None:
            for key in _FROM_OBJECTIVE:
                if getattr(self, key):
                    yield (key,), f"'{key}' comes with the objective; leave it out, or leave 'objective' out"
            return
        missing = [key for key in ("opener", "data", "metrics") if not getattr(self, key)]
        if missing:
            named = " and ".join(f"'{key}'" for key in missing)
            yield (), f"{named} missing; name an 'objective', or everything that a cross-validation needs"


class ScoringDocument(Document):
    """With an ``objective`` the score is certified; without one it is a cross-validation on Train samples."""

    kind: Literal["scoring"] = "scoring"
    opener: AssetKey
    metric: Image
    objective: Number | None = None

    @property
    def scored_for(self) -> frozenset[int]:
        return frozenset() if self.objective is None else frozenset({self.objective})

    @property
    def sample_label(self) -> Label:
        return Label.TRAIN if self.objective is None else Label.TEST

    def own_roles(self) -> tuple[Role, ...]:
        return (image_role(AssetKind.METRIC, self.metric), *single_role(AssetKind.OPENER, self.opener))


def _compose(spec: ScoringSpec, resolved: Resolved) -> ScoringDocument:
    objective = resolved.objective
    if objective is not None:
        metric = Image(source=str(AssetRef(owner=objective.owner, digest=objective.metric)))
        opener = str(AssetRef(owner=objective.owner, digest=objective.opener))
        data = tuple(str(AssetRef(owner=objective.owner, digest=sample)) for sample in objective.samples)
    else:
        assert spec.metrics is not None  # the YAML's checks require both without an objective
        assert spec.opener is not None
        metric, opener, data = resolved.image(spec.metrics), resolved.key(spec.opener), resolved.keys(spec.data)
    return ScoringDocument(
        name=spec.name,
        algo=resolved.image(spec.algo),
        metric=metric,
        opener=opener,
        data=data,
        models=tuple(resolved.models),
        objective=objective.id if objective is not None else None,
        limits=limits_of(spec.limits),
    )


def _check_certified(document: ScoringDocument, named: Named) -> None:
    """Check that opener, metric and samples are the objective's, as its owner registered them."""
    if document.objective is None:
        return
    objective = named.objectives.get(ObjectiveId(document.objective))
    if objective is None:
        raise mismatch(f"there is no objective {document.objective}")
    own = [str(AssetRef(owner=objective.owner, digest=digest)) for digest in (objective.metric, objective.opener)]
    if [document.metric.source, document.opener] != own:
        raise mismatch(f"metric and opener aren't those of objective {objective.id}")
    samples = {str(AssetRef(owner=objective.owner, digest=digest)) for digest in objective.samples}
    check_same("samples", set(document.data), samples)
    if document.metric.image or document.metric.entrypoint is not None:
        raise mismatch("a certified score comes from the metric as it is registered, without image or entrypoint")


def _stages(document: ScoringDocument, inputs: Inputs) -> tuple[Stage, ...]:
    """Return two stages: predict writes ``pred/pred``, metrics reads it and writes the score."""
    if len(inputs.models) != 1:
        raise mismatch(
            f"a scoring task scores one model, this one names {len(inputs.models)}", remedy="name one under 'model'"
        )
    if inputs.opener is None:
        raise mismatch("the scoring task has no opener", remedy="name the opener's file as 'opener'")
    stages = (_predict(document, inputs, inputs.models[0]), _metrics(document, inputs))
    return tuple(map(sandbox.with_every_folder, stages))


def _predict(document: ScoringDocument, inputs: Inputs, model: Input) -> Stage:
    return Stage(
        name="predict",
        image=sandbox.image_source(document.algo, inputs.algo, part="algo"),
        entrypoint=document.algo.entrypoint,
        arguments=("predict", model.digest),
        environment=sandbox.ENVIRONMENT,
        reads=(
            *sandbox.data_mounts(inputs),
            *sandbox.opener_mounts(inputs),
            *sandbox.model_mounts((model,)),
            *sandbox.local_mounts(inputs, document, writable=False),
        ),
        writes=(PRED,),
        scratch=(sandbox.EXPORT,),
        limits=document.limits,
    )


def _metrics(document: ScoringDocument, inputs: Inputs) -> Stage:
    image = sandbox.image_source(document.metric, inputs.metric, part="metric")
    return Stage(
        name="metrics",
        image=image,
        own_program=False,
        entrypoint=document.metric.entrypoint,
        environment=sandbox.ENVIRONMENT,
        reads=(
            *sandbox.data_mounts(inputs),
            *sandbox.opener_mounts(inputs),
            Mount(source=image.folder, target=sandbox.METRICS),
        ),
        writes=(SCORE,),
        scratch=(sandbox.EXPORT,),
        # only the predictions are passed on: other files of predict, e.g. a forged score, are not
        carries=(Carried(stage="predict", name=PRED.name, entry=PRED.entry, target=f"{sandbox.PRED}/{PRED.entry}"),),
        limits=document.limits,
    )


KIND = TaskKind(
    name=ScoringSpec.kind_name,
    spec=ScoringSpec,
    document=ScoringDocument,
    compose=_compose,
    layouts={"sandbox": _stages},
    may_leave_node=frozenset({PERF}),
    check_admitted=_check_certified,
)
