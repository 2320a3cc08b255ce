"""What do the kinds of document of a task YAML share? Images, models, limits, validation, and what every task says.

The keys are those a creator writes. Amounts are base units, durations milliseconds, sizes bytes.
"""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from node_runtime.spec_fields import (
    AccountAddress,
    Amount,
    Duration,
    ImageFolder,
    ModelTree,
    Name,
    NameOrNumber,
    SampleFolder,
    Size,
    Source,
)
from node_runtime.task import MICRO, UNIT, AssetKind, Label

DAY = 86_400_000  # ms
MIB = 1 << 20
LARGEST_TOLERANCE = 10**12  # in micro-units still a number that the chain holds
SMALLEST_BOND = UNIT // 10
MAX_SAMPLES = 250  # the chain takes 256 inputs
PREPARING = 600_000  # ms of an attempt for fetching inputs and building images, beside its containers' time
_IMAGE = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")

Text = Annotated[str, StringConstraints(strict=True)]
Switch = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]


def some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("empty; name at least one")
    return values


def _by_digest(image: str) -> str:
    if not _IMAGE.fullmatch(image):
        raise ValueError(f"'{image[:80]}' can change; name the image by its digest, name@sha256:…")
    return image


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Asset(Part):
    """An asset that a document names, and as what. ``label`` is set for data samples."""

    source: Source
    kind: AssetKind
    label: Label | None = None


class LimitsSpec(Part):
    """What each container may use."""

    cpus: Annotated[float, Field(strict=True, gt=0, le=256)] = 1.0
    memory: Annotated[Size, Field(ge=16 * MIB)] = 1024 * MIB
    timeout: Annotated[Duration, Field(ge=2000)] = 900_000
    outputs: Annotated[Size, Field(ge=MIB)] = 256 * MIB


class ImageSpec(Part):
    """A folder with a Dockerfile, and optionally the ready image by digest."""

    source: ImageFolder
    image: Annotated[Text, AfterValidator(_by_digest)] | None = None
    entrypoint: Annotated[tuple[Text, ...], AfterValidator(some)] | None = None


class ModelSpec(Part):
    """A model: of an earlier task (its number, or its name in this file), of a submission, or a file or folder."""

    task: NameOrNumber | None = None
    submission: Annotated[int, Field(strict=True, ge=1)] | None = None
    source: ModelTree | None = None

    @model_validator(mode="after")
    def _one(self) -> "ModelSpec":
        if sum(value is not None for value in (self.task, self.submission, self.source)) != 1:
            raise ValueError("name one model: {task: …}, {submission: …}, or the path of a file or folder")
        return self


class ManualSpec(Part):
    window: Annotated[Duration, Field(ge=1000, le=30 * DAY)] = DAY


class CustomSpec(Part):
    judge: AccountAddress
    window: Annotated[Duration, Field(ge=1000, le=30 * DAY)] = DAY


class AutoSpec(Part):
    pass


def _not_yet(value: Any) -> None:
    if value is not None:
        raise ValueError("committees are not there yet; use auto, manual or custom")


class ValidationSpec(Part):
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


def micro_units(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number; write how far two scores of one model may lie apart, e.g. 0.005")
    if abs(value) >= LARGEST_TOLERANCE:
        raise ValueError(f"{value} is more than scores can lie apart; write e.g. 0.005")
    return int((Decimal(repr(value)) * MICRO).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


ImageField = Annotated[ImageSpec, BeforeValidator(_text_as_source)]
ModelField = Annotated[ModelSpec, BeforeValidator(_text_as_source)]
Samples = Annotated[tuple[SampleFolder, ...], Field(max_length=MAX_SAMPLES)]


class TaskPart(Part):
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
