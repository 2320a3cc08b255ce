"""TaskKind, the definition of one kind of task, and TaskSpec, the base of its YAML model.

`ModelTaskSpec` has the keys and checks common to the kinds that make a model.
"""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Generic, Self, TypeAlias, TypeVar

from pydantic import Field

from node_runtime.domain.assets import AssetKind, AssetRef, Label, Objective
from node_runtime.domain.document import AssetKey, Document, Image, Limits, ModelOf
from node_runtime.domain.function import Signature
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds.stage import Inputs, Stage
from node_runtime.ports.chain import Named
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.spec.common import (
    AssetSpec,
    Conflicts,
    ImageSpec,
    LimitsSpec,
    ModelField,
    ModelSpec,
    Samples,
    Switch,
    TaskPart,
    named_twice,
)
from node_runtime.spec.fields import NameOrNumber, Source
from node_runtime.spec.messages import Location

if TYPE_CHECKING:
    from node_runtime.kinds.annotation.definition import Annotation  # that package imports this module

_CHAIN = packaged_bounds()
SUBMIT_AGAIN = "the creator has to submit the task again with `node-runtime submit`"

RefOf: TypeAlias = Callable[[Source], AssetRef]
"""Maps a path or reference in the YAML to its asset."""


class TaskSpec(TaskPart):
    """Base of a kind's YAML model: the keys of every task, and what submission and checks ask of it."""

    kind_name: ClassVar[str]  # the value of the key `kind`
    stages: ClassVar[int] = 1  # containers of an attempt

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return ()

    @property
    def objective_names(self) -> tuple[tuple[Location, NameOrNumber], ...]:
        """The objectives that the task names, each with its place."""
        return ()

    @property
    def recorded_objectives(self) -> tuple[NameOrNumber, ...]:
        """Those of them that the chain records with the task."""
        return tuple(name for _, name in self.objective_names)

    @property
    def measured_by(self) -> NameOrNumber | None:
        """The objective whose metric and opener it uses."""
        return None

    @property
    def scored_for(self) -> NameOrNumber | None:
        """The objective that its score is certified for."""
        return None

    @property
    def learns_from(self) -> Samples:
        """The data samples that its model is trained on; Test samples of an objective are refused."""
        return ()

    @property
    def undeclared(self) -> AssetRef | None:
        """The registered asset that declares what the task takes and makes, as long as that isn't read."""
        return None

    def with_signature(self, _signature: Signature, /) -> Self:
        """Return the task with what the asset in `undeclared` declares."""
        return self

    @property
    def unbuilt_bundle(self) -> Path | None:
        """The bundle's local folder, where the bundle's requirements define the image."""
        return None

    def model_location(self, index: int) -> Location:
        """Return the place of `needed_models[index]`."""
        return ("models", index)

    def unfit_parent(self, index: int, parent: "TaskSpec", made: Mapping[str, int | None]) -> str:  # noqa: ARG002
        """Return why a task of the file that makes these models can't be the parent of `needed_models[index]`."""
        return ""

    def assets(self) -> tuple[AssetSpec, ...]:
        """Return the assets that the task names, without an image built from the bundle's requirements."""
        return ()

    def conflicts(self) -> Conflicts:
        """Yield conflicts between keys."""
        return iter(())


class ModelTaskSpec(TaskSpec):
    """The keys common to the kinds that make a model."""

    models: Annotated[tuple[ModelField, ...], Field(max_length=_CHAIN.max_models)] = ()
    keep: Switch = True
    objectives: Annotated[tuple[NameOrNumber, ...], Field(max_length=_CHAIN.max_objectives)] = ()

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return self.models

    @property
    def objective_names(self) -> tuple[tuple[Location, NameOrNumber], ...]:
        return tuple((("objectives", index), name) for index, name in enumerate(self.objectives))

    def conflicts(self) -> Conflicts:
        yield from named_twice("objectives", self.objectives)
        yield from named_twice("models", self.models)


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """What the names in a task's YAML refer to. ``models`` are those of the spec, in its order.

    ``environment_of`` maps a bundle that names no algo to the algo built from its requirements. ``objective`` is the
    one that it is `TaskSpec.measured_by`, ``rank`` its place in its plan; None outside one.
    """

    ref_of: RefOf
    environment_of: RefOf
    models: Sequence[ModelOf]
    objective: Objective | None = None
    rank: int | None = None

    def key(self, source: Source) -> AssetKey:
        return str(self.ref_of(source))

    def keys(self, sources: Sequence[Source]) -> tuple[AssetKey, ...]:
        return tuple(map(self.key, sources))

    def image(self, spec: ImageSpec) -> Image:
        return Image(source=self.key(spec.source), image=spec.image, entrypoint=spec.entrypoint)

    def bundle_image(self, algo: ImageSpec | None, bundle: Source) -> Image:
        """The algo's image, or that of the bundle's own requirements."""
        return self.image(algo) if algo is not None else Image(source=str(self.environment_of(bundle)))


SpecT = TypeVar("SpecT", bound=TaskSpec)
DocumentT = TypeVar("DocumentT", bound=Document)


@dataclass(frozen=True, kw_only=True)
class TaskKind(Generic[SpecT, DocumentT]):
    """The definition of one kind of task.

    ``compose`` builds the stored document from the YAML model, ``layouts`` maps each layout that this version runs to
    its stages. ``output`` names the output of a bundle's program, ``may_leave_node`` the outputs that may leave a node
    even when made from private data. ``writes_local``: whether its tasks write the local folder of their plan.
    ``declared_models`` returns the models among a task's declared outputs with their places; None for a kind whose only
    one is ``model``. ``private_models``: those of them that stay on the node that makes them. ``keeps_head``: whether
    the task's first model is a composite's trunk, which is taken where no output is named. ``check_outputs`` validates
    an attempt's output folders; None accepts any. ``check_admitted`` compares the document with the chain's records of
    what it names, in addition to the assets' roles. Both raise `TaskFailed`. ``annotation`` returns the question to
    annotators, which also determines how their results are compared; None for a kind whose results aren't annotations.
    """

    name: str
    spec: type[SpecT]
    document: type[DocumentT]
    compose: Callable[[SpecT, Resolved], DocumentT]
    layouts: Mapping[str, Callable[[DocumentT, Inputs], tuple[Stage, ...]]]
    makes_model: bool = False
    declared_models: Callable[[SpecT], Mapping[str, int | None]] | None = None
    private_models: Callable[[SpecT], Set[str]] = lambda _: frozenset()
    keeps_head: Callable[[SpecT], bool] = lambda _: False
    output: str = "model"
    may_leave_node: frozenset[str] = frozenset()
    writes_local: bool = False
    check_outputs: Callable[[DocumentT, Inputs, Sequence[Path]], None] | None = None
    check_admitted: Callable[[DocumentT, Named], None] | None = None
    annotation: "Callable[[DocumentT], Annotation] | None" = None


def limits_of(spec: LimitsSpec, *, local: bool = False) -> Limits:
    """Convert limits to the node's units; the timeout is rounded up to whole seconds.

    ``local``: whether the task sees the local folder of its plan.
    """
    return Limits(
        cpus=spec.cpus,
        memory=spec.memory,
        timeout=-(-spec.timeout // 1000),
        outputs=spec.outputs,
        scratch=spec.scratch,
        local=(spec.local or None) if local else None,
        gpus=spec.gpus or None,
        gpu_memory=spec.gpu_memory,
    )


def image_asset(image: ImageSpec | None, kind: AssetKind) -> list[AssetSpec]:
    return [AssetSpec(source=image.source, kind=kind)] if image is not None else []


def single_asset(source: Source | None, kind: AssetKind) -> list[AssetSpec]:
    return [AssetSpec(source=source, kind=kind)] if source is not None else []


def train_samples(samples: Samples) -> list[AssetSpec]:
    return [AssetSpec(source=one, kind=AssetKind.DATA_SAMPLE, label=Label.TRAIN) for one in samples]


def imported_models(models: tuple[ModelSpec, ...]) -> list[AssetSpec]:
    return [AssetSpec(source=one.source, kind=AssetKind.MODEL) for one in models if one.source is not None]


def mismatch(message: str, *, remedy: str = SUBMIT_AGAIN) -> TaskFailed:
    return TaskFailed(FailureCategory.INPUT_MISMATCH, message, remedy=remedy)


def check_same(what: str, named: Set[object], admitted: Set[object]) -> None:
    """Raise `TaskFailed` input_mismatch where the document's names differ from those the chain admitted."""
    surplus = ", ".join(sorted(str(one) for one in named - admitted))
    missing = ", ".join(sorted(str(one) for one in admitted - named))
    if surplus:
        raise mismatch(f"the task document names {what} which the chain didn't admit: {surplus}")
    if missing:
        raise mismatch(f"the chain admitted {what} which the task document doesn't name: {missing}")
