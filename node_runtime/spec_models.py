"""What may stand in each kind of document of a task YAML? One frozen model a kind, see `KINDS`.

The keys are those a creator writes. Amounts are base units, durations milliseconds, sizes bytes.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from node_runtime.spec_fields import (
    AccountAddress,
    Amount,
    Duration,
    ImageFolder,
    ModelTree,
    Name,
    NameOrNumber,
    OpenerSource,
    SampleFolder,
    Size,
    Source,
    TestLabel,
    TrainLabel,
)
from node_runtime.task import MICRO, UNIT, AssetKind, Direction, Kind, Label

DAY = 86_400_000  # ms
MIB = 1 << 20
SMALLEST_BOND = UNIT // 10
MAX_SAMPLES = 250  # the chain takes 256 inputs
PREPARING = 600_000  # ms of an attempt for fetching inputs and building images, beside its containers' time
_IMAGE = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")

Text = Annotated[str, StringConstraints(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("empty; name at least one")
    return values


def _by_digest(image: str) -> str:
    if not _IMAGE.fullmatch(image):
        raise ValueError(f"'{image[:80]}' can change; name the image by its digest, name@sha256:…")
    return image


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Asset(_Part):
    """An asset that a document names, and as what. ``label`` is set for data samples."""

    source: Source
    kind: AssetKind
    label: Label | None = None


class LimitsSpec(_Part):
    """What each container may use."""

    cpus: Annotated[float, Field(strict=True, gt=0, le=256)] = 1.0
    memory: Annotated[Size, Field(ge=16 * MIB)] = 1024 * MIB
    timeout: Annotated[Duration, Field(ge=2000)] = 900_000
    outputs: Annotated[Size, Field(ge=MIB)] = 256 * MIB


class ImageSpec(_Part):
    """A folder with a Dockerfile, and optionally the ready image by digest."""

    source: ImageFolder
    image: Annotated[Text, AfterValidator(_by_digest)] | None = None
    entrypoint: Annotated[tuple[Text, ...], AfterValidator(_some)] | None = None


class ModelSpec(_Part):
    """A model: of an earlier task (its number, or its name in this file), of a submission, or a file or folder."""

    task: NameOrNumber | None = None
    submission: Annotated[int, Field(strict=True, ge=1)] | None = None
    source: ModelTree | None = None

    @model_validator(mode="after")
    def _one(self) -> "ModelSpec":
        if sum(value is not None for value in (self.task, self.submission, self.source)) != 1:
            raise ValueError("name one model: {task: …}, {submission: …}, or the path of a file or folder")
        return self


class ManualSpec(_Part):
    window: Annotated[Duration, Field(ge=1000, le=30 * DAY)] = DAY


class CustomSpec(_Part):
    judge: AccountAddress
    window: Annotated[Duration, Field(ge=1000, le=30 * DAY)] = DAY


class AutoSpec(_Part):
    pass


def _not_yet(value: Any) -> None:
    if value is not None:
        raise ValueError("committees are not there yet; use auto, manual or custom")


class ValidationSpec(_Part):
    """Who accepts results: nobody has to (auto), the creator (manual), or another account (custom)."""

    auto: AutoSpec | None = None
    manual: ManualSpec | None = None
    custom: CustomSpec | None = None
    committee: Annotated[None, BeforeValidator(_not_yet)] = None

    @model_validator(mode="after")
    def _one(self) -> "ValidationSpec":
        if sum(one is not None for one in (self.auto, self.manual, self.custom)) != 1:
            raise ValueError("name one of auto, manual and custom")
        return self


def _word_as_mapping(value: Any) -> Any:
    """``auto`` for ``{auto: {}}``, ``{manual: }`` for ``{manual: {}}``."""
    if isinstance(value, str):
        return {value: {}}
    return {key: {} if each is None else each for key, each in value.items()} if isinstance(value, dict) else value


def _text_as_source(value: Any) -> Any:
    return value if isinstance(value, dict) else {"source": value}


def _micro_units(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number; write how far two scores of one model may lie apart, e.g. 0.005")
    return int((Decimal(repr(value)) * MICRO).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


ImageField = Annotated[ImageSpec, BeforeValidator(_text_as_source)]
ModelField = Annotated[ModelSpec, BeforeValidator(_text_as_source)]
Samples = Annotated[tuple[SampleFolder, ...], Field(max_length=MAX_SAMPLES)]


class ObjectiveSpec(_Part):
    """What models are measured by: its Test samples are kept out of every training that names it."""

    kind: Literal["objective"]
    name: Name
    metric: ImageFolder
    opener: OpenerSource
    samples: Annotated[Samples, AfterValidator(_some)]
    label: TestLabel = "test"
    direction: Direction = Direction.HIGHER
    tolerance: Annotated[int, BeforeValidator(_micro_units), Field(ge=0, lt=2**63)] = 0  # micro-units

    def assets(self) -> tuple[Asset, ...]:
        samples = [Asset(source=one, kind=AssetKind.DATA_SAMPLE, label=Label.TEST) for one in self.samples]
        metric = Asset(source=self.metric, kind=AssetKind.METRIC)
        return (metric, Asset(source=self.opener, kind=AssetKind.OPENER), *samples)


class _TaskPart(_Part):
    """The keys that every kind of task has."""

    name: Name
    reward: Annotated[Amount, Field(gt=0)]
    bond: Amount | None = None
    slots: Annotated[Count, Field(ge=1)] = 1
    max_rejects: Count | None = None
    max_failures: Annotated[Count, Field(ge=1)] = 1
    assign_to: AccountAddress | None = None
    validation: Annotated[ValidationSpec, BeforeValidator(_word_as_mapping)] = ValidationSpec(auto=AutoSpec())
    deadline: Annotated[Duration, Field(ge=10_000)] = DAY
    limits: LimitsSpec = LimitsSpec()

    @property
    def rejects(self) -> int:
        """How many rejections are paid for beforehand. The last closes its slot, so two leave room for a second try."""
        if self.max_rejects is not None:
            return self.max_rejects
        return 0 if self.validation.auto is not None else 2 * self.slots

    @property
    def worker_bond(self) -> int:
        """A tenth of the reward unless the creator says otherwise: what a rejection can cost the worker."""
        return self.bond if self.bond is not None else max(SMALLEST_BOND, -(-self.reward // 10))


class TrainingSpec(_TaskPart):
    work: ClassVar[Kind] = Kind.TRAINING
    stages: ClassVar[int] = 1

    kind: Literal["training"]
    algo: ImageField
    opener: OpenerSource | None = None
    data: Annotated[Samples, AfterValidator(_some)]
    label: TrainLabel = "train"
    models: Annotated[tuple[ModelField, ...], Field(max_length=16)] = ()
    objectives: Annotated[tuple[NameOrNumber, ...], Field(max_length=4)] = ()
    rank: Count | None = None

    def assets(self) -> tuple[Asset, ...]:
        return (
            Asset(source=self.algo.source, kind=AssetKind.ALGO),
            *([Asset(source=self.opener, kind=AssetKind.OPENER)] if self.opener is not None else []),
            *(Asset(source=one, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN) for one in self.data),
            *_imported(self.models),
        )

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return self.models


class ScoringSpec(_TaskPart):
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
            Asset(source=self.algo.source, kind=AssetKind.ALGO),
            *([Asset(source=self.metrics.source, kind=AssetKind.METRIC)] if self.metrics is not None else []),
            *([Asset(source=self.opener, kind=AssetKind.OPENER)] if self.opener is not None else []),
            *(Asset(source=one, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN) for one in self.data),
            *_imported((self.model,)),
        )

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return (self.model,)


TaskSpec: TypeAlias = TrainingSpec | ScoringSpec
AnySpec: TypeAlias = TaskSpec | ObjectiveSpec

# one line for each kind of document that this version reads
KINDS: dict[str, type[AnySpec]] = {"objective": ObjectiveSpec, "training": TrainingSpec, "scoring": ScoringSpec}


def _imported(models: tuple[ModelSpec, ...]) -> list[Asset]:
    return [Asset(source=one.source, kind=AssetKind.MODEL) for one in models if one.source is not None]
