"""The kind `training`: an algo (Substra's traintuple) or a bundle (DecentralML) trains a model on data samples."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.document import AssetKey, Document, Number, Question, Role, single_role
from node_runtime.domain.task import OutputRole
from node_runtime.kinds import head_trunk
from node_runtime.kinds.base import (
    Resolved,
    TaskKind,
    TaskSpec,
    limits_of,
    single_asset,
)
from node_runtime.kinds.layouts import bundle, sandbox
from node_runtime.kinds.stage import Inputs, Stage
from node_runtime.spec.common import AssetSpec, Conflicts, Count, ModelSpec
from node_runtime.spec.fields import OpenerSource
from node_runtime.spec.messages import Location


class TrainingSpec(bundle.BundleModelSpec):
    """The YAML model of a training by an algo or by a bundle."""

    kind_name: ClassVar[str] = "training"

    kind: Literal["training"]
    opener: OpenerSource | None = None
    composite: head_trunk.CompositeField | None = None
    rank: Count | None = None

    @property
    def needed_models(self) -> tuple[ModelSpec, ...]:
        return self.models if self.composite is None else head_trunk.needed(self.composite)

    def model_location(self, index: int) -> Location:
        return super().model_location(index) if self.composite is None else ("composite", head_trunk.PARTS[index])

    def unfit_parent(self, index: int, parent: TaskSpec, made: Mapping[str, int | None]) -> str:
        is_trunk = self.composite is not None and head_trunk.PARTS[index] == head_trunk.TRUNK
        return head_trunk.unfit_trunk(parent, made) if is_trunk else ""

    def own_assets(self) -> tuple[AssetSpec, ...]:
        return tuple(single_asset(self.opener, AssetKind.OPENER))

    def own_conflicts(self) -> Conflicts:
        if self.bundle is not None:
            for key in ("opener", "composite", "rank"):
                if getattr(self, key) is not None:
                    yield (key,), f"a bundle has no {key}; leave it out, or name an 'algo' instead of the 'bundle'"
            return
        if self.question is not None:
            yield ("question",), "only a bundle's worker is asked something; leave it out, or name a 'bundle'"
        if self.person:
            yield ("person",), "a person works with a bundle; leave it out, or name a 'bundle'"
        if self.algo is None:
            reason = "key 'algo' is missing; name a folder with a Dockerfile, or a 'bundle' with a start_task.sh"
            yield ("algo",), reason
        if self.composite is not None:
            yield from head_trunk.conflicts(self.composite)
            if self.models:
                yield ("models",), "a composite's models are its 'head' and its 'trunk'; leave it out"
        if not self.data:
            yield ("data",), "key 'data' is missing or empty; name at least one data sample"


class TrainingDocument(Document):
    """The models of a ``composite`` are its head and its trunk, or none."""

    kind: Literal["training"] = "training"
    composite: Literal[True] | None = None
    bundle: AssetKey | None = None
    question: Question | None = None
    opener: AssetKey | None = None
    rank: Number | None = None

    @property
    def asked(self) -> str | None:
        return self.question

    def declared_outputs(self) -> tuple[OutputRole, ...]:
        return head_trunk.OUTPUTS if self.composite else ()

    def own_roles(self) -> tuple[Role, ...]:
        return (*single_role(AssetKind.BUNDLE, self.bundle), *single_role(AssetKind.OPENER, self.opener))


def _compose(spec: TrainingSpec, resolved: Resolved) -> TrainingDocument:
    if spec.bundle is None:
        assert spec.algo is not None  # the YAML's checks require an algo or a bundle
        algo = resolved.image(spec.algo)
    else:
        algo = resolved.bundle_image(spec.algo, spec.bundle)
    in_plan = resolved.rank is not None and spec.bundle is None
    return TrainingDocument(
        name=spec.name,
        layout="sandbox" if spec.bundle is None else "bundle",
        algo=algo,
        bundle=resolved.key(spec.bundle) if spec.bundle is not None else None,
        question=spec.question,
        person=spec.person,
        opener=resolved.key(spec.opener) if spec.opener is not None else None,
        data=resolved.keys(spec.data),
        models=tuple(resolved.models),
        composite=True if spec.composite is not None else None,
        rank=resolved.rank if in_plan else None,
        limits=limits_of(spec.limits, local=in_plan),
    )


def _stages(document: TrainingDocument, inputs: Inputs) -> tuple[Stage, ...]:
    """Return one stage, which writes ``model/model``, or a composite's head and trunk."""
    if document.composite:
        head_trunk.check_models(inputs, both=False)
        arguments = (*head_trunk.output_arguments(), *head_trunk.input_arguments(inputs))
        models, writes = head_trunk.mounts(inputs), head_trunk.writes()
    else:
        arguments = tuple(model.digest for model in inputs.models)
        models, writes = sandbox.model_mounts(inputs.models), (sandbox.WRITTEN_MODEL,)
    train = Stage(
        name="train",
        image=sandbox.image_source(document.algo, inputs.algo, part="algo"),
        entrypoint=document.algo.entrypoint,
        arguments=("train", *arguments, *sandbox.rank_arguments(document.rank), *sandbox.fake_arguments(inputs)),
        environment=sandbox.ENVIRONMENT,
        reads=(*sandbox.data_mounts(inputs), *sandbox.opener_mounts(inputs), *models),
        writes=writes,
        local=sandbox.written_local(inputs, document),
        limits=document.limits,
    )
    return (sandbox.with_every_folder(train),)


def _declared_models(spec: TrainingSpec) -> Mapping[str, int | None]:
    return {"model": None} if spec.composite is None else head_trunk.MODELS


KIND = TaskKind(
    name=TrainingSpec.kind_name,
    spec=TrainingSpec,
    document=TrainingDocument,
    compose=_compose,
    layouts={"sandbox": _stages, "bundle": bundle.stages("model")},
    makes_model=True,
    writes_local=True,
    declared_models=_declared_models,
    private_models=lambda spec: {head_trunk.HEAD} if spec.composite is not None else frozenset(),
    keeps_head=lambda spec: spec.composite is not None,
    may_leave_node=frozenset({"model"}),
)
