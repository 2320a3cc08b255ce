"""YAML models that the kinds of task share: assets, images, models, limits, validation.

The field names are the keys of the YAML. Amounts are base units, durations milliseconds, sizes bytes. Terms are checked
by the packaged runtime's bounds.
"""

import re
from collections.abc import Iterator, Sequence, Set
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    StringConstraints,
    model_validator,
)

from node_runtime.domain.assets import AssetKind, Label
from node_runtime.domain.document import LONGEST, MOST_GPUS, NUMBERS
from node_runtime.domain.function import MOST_OUTPUTS, Identifier
from node_runtime.domain.parameters import Parameters

from .bounds import packaged_bounds
from .fields import (
    AccountAddress,
    Amount,
    Duration,
    FunctionFolder,
    ImageFolder,
    ModelTree,
    Name,
    NameOrNumber,
    Part,
    SampleFolder,
    Size,
    Source,
    Sweep,
)
from .messages import Location
from .permissions import TaskPermissionsSpec

DAY = 86_400_000  # ms
MIB = 1 << 20
_CHAIN = packaged_bounds()
_OTHER_INPUTS = 6  # named beside the samples: algo, opener, metric, models
MAX_SAMPLES = _CHAIN.max_inputs - _OTHER_INPUTS
PREPARING = 600_000  # ms per attempt for fetching inputs and building images, in addition to its containers' time
_IMAGE = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")

Text = Annotated[str, StringConstraints(strict=True)]
Switch = Annotated[bool, Field(strict=True)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]

Conflicts: TypeAlias = Iterator[tuple[Location, str]]
"""Errors in a document of the YAML: the place in it and the reason."""


def named_twice(key: str, values: Sequence[object]) -> Conflicts:
    for index, value in enumerate(values):
        if value in values[:index]:
            yield (key, index), "named twice; once is enough"


def some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("empty; name at least one")
    return values


def _by_digest(image: str) -> str:
    if not _IMAGE.fullmatch(image):
        raise ValueError(f"'{image[:80]}' can change; name the image by its digest, name@sha256:…")
    return image


def _none_or_a_mib(size: int) -> int:
    if 0 < size < MIB:
        raise ValueError("less than 1MiB; write more, or 0MiB for a task without the local folder")
    return size


class AssetSpec(Part):
    """An asset that a document names, with its role. ``label`` is set for data samples."""

    source: Source
    kind: AssetKind
    label: Label | None = None


class LimitsSpec(Part):
    """Resource limits of each container; scratch counts as memory too, local is of a plan's local folder or 0.

    The GPUs are the task's alone while it runs; gpu_memory is what each of them has free at least.
    """

    cpus: Annotated[float, Field(strict=True, gt=0, le=256)] = 1.0
    memory: Annotated[Size, Field(ge=16 * MIB)] = 1024 * MIB
    timeout: Annotated[Duration, Field(ge=2000, le=1000 * LONGEST)] = 900_000
    outputs: Annotated[Size, Field(ge=MIB)] = 256 * MIB
    scratch: Annotated[Size, Field(ge=MIB)] = 256 * MIB
    local: Annotated[Size, AfterValidator(_none_or_a_mib)] = 1024 * MIB
    gpus: Annotated[int, Field(strict=True, ge=0, le=MOST_GPUS)] = 0
    gpu_memory: Annotated[Size, Field(ge=MIB)] | None = None


class ImageSpec(Part):
    """A folder with a Dockerfile, and optionally a prebuilt image by digest."""

    source: ImageFolder
    image: Annotated[Text, AfterValidator(_by_digest)] | None = None
    entrypoint: Annotated[tuple[Text, ...], AfterValidator(some)] | None = None


class FunctionSource(Part):
    """A folder with a Dockerfile and a function.yaml, and optionally a prebuilt image by digest."""

    source: FunctionFolder
    image: Annotated[Text, AfterValidator(_by_digest)] | None = None


class ModelSpec(Part):
    """A model's source: a task (by number, or by name in this file), a submission, or a file or folder."""

    task: NameOrNumber | None = None
    submission: Annotated[int, Field(strict=True, ge=1, lt=NUMBERS)] | None = None
    source: ModelTree | None = None

    @model_validator(mode="after")
    def _one(self) -> "ModelSpec":
        if sum(value is not None for value in (self.task, self.submission, self.source)) != 1:
            raise ValueError("name one model: {task: …}, {submission: …}, or the path of a file or folder")
        return self


class TakenSpec(ModelSpec):
    """A model that a function takes: of a task the output with this identifier, of a submission that at this place."""

    output: Identifier | Annotated[int, Field(strict=True, ge=0, lt=MOST_OUTPUTS)] | None = None

    @model_validator(mode="after")
    def _output_of_a_result(self) -> "TakenSpec":
        if self.output is not None and self.source is not None:
            raise ValueError("a file is no output of a task; leave 'output' out")
        if self.task is not None and isinstance(self.output, int):
            raise ValueError("of a task the output is named by its identifier")
        if self.submission is not None and isinstance(self.output, str):
            raise ValueError("of a submission the output is named by its place among the outputs, from 0")
        return self


class ManualSpec(Part):
    window: Annotated[Duration, Field(ge=1000, le=_CHAIN.max_window)] = DAY


class CustomSpec(Part):
    judge: AccountAddress
    window: Annotated[Duration, Field(ge=1000, le=_CHAIN.max_window)] = DAY


class AutoSpec(Part):
    pass


def _not_yet(value: Any) -> None:
    if value is not None:
        raise ValueError("committees are not there yet; use auto, manual or custom")


class ValidationSpec(Part):
    """The acceptance of results: automatic (auto), by the creator (manual), or by another account (custom)."""

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
    """Expand the short forms: ``auto`` to ``{auto: {}}``, ``{manual: }`` to ``{manual: {}}``."""
    if isinstance(value, str):
        return {value: {}}
    return {key: {} if each is None else each for key, each in value.items()} if isinstance(value, dict) else value


def _text_as_source(value: Any) -> Any:
    return value if isinstance(value, dict) else {"source": value}


ImageField = Annotated[ImageSpec, BeforeValidator(_text_as_source, json_schema_input_type=str | ImageSpec)]
FunctionField = Annotated[FunctionSource, BeforeValidator(_text_as_source, json_schema_input_type=str | FunctionSource)]
ModelField = Annotated[ModelSpec, BeforeValidator(_text_as_source, json_schema_input_type=str | ModelSpec)]
TakenField = Annotated[TakenSpec, BeforeValidator(_text_as_source, json_schema_input_type=str | TakenSpec)]
Validation = Annotated[
    ValidationSpec,
    BeforeValidator(_word_as_mapping, json_schema_input_type=Literal["auto", "manual"] | ValidationSpec),
]


def _few_samples(value: Any) -> Any:
    """Refuse more samples than a task's inputs on chain have room for."""
    if isinstance(value, list) and len(value) > MAX_SAMPLES:
        raise ValueError(
            f"a task has at most {MAX_SAMPLES} samples, here are {len(value)}; put the files of several samples into "
            "one folder each, or make several tasks of it"
        )
    return value


Samples = Annotated[tuple[SampleFolder, ...], BeforeValidator(_few_samples), Field(max_length=MAX_SAMPLES)]


class TaskPart(Part):
    """The keys common to every kind of task."""

    name: Name
    reward: Annotated[Amount, Field(gt=0)]
    bond: Amount | None = None
    slots: Annotated[Count, Field(ge=1)] = 1
    max_rejects: Count | None = None
    max_failures: Annotated[Count, Field(ge=1)] | None = None
    assign_to: AccountAddress | None = None
    validation: Validation = ValidationSpec(auto=AutoSpec())
    deadline: Annotated[Duration, Field(ge=10_000)] = DAY
    limits: LimitsSpec = LimitsSpec()
    parameters: Parameters | None = None
    permissions: TaskPermissionsSpec | None = None
    sweep: Sweep | None = None

    _inherited: frozenset[str] = PrivateAttr(default=frozenset())

    def inheriting(self, names: Set[str]) -> Self:
        """Return the task with these of its parameters known as those of a swept task that it refers to."""
        made = self.model_copy()
        made._inherited = frozenset(names)
        return made

    @property
    def failures(self) -> int:
        """The number of accounts whose failure reports pause the task: above one unless only one may work."""
        if self.max_failures is not None:
            return self.max_failures
        return 2 if self.assign_to is None else 1

    @property
    def rejects(self) -> int:
        """The number of prepaid rejections. The last one closes its slot, so two allow a second attempt."""
        if self.max_rejects is not None:
            return self.max_rejects
        return 0 if self.validation.auto is not None else 2 * self.slots

    @property
    def worker_bond(self) -> int:
        """The worker's bond: the most that a rejection costs the worker unless the creator sets another."""
        return self.bond if self.bond is not None else max(_CHAIN.min_bond, _CHAIN.rejection(self.reward))
