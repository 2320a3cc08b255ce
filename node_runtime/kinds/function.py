"""The kind `function`: a program that declares its inputs and outputs (Substra 1.0), in the layout ``substra``."""

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PrivateAttr, model_validator

from node_runtime.domain.assets import AssetKind, AssetRef, Label, Objective
from node_runtime.domain.document import AssetKey, Document, Image, Number, Role, asset_ref, single_role
from node_runtime.domain.function import Identifier, Signature, misfits, sound
from node_runtime.domain.parameters import ROUND
from node_runtime.domain.task import OutputRole
from node_runtime.errors import InputError
from node_runtime.kinds.base import (
    Resolved,
    TaskKind,
    TaskSpec,
    imported_models,
    limits_of,
    mismatch,
    single_asset,
    train_samples,
)
from node_runtime.kinds.layouts import substra
from node_runtime.kinds.perf import FILE_NAME as PERF
from node_runtime.kinds.stage import Inputs, Stage
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.spec.common import (
    AssetSpec,
    Conflicts,
    Count,
    FunctionField,
    ModelSpec,
    Samples,
    Switch,
    TakenField,
    named_twice,
    some,
)
from node_runtime.spec.fields import NameOrNumber, OpenerSource, TrainLabel
from node_runtime.spec.function_file import SignatureRefused, read_signature
from node_runtime.spec.messages import Location

_CHAIN = packaged_bounds()
_FROM_OBJECTIVE = ("opener", "data", "objectives")


def _one_as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else (value,)


Taken = Annotated[
    tuple[TakenField, ...],
    BeforeValidator(_one_as_list, json_schema_input_type=TakenField | tuple[TakenField, ...]),
    AfterValidator(some),
]


class FunctionSpec(TaskSpec):
    """The YAML model. An ``objective`` brings opener and Test samples: its predictions, and their certified score."""

    kind_name: ClassVar[str] = "function"

    kind: Literal["function"]
    layout: Literal["substra"] = "substra"
    function: FunctionField
    opener: OpenerSource | None = None
    data: Samples = ()
    label: TrainLabel = "train"
    inputs: dict[Identifier, Taken] = Field(default_factory=dict)
    keep: Switch = True
    objective: NameOrNumber | None = None
    objectives: Annotated[tuple[NameOrNumber, ...], Field(max_length=_CHAIN.max_objectives)] = ()
    rank: Count | None = None

    _registered: Signature | None = PrivateAttr(default=None)

    @property
    def signature(self) -> Signature | None:
        """What its function declares; None for a registered one as long as that isn't read."""
        return self.local_signature if self._registered is None else self._registered

    @cached_property
    def local_signature(self) -> Signature | None:
        source = self.function.source
        return read_signature(source) if isinstance(source, Path) else None

    def with_signature(self, signature: Signature, /) -> Self:
        made = self.model_copy()
        made._registered = signature
        return made

    @property
    def undeclared(self) -> AssetRef | None:
        source = self.function.source
        return source if isinstance(source, AssetRef) and self._registered is None else None

    @property
    def taken(self) -> tuple[tuple[str, int], ...]:
        """The models' inputs in the declared order, unknown ones last: identifiers, and the place in its list."""
        declared = [one.id for one in self.signature.model_inputs] if self.signature is not None else []
        names = [*(one for one in declared if one in self.inputs), *(one for one in self.inputs if one not in declared)]
        return tuple((name, index) for name in names for index, _ in enumerate(self.inputs[name]))

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return tuple(self.inputs[name][index] for name, index in self.taken)

    def model_location(self, index: int) -> Location:
        return ("inputs", *self.taken[index])

    @property
    def objective_names(self) -> tuple[tuple[Location, NameOrNumber], ...]:
        if self.objective is not None:
            return ((("objective",), self.objective),)
        return tuple((("objectives", index), name) for index, name in enumerate(self.objectives))

    @property
    def measured_by(self) -> NameOrNumber | None:
        return self.objective

    @property
    def scored_for(self) -> NameOrNumber | None:
        return self.objective

    @property
    def learns_from(self) -> Samples:
        return self.data

    def assets(self) -> tuple[AssetSpec, ...]:
        """Return the task's own assets, without those of the objective."""
        return (
            AssetSpec(source=self.function.source, kind=AssetKind.FUNCTION),
            *single_asset(self.opener, AssetKind.OPENER),
            *train_samples(self.data),
            *imported_models(self.needed_models),
        )

    def conflicts(self) -> Conflicts:
        for key in ("data", "objectives"):
            yield from named_twice(key, getattr(self, key))
        for name, models in self.inputs.items():
            yield from ((("inputs", *place), reason) for place, reason in named_twice(name, models))
        if "local" in self.limits.model_fields_set and self.limits.local:
            yield (
                ("limits", "local"),
                "a function sees no local folder of its plan; leave it out, and keep what stays on the node in an "
                "output with 'private: true'",
            )
        if self.objective is not None:
            for key in _FROM_OBJECTIVE:
                if getattr(self, key):
                    yield (key,), f"'{key}' comes with the objective; leave it out, or leave 'objective' out"
        if self.signature is not None:
            yield from self._misfits(self.signature)
        for index, model in enumerate(self.needed_models):
            if isinstance(model.source, Path) and not model.source.is_file():
                yield self.model_location(index), f"{model.source} is a folder; a function takes a model as one file"

    def _misfits(self, signature: Signature) -> Conflicts:
        brought = self.objective is not None
        if not self.keep and not signature.models:
            yield ("keep",), "the function makes no model; leave it out"
        if brought and signature.performances and (unseen := self._unseen_parameters()):
            yield (
                ("parameters",),
                f"a certified score is the objective's alone, whose metric is given no parameters: leave out {unseen}; "
                f"only '{ROUND}' may stand here, for tables of performances",
            )
        if brought and signature.performances and self.function.image is not None:
            yield ("function", "image"), "an objective's metric runs as it is registered; leave the image out"
        samples = None if brought else len(self.data)
        models = [name for name, _ in self.taken]
        yield from misfits(signature, opener=brought or self.opener is not None, samples=samples, models=models)

    def _unseen_parameters(self) -> str:
        """Return the parameters that a program which is given none would miss."""
        own = (self.parameters or {}).keys() - self._inherited - {ROUND}
        return ", ".join(f"'{one}'" for one in sorted(own))


class FunctionDocument(Document):
    """``takes`` names the input of each model. With an ``objective`` opener and samples are that's."""

    kind: Literal["function"] = "function"
    layout: Literal["substra"] = "substra"
    opener: AssetKey | None = None
    signature: Annotated[Signature, AfterValidator(sound)]
    takes: tuple[Identifier, ...] = ()
    objective: Number | None = None
    rank: Number | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.takes) != len(self.models):
            raise ValueError(f"{len(self.models)} models, but the inputs of {len(self.takes)}")
        scores = self.objective is not None and bool(self.signature.performances)
        if scores and self.algo is not None and (self.algo.image or self.algo.entrypoint is not None):
            raise ValueError("an objective's metric runs as it is registered, without image or entrypoint")
        opener = self.opener is not None
        for _, reason in misfits(self.signature, opener=opener, samples=len(self.data), models=self.takes):
            raise ValueError(reason)
        return self

    @property
    def program_kind(self) -> AssetKind:
        return AssetKind.FUNCTION

    @property
    def measured_by(self) -> int | None:
        return self.objective

    @property
    def scored_for(self) -> frozenset[int] | None:
        return None if self.objective is None else frozenset({self.objective})

    @property
    def sample_label(self) -> Label:
        return Label.TRAIN if self.objective is None else Label.TEST

    def own_roles(self) -> tuple[Role, ...]:
        return single_role(AssetKind.OPENER, self.opener)

    def declared_outputs(self) -> tuple[OutputRole, ...]:
        return self.signature.roles


def _compose(spec: FunctionSpec, resolved: Resolved) -> FunctionDocument:
    assert spec.signature is not None  # read from its folder, or from storage before the task is made
    objective = resolved.objective
    opener = resolved.key(spec.opener) if spec.opener is not None else None
    data = resolved.keys(spec.data)
    source = resolved.key(spec.function.source)
    if objective is not None:
        opener = str(AssetRef(owner=objective.owner, digest=objective.opener))
        data = tuple(str(AssetRef(owner=objective.owner, digest=sample)) for sample in objective.samples)
        source = _measure(source, objective)
        for _, reason in misfits(spec.signature, opener=True, samples=len(data), models=[one for one, _ in spec.taken]):
            raise InputError(f"{spec.name}: {reason}", remedy="compare the objective with the function's function.yaml")
    return FunctionDocument(
        name=spec.name,
        algo=Image(source=source, image=spec.function.image),
        opener=opener,
        data=data,
        models=tuple(resolved.models),
        signature=spec.signature,
        takes=tuple(name for name, _ in spec.taken),
        objective=objective.id if objective is not None else None,
        rank=resolved.rank,
        limits=limits_of(spec.limits),
    )


def _measure(source: AssetKey, objective: Objective) -> AssetKey:
    """Return the objective's own metric for a function of the same bytes: only that one certifies a score."""
    is_metric = asset_ref(source).digest == objective.metric
    return str(AssetRef(owner=objective.owner, digest=objective.metric)) if is_metric else source


def _declared_models(spec: FunctionSpec) -> dict[str, int]:
    return spec.signature.models if spec.signature is not None else {}


def _private_models(spec: FunctionSpec) -> frozenset[str]:
    outputs = spec.signature.outputs if spec.signature is not None else ()
    return frozenset(one.id for one in outputs if one.private)


def _stages(document: FunctionDocument, inputs: Inputs) -> tuple[Stage, ...]:
    """Return one stage, after a comparison of the document with what the function's folder declares."""
    if inputs.algo is not None:
        try:
            declared = read_signature(inputs.algo.folder)
        except SignatureRefused as refused:
            raise mismatch(f"function {inputs.algo.digest}: {refused}") from refused
        if declared != document.signature:
            raise mismatch(f"the task declares other inputs or outputs than its function {inputs.algo.digest}")
    stage = substra.stage(document, document.signature, document.takes, document.rank or 0, inputs)
    scores = document.objective is not None and bool(document.signature.performances)
    return (replace(stage, own_program=not scores),)


KIND = TaskKind(
    name=FunctionSpec.kind_name,
    spec=FunctionSpec,
    document=FunctionDocument,
    compose=_compose,
    layouts={"substra": _stages},
    makes_model=True,
    declared_models=_declared_models,
    private_models=_private_models,
    may_leave_node=frozenset({PERF}),
)
