"""A function's declaration: the typed inputs and outputs of a program in the layout ``substra`` (Substra 1.0).

Identifiers become names of files, of outputs and of numbers on chain.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from .task import OutputKind, OutputRole

FILE_NAME = "function.yaml"  # at the top of a function's folder
OPENER = "opener"
SAMPLES = "datasamples"
_HIDDEN = "chainkeys"  # substratools keeps an input of this name from its function
_BESIDE = ("logs", "perf.json", "result.json")  # beside the outputs in a fetched result
MOST_INPUTS = 64
MOST_OUTPUTS = 8  # the chain's MaxRoles

Identifier = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$")]
Faults: TypeAlias = Iterator[tuple[tuple[str | int, ...], str]]
"""Reasons with their places: keys and indices, as in pydantic's errors."""


class InputKind(StrEnum):
    DATA_MANAGER = "data_manager"
    DATA_SAMPLE = "data_sample"
    MODEL = "model"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class FunctionInput(_Part):
    id: Identifier
    kind: InputKind
    multiple: Annotated[bool, Field(strict=True)] = False
    optional: Annotated[bool, Field(strict=True)] = False


class FunctionOutput(_Part):
    """``private``: a model that stays on the node that made it, as a composite's head does."""

    id: Identifier
    kind: OutputKind
    private: Annotated[bool, Field(strict=True)] = False


class Signature(_Part):
    """What a function takes and makes, in the order in which its program is told."""

    inputs: Annotated[tuple[FunctionInput, ...], Field(max_length=MOST_INPUTS)] = ()
    outputs: Annotated[tuple[FunctionOutput, ...], Field(max_length=MOST_OUTPUTS)]

    @property
    def opener(self) -> FunctionInput | None:
        return self._first(InputKind.DATA_MANAGER)

    @property
    def samples(self) -> FunctionInput | None:
        return self._first(InputKind.DATA_SAMPLE)

    @property
    def model_inputs(self) -> tuple[FunctionInput, ...]:
        return tuple(one for one in self.inputs if one.kind is InputKind.MODEL)

    @property
    def models(self) -> dict[str, int]:
        """The models with their places among the outputs."""
        return {one.id: place for place, one in enumerate(self.outputs) if one.kind is OutputKind.MODEL}

    @property
    def performances(self) -> tuple[str, ...]:
        return tuple(one.id for one in self.outputs if one.kind is OutputKind.PERFORMANCE)

    @property
    def roles(self) -> tuple[OutputRole, ...]:
        """The outputs as the chain records them."""
        return tuple(OutputRole(name=one.id, kind=one.kind, private=one.private) for one in self.outputs)

    def faults(self) -> Faults:
        """Yield what each part allows and their combination doesn't."""
        if not self.outputs:
            yield ("outputs",), "empty; a function makes at least one model or performance"
        for key, parts in (("inputs", self.inputs), ("outputs", self.outputs)):
            yield from _named_twice(key, parts)
        for index, one in enumerate(self.inputs):
            yield from (((("inputs", index, *place)), reason) for place, reason in _input_faults(one))
        for index, made in enumerate(self.outputs):
            if made.id.lower() in _BESIDE:
                yield ("outputs", index, "id"), f"'{made.id}' is a file beside the outputs of a result; rename it"
            if made.private and made.kind is OutputKind.PERFORMANCE:
                yield ("outputs", index, "private"), "a performance goes on chain; only a model can stay on its node"

    def _first(self, kind: InputKind) -> FunctionInput | None:
        return next((one for one in self.inputs if one.kind is kind), None)


def misfits(signature: Signature, *, opener: bool, samples: int | None, models: Sequence[str]) -> Faults:
    """Yield how a task's inputs differ from what its function takes, by the keys of its YAML.

    ``samples`` is None where an objective brings them, ``models`` are the identifiers of its models' inputs.
    """
    if opener and signature.opener is None:
        yield ("opener",), "the function takes no opener; leave it out"
    if not opener and signature.opener is not None and not signature.opener.optional:
        yield (), "key 'opener' is missing; the function takes one"
    yield from (((("data",)), reason) for reason in _sample_misfits(signature.samples, samples))
    names = [one.id for one in signature.model_inputs]
    for one in dict.fromkeys(models):
        if one not in names:
            yield ("inputs", one), f"the function takes no model '{one}'; {_known(names)}"
    for taken in signature.model_inputs:
        given = list(models).count(taken.id)
        if not given and not taken.optional:
            yield ("inputs",), f"the function's input '{taken.id}' is missing; name a model for it"
        if given > 1 and not taken.multiple:
            yield ("inputs", taken.id), f"the function takes one model as '{taken.id}', {given} are named"


def _sample_misfits(taken: FunctionInput | None, samples: int | None) -> Iterator[str]:
    if taken is None and samples != 0:
        yield "the function takes no data samples; leave them out"
    if taken is not None and samples == 0 and not taken.optional:
        yield "the function takes data samples; name at least one"
    if taken is not None and not taken.multiple and (samples or 0) > 1:
        yield f"the function takes one data sample, {samples} are named"


def _known(names: Sequence[str]) -> str:
    return f"known are: {', '.join(names)}" if names else "it takes none"


def sound(signature: Signature) -> Signature:
    """Return the signature. Raises `ValueError` for the first fault."""
    for place, reason in signature.faults():
        raise ValueError(f"{'.'.join(map(str, place))}: {reason}")
    return signature


def _named_twice(key: str, parts: Sequence[FunctionInput | FunctionOutput]) -> Faults:
    names = [one.id.lower() for one in parts]  # some file systems don't tell cases apart
    for index, one in enumerate(parts):
        if one.id.lower() in names[:index]:
            yield (key, index, "id"), f"'{one.id}' is named twice; give each its own identifier"


def _input_faults(one: FunctionInput) -> Faults:
    wanted = {InputKind.DATA_MANAGER: OPENER, InputKind.DATA_SAMPLE: SAMPLES}.get(one.kind)
    if wanted is not None and one.id != wanted:
        yield ("id",), f"an input of kind {one.kind} has the identifier '{wanted}'"
    if wanted is None and one.id in (OPENER, SAMPLES, _HIDDEN):
        yield ("id",), f"'{one.id}' has a meaning of its own to substratools; give the model another identifier"
    if one.kind is InputKind.DATA_MANAGER and one.multiple:
        yield ("multiple",), "a task has one opener; leave 'multiple' out"
