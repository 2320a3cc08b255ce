"""The kind `scoring`: an algo predicts with a model, then a metric scores the predictions (Substra's testtuple)."""

from typing import ClassVar, Literal, Self

from pydantic import model_validator

from node_runtime.domain.assets import AssetKind, AssetRef, Label, ObjectiveId
from node_runtime.domain.document import AssetKey, Document, Image, Number, Role, image_role, single_role
from node_runtime.kinds import head_trunk
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
from node_runtime.kinds.stage import Carried, Inputs, Keeps, Stage, Writable
from node_runtime.ports.chain import Named
from node_runtime.ports.engine import Mount
from node_runtime.spec.common import AssetSpec, Conflicts, ImageField, ModelField, ModelSpec, Samples, named_twice
from node_runtime.spec.fields import NameOrNumber, OpenerSource, TrainLabel
from node_runtime.spec.messages import Location

PRED = Writable(name="pred", target=sandbox.PRED, output="pred", entry="pred", keeps=Keeps.ENTRY)
SCORE = Writable(name="pred", target=sandbox.PRED, output=PERF, entry=PERF, keeps=Keeps.ENTRY)
_UNLABELLED = (
    "beside an objective they make a cross-validation, which is not certified: say so by 'label: train', or leave "
    "'data' out to score on the objective's own samples"
)
_FROM_OBJECTIVE = ("opener", "metrics")


class ScoringSpec(TaskSpec):
    kind_name: ClassVar[str] = "scoring"
    stages: ClassVar[int] = 2

    kind: Literal["scoring"]
    model: ModelField | None = None
    composite: head_trunk.CompositeField | None = None
    algo: ImageField
    objective: NameOrNumber | None = None
    opener: OpenerSource | None = None
    data: Samples = ()
    label: TrainLabel | None = None
    metrics: ImageField | None = None

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return (self.model,) if self.model is not None else head_trunk.needed(self.composite)

    @property
    def objective_names(self) -> tuple[tuple[Location, NameOrNumber], ...]:
        return () if self.objective is None else ((("objective",), self.objective),)

    @property
    def recorded_objectives(self) -> tuple[NameOrNumber, ...]:
        return () if self.scored_for is None else (self.scored_for,)

    @property
    def measured_by(self) -> NameOrNumber | None:
        return self.objective

    @property
    def scored_for(self) -> NameOrNumber | None:
        """The objective, unless ``data`` makes it a cross-validation."""
        return None if self.data else self.objective

    def model_location(self, index: int) -> Location:
        return ("model",) if self.model is not None else ("composite", head_trunk.PARTS[index])

    def assets(self) -> tuple[AssetSpec, ...]:
        """Return the task's own assets, without those of the objective."""
        return (
            *image_asset(self.algo, AssetKind.ALGO),
            *image_asset(self.metrics, AssetKind.METRIC),
            *single_asset(self.opener, AssetKind.OPENER),
            *train_samples(self.data),
            *imported_models(self.needed_models),
        )

    def conflicts(self) -> Conflicts:
        yield from named_twice("data", self.data)
        if (self.model is None) is (self.composite is None):
            yield (), "name one 'model', or head and trunk of a 'composite'"
        elif self.composite is not None:
            yield from head_trunk.conflicts(self.composite)
            if not self.composite:
                yield ("composite",), "name its head and its trunk"
        if self.objective is not None:
            for key in _FROM_OBJECTIVE:
                if getattr(self, key):
                    yield (key,), f"'{key}' comes with the objective; leave it out, or leave 'objective' out"
            if self.data and self.label is None:
                yield ("data",), _UNLABELLED
            if self.label is not None and not self.data:
                yield ("label",), "the objective's own samples are Test samples; name 'data', or leave 'label' out"
            return
        missing = [key for key in ("opener", "data", "metrics") if not getattr(self, key)]
        if missing:
            named = " and ".join(f"'{key}'" for key in missing)
            yield (), f"{named} missing; name an 'objective', or everything that a cross-validation needs"


class ScoringDocument(Document):
    """With an ``objective`` the score is certified; without one it is a cross-validation on Train samples.

    ``metric_of`` is the objective whose metric and opener a cross-validation uses: the chain doesn't record its number,
    but the assets.
    """

    kind: Literal["scoring"] = "scoring"
    composite: Literal[True] | None = None
    opener: AssetKey
    metric: Image
    objective: Number | None = None
    metric_of: Number | None = None

    @model_validator(mode="after")
    def _names_one_objective(self) -> Self:
        if self.objective is not None and self.metric_of is not None:
            raise ValueError("a score is certified by 'objective', or a cross-validation by 'metric_of'")
        return self

    @property
    def measured_by(self) -> int | None:
        return self.objective if self.objective is not None else self.metric_of

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
        own = tuple(str(AssetRef(owner=objective.owner, digest=sample)) for sample in objective.samples)
        data = resolved.keys(spec.data) or own
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
        composite=True if spec.composite is not None else None,
        objective=objective.id if objective is not None and not spec.data else None,
        metric_of=objective.id if objective is not None and spec.data else None,
        limits=limits_of(spec.limits, local=resolved.rank is not None),
    )


def _check_measure(document: ScoringDocument, named: Named) -> None:
    """Check that opener and metric, and a certified score's samples, are the objective's, as its owner registered."""
    if document.measured_by is None:
        return
    objective = named.objectives.get(ObjectiveId(document.measured_by))
    if objective is None:
        raise mismatch(f"there is no objective {document.measured_by}")
    own = [str(AssetRef(owner=objective.owner, digest=digest)) for digest in (objective.metric, objective.opener)]
    if [document.metric.source, document.opener] != own:
        raise mismatch(f"metric and opener aren't those of objective {objective.id}")
    if document.objective is not None:
        samples = {str(AssetRef(owner=objective.owner, digest=digest)) for digest in objective.samples}
        check_same("samples", set(document.data), samples)
    if document.metric.image or document.metric.entrypoint is not None:
        raise mismatch("an objective's metric runs as it is registered, without image or entrypoint")


def _stages(document: ScoringDocument, inputs: Inputs) -> tuple[Stage, ...]:
    """Return two stages: predict writes ``pred/pred``, metrics reads it and writes the score."""
    if document.composite:
        head_trunk.check_models(inputs, both=True)
    elif len(inputs.models) != 1:
        raise mismatch(
            f"a scoring task scores one model, this one names {len(inputs.models)}", remedy="name one under 'model'"
        )
    if inputs.opener is None:
        raise mismatch("the scoring task has no opener", remedy="name the opener's file as 'opener'")
    stages = (_predict(document, inputs), _metrics(document, inputs))
    return tuple(map(sandbox.with_every_folder, stages))


def _predict(document: ScoringDocument, inputs: Inputs) -> Stage:
    if document.composite:
        arguments, models = head_trunk.input_arguments(inputs), head_trunk.mounts(inputs)
    else:
        arguments, models = (inputs.models[0].digest,), sandbox.model_mounts(inputs.models)
    return Stage(
        name="predict",
        image=sandbox.image_source(document.algo, inputs.algo, part="algo"),
        entrypoint=document.algo.entrypoint,
        arguments=("predict", *arguments, *sandbox.fake_arguments(inputs)),
        environment=sandbox.ENVIRONMENT,
        reads=(
            *sandbox.data_mounts(inputs),
            *sandbox.opener_mounts(inputs),
            *models,
            *sandbox.read_local(inputs),
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
        arguments=sandbox.fake_arguments(inputs, metric=True),
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
    check_admitted=_check_measure,
)
