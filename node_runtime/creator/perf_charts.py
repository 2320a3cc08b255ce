"""Charts in a perf.json: a confusion matrix, ROC curves and learning curves under well-known keys.

The file is untrusted: what is not a chart of its kind, or too large for a picture, is left out with the reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, JsonValue, TypeAdapter, ValidationError, model_validator

from node_runtime.kinds.perf import FILE_NAME

CONFUSION = "confusion_matrix"
LABELS = "labels"
ROC = "roc"
LEARNING = "learning_curves"
MOST_CLASSES = 64
MOST_CURVES = 16
MOST_POINTS = 10_000
_LONGEST = 40  # characters of a name in a picture

_Label: TypeAlias = Annotated[str, Field(max_length=_LONGEST)]
_Points = Annotated[tuple[FiniteFloat, ...], Field(min_length=1, max_length=MOST_POINTS)]
_Rates = Annotated[tuple[Annotated[float, Field(ge=0, le=1)], ...], Field(min_length=2, max_length=MOST_POINTS)]
_Counts = Annotated[tuple[Annotated[float, Field(ge=0, le=1e15)], ...], Field(max_length=MOST_CLASSES)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class _RocCurve(_Part):
    fpr: _Rates
    tpr: _Rates

    @model_validator(mode="after")
    def _pairs(self) -> "_RocCurve":
        if len(self.fpr) != len(self.tpr):
            raise ValueError("as many fpr as tpr are needed")
        return self


_MATRIX = TypeAdapter(Annotated[tuple[_Counts, ...], Field(min_length=1, max_length=MOST_CLASSES)])
_NAMES = TypeAdapter(Annotated[tuple[_Label, ...], Field(max_length=MOST_CLASSES)])
_ROCS = TypeAdapter(Annotated[dict[_Label, _RocCurve], Field(min_length=1, max_length=MOST_CURVES)])
_CURVES = TypeAdapter(Annotated[dict[_Label, _Points], Field(min_length=1, max_length=MOST_CURVES)])


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """Counts by true class (rows) and predicted class (columns)."""

    labels: tuple[str, ...]
    counts: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Curve:
    """``name`` is empty where there is only one."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Charts:
    """What a perf.json has to draw; ``troubles`` are the reasons for what was left out."""

    confusion: Confusion | None = None
    roc: tuple[Curve, ...] = ()
    learning: tuple[Curve, ...] = ()
    troubles: tuple[str, ...] = ()


def charts_of(perf: Mapping[str, JsonValue]) -> Charts:
    """Return the charts under the well-known keys of a perf.json."""
    charts = Charts()
    for key, read in ((CONFUSION, _confusion), (ROC, _roc), (LEARNING, _learning)):
        try:
            charts = read(charts, perf) if key in perf else charts
        except ValueError as error:
            trouble = f"{FILE_NAME}: {key} can't be drawn: {_reason(error)}"
            charts = replace(charts, troubles=(*charts.troubles, trouble))
    return charts


def _confusion(charts: Charts, perf: Mapping[str, JsonValue]) -> Charts:
    counts = _MATRIX.validate_python(_tupled(perf[CONFUSION]))
    if any(len(row) != len(counts) for row in counts):
        raise ValueError("it is not square")
    labels = _NAMES.validate_python(_tupled(perf.get(LABELS, [])), strict=True) or tuple(map(str, range(len(counts))))
    if len(labels) != len(counts):
        raise ValueError(f"{len(labels)} {LABELS} for {len(counts)} classes")
    return replace(charts, confusion=Confusion(labels=labels, counts=counts))


def _roc(charts: Charts, perf: Mapping[str, JsonValue]) -> Charts:
    given = perf[ROC]
    alone = isinstance(given, dict) and "fpr" in given
    curves = _ROCS.validate_python(_tupled({"": given} if alone else given))
    return replace(charts, roc=tuple(Curve(name=name, x=one.fpr, y=one.tpr) for name, one in curves.items()))


def _learning(charts: Charts, perf: Mapping[str, JsonValue]) -> Charts:
    curves = _CURVES.validate_python(_tupled(perf[LEARNING]), strict=True)
    made = (Curve(name=name, x=tuple(map(float, range(1, len(y) + 1))), y=y) for name, y in curves.items())
    return replace(charts, learning=tuple(made))


def _tupled(value: JsonValue) -> object:
    """Return the value with lists as tuples, which strict validation takes."""
    if isinstance(value, list):
        return tuple(map(_tupled, value))
    if isinstance(value, dict):
        return {name: _tupled(member) for name, member in value.items()}
    return value


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else first["msg"]
