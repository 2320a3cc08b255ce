"""What may stand in each kind of document of a task YAML? One frozen model a kind, see `KINDS`.

The keys are those a creator writes. Amounts are base units, durations milliseconds, sizes bytes.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from node_runtime.document import AnnotationType, ClassLabel, Coordinates, Info, Question
from node_runtime.spec_fields import (
    BundleFolder,
    ImageFolder,
    Name,
    NameOrNumber,
    OpenerSource,
    Source,
    TestLabel,
    TrainLabel,
)
from node_runtime.spec_parts import (
    Asset,
    Count,
    ImageField,
    ImageSpec,
    ModelField,
    ModelSpec,
    Part,
    Samples,
    Switch,
    TaskPart,
    micro_units,
    some,
)
from node_runtime.task import AssetKind, Direction, Kind, Label

FEDERATED_AVERAGING = Path(__file__).parent / "federation"  # the algo of an aggregation that names none


class ObjectiveSpec(Part):
    """What models are measured by: its Test samples are kept out of every training that names it."""

    kind: Literal["objective"]
    name: Name
    metric: ImageFolder
    opener: OpenerSource
    samples: Annotated[Samples, AfterValidator(some)]
    label: TestLabel = "test"
    direction: Direction = Direction.HIGHER
    tolerance: Annotated[int, BeforeValidator(micro_units), Field(ge=0, lt=2**63)] = 0  # micro-units

    def assets(self) -> tuple[Asset, ...]:
        samples = [Asset(source=one, kind=AssetKind.DATA_SAMPLE, label=Label.TEST) for one in self.samples]
        metric = Asset(source=self.metric, kind=AssetKind.METRIC)
        return (metric, Asset(source=self.opener, kind=AssetKind.OPENER), *samples)


class _ModelTask(TaskPart):
    """The keys of the kinds that make a model."""

    stages: ClassVar[int] = 1

    models: Annotated[tuple[ModelField, ...], Field(max_length=16)] = ()
    objectives: Annotated[tuple[NameOrNumber, ...], Field(max_length=4)] = ()

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return self.models


class TrainingSpec(_ModelTask):
    """By an algo (Substra's traintuple), or by a bundle (DecentralML's model contributor)."""

    work: ClassVar[Kind] = Kind.TRAINING

    kind: Literal["training"]
    algo: ImageField | None = None
    bundle: BundleFolder | None = None
    question: Question | None = None
    person: Switch = False
    opener: OpenerSource | None = None
    data: Samples = ()
    label: TrainLabel = "train"
    rank: Count | None = None

    def assets(self) -> tuple[Asset, ...]:
        """Without the image that a bundle's own requirements make."""
        return (
            *_image(self.algo, AssetKind.ALGO),
            *_one(self.bundle, AssetKind.BUNDLE),
            *_one(self.opener, AssetKind.OPENER),
            *_train(self.data),
            *_imported(self.models),
        )


class RestructuringSpec(_ModelTask):
    """A model engineer's work: a bundle that makes another model of one."""

    work: ClassVar[Kind] = Kind.RESTRUCTURING

    kind: Literal["restructuring"]
    bundle: BundleFolder
    question: Question | None = None
    person: Switch = False
    algo: ImageField | None = None
    data: Samples = ()
    label: TrainLabel = "train"

    def assets(self) -> tuple[Asset, ...]:
        """Without the image that the bundle's own requirements make."""
        return (
            *_image(self.algo, AssetKind.ALGO),
            *_one(self.bundle, AssetKind.BUNDLE),
            *_train(self.data),
            *_imported(self.models),
        )


class AggregationSpec(_ModelTask):
    """One model of several; without an algo by federated averaging."""

    work: ClassVar[Kind] = Kind.AGGREGATION

    kind: Literal["aggregation"]
    algo: ImageField = ImageSpec.model_construct(source=FEDERATED_AVERAGING)
    models: Annotated[tuple[ModelField, ...], Field(max_length=16), AfterValidator(some)]
    rank: Count | None = None

    def assets(self) -> tuple[Asset, ...]:
        return (*_image(self.algo, AssetKind.ALGO), *_imported(self.models))


class AnnotationSpec(TaskPart):
    """What a data annotator finds out about each of the bundle's ``annotation_files/``."""

    work: ClassVar[Kind] = Kind.ANNOTATION
    stages: ClassVar[int] = 1

    kind: Literal["annotation"]
    bundle: BundleFolder
    algo: ImageField | None = None
    person: Switch = False
    annotation_type: AnnotationType
    question: Question
    class_labels: Annotated[tuple[ClassLabel, ...], Field(max_length=256), AfterValidator(some)]
    class_coordinates: Coordinates = Field(default_factory=dict)
    annotation_json: Info = Field(default_factory=dict)

    def assets(self) -> tuple[Asset, ...]:
        """Without the image that the bundle's own requirements make."""
        return (*_image(self.algo, AssetKind.ALGO), Asset(source=self.bundle, kind=AssetKind.BUNDLE))

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return ()


class ScoringSpec(TaskPart):
    work: ClassVar[Kind] = Kind.SCORING
    stages: ClassVar[int] = 2

    kind: Literal["scoring"]
    model: ModelField
    algo: ImageField
    objective: NameOrNumber | None = None
    opener: OpenerSource | None = None
    data: Samples = ()
    label: TrainLabel | None = None
    metrics: ImageField | None = None

    def assets(self) -> tuple[Asset, ...]:
        """Without what comes with the objective."""
        return (
            *_image(self.algo, AssetKind.ALGO),
            *_image(self.metrics, AssetKind.METRIC),
            *_one(self.opener, AssetKind.OPENER),
            *_train(self.data),
            *_imported((self.model,)),
        )

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return (self.model,)


ModelTaskSpec: TypeAlias = TrainingSpec | RestructuringSpec | AggregationSpec
BundleSpec: TypeAlias = AnnotationSpec | TrainingSpec | RestructuringSpec
TaskSpec: TypeAlias = AnnotationSpec | ModelTaskSpec | ScoringSpec
AnySpec: TypeAlias = TaskSpec | ObjectiveSpec

# one line for each kind of document that this version reads
KINDS: dict[str, type[AnySpec]] = {
    "objective": ObjectiveSpec,
    "annotation": AnnotationSpec,
    "training": TrainingSpec,
    "restructuring": RestructuringSpec,
    "scoring": ScoringSpec,
    "aggregation": AggregationSpec,
}


def _image(image: ImageSpec | None, kind: AssetKind) -> list[Asset]:
    return [Asset(source=image.source, kind=kind)] if image is not None else []


def _one(source: Source | None, kind: AssetKind) -> list[Asset]:
    return [Asset(source=source, kind=kind)] if source is not None else []


def _train(samples: Samples) -> list[Asset]:
    return [Asset(source=one, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN) for one in samples]


def _imported(models: tuple[ModelSpec, ...]) -> list[Asset]:
    return [Asset(source=one.source, kind=AssetKind.MODEL) for one in models if one.source is not None]
