"""The YAML model of an objective, and of what may go into the models that are certified for it."""

from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from node_runtime.domain.assets import AssetKind, Direction, Label
from node_runtime.domain.units import LARGEST_NUMBER, from_fixed, to_fixed

from .common import AssetSpec, Conflicts, Samples, named_twice, some
from .fields import ImageFolder, Name, OpenerSource, Part, TestLabel
from .function_file import declares_function
from .permissions import AdmitsSpec, PermissionsSpec


def tolerance_number(value: Any) -> Decimal:
    """Convert a tolerance as written in the YAML to the chain's decimal."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number; write how far two scores of one model may lie apart, e.g. 0.005")
    if not abs(value) <= LARGEST_NUMBER:
        raise ValueError(f"{value} is more than scores can lie apart; write e.g. 0.005")
    return from_fixed(to_fixed(Decimal(repr(value))))


class ObjectiveSpec(Part):
    """A benchmark of models: no training that names it may use its Test samples."""

    kind: Literal["objective"]
    name: Name
    metric: ImageFolder
    opener: OpenerSource
    samples: Annotated[Samples, AfterValidator(some)]
    label: TestLabel = "test"
    direction: Direction = Direction.HIGHER
    tolerance: Annotated[Decimal, BeforeValidator(tolerance_number, json_schema_input_type=float), Field(ge=0)] = (
        Decimal(0)
    )
    admits: AdmitsSpec | None = None
    permissions: PermissionsSpec | None = None

    @cached_property
    def metric_kind(self) -> AssetKind:
        """A folder that declares inputs and outputs is a function, which scores predictions of other functions."""
        declares = isinstance(self.metric, Path) and declares_function(self.metric)
        return AssetKind.FUNCTION if declares else AssetKind.METRIC

    def assets(self) -> tuple[AssetSpec, ...]:
        samples = [AssetSpec(source=one, kind=AssetKind.DATA_SAMPLE, label=Label.TEST) for one in self.samples]
        metric = AssetSpec(source=self.metric, kind=self.metric_kind)
        return (metric, AssetSpec(source=self.opener, kind=AssetKind.OPENER), *samples)

    def conflicts(self) -> Conflicts:
        """Yield conflicts between keys."""
        yield from named_twice("samples", self.samples)
