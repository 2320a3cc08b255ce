"""The kind `training`: an algo (Substra's traintuple) or a bundle (DecentralML) trains a model on data samples."""

from typing import ClassVar, Literal

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.document import AssetKey, Document, Number, Question, Role, single_role
from node_runtime.kinds.base import (
    Resolved,
    TaskKind,
    limits_of,
    single_asset,
)
from node_runtime.kinds.layouts import bundle, sandbox
from node_runtime.kinds.stage import Inputs, Stage
from node_runtime.spec.common import AssetSpec, Conflicts, Count
from node_runtime.spec.fields import OpenerSource


class TrainingSpec(bundle.BundleModelSpec):
    """The YAML model of a training by an algo or by a bundle."""

    kind_name: ClassVar[str] = "training"

    kind: Literal["training"]
    opener: OpenerSource | None = None
    rank: Count | None = None

    def own_assets(self) -> tuple[AssetSpec, ...]:
        return tuple(single_asset(self.opener, AssetKind.OPENER))

    def own_conflicts(self) -> Conflicts:
        if self.bundle is not None:
            for key in ("opener", "rank"):
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
        if not self.data:
            yield ("data",), "key 'data' is missing or empty; name at least one data sample"


class TrainingDocument(Document):
    kind: Literal["training"] = "training"
    bundle: AssetKey | None = None
    question: Question | None = None
    opener: AssetKey | None = None
    rank: Number | None = None

    @property
    def asked(self) -> str | None:
        return self.question

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
        rank=resolved.rank if in_plan else None,
        limits=limits_of(spec.limits, local=in_plan),
    )


def _stages(document: TrainingDocument, inputs: Inputs) -> tuple[Stage, ...]:
    """Return one stage, which writes ``model/model``."""
    keys = [model.digest for model in inputs.models]
    train = Stage(
        name="train",
        image=sandbox.image_source(document.algo, inputs.algo, part="algo"),
        entrypoint=document.algo.entrypoint,
        arguments=("train", *keys, *sandbox.rank_arguments(document.rank), *sandbox.fake_arguments(inputs)),
        environment=sandbox.ENVIRONMENT,
        reads=(
            *sandbox.data_mounts(inputs),
            *sandbox.opener_mounts(inputs),
            *sandbox.model_mounts(inputs.models),
        ),
        writes=(sandbox.WRITTEN_MODEL,),
        local=sandbox.written_local(inputs, document),
        limits=document.limits,
    )
    return (sandbox.with_every_folder(train),)


KIND = TaskKind(
    name=TrainingSpec.kind_name,
    spec=TrainingSpec,
    document=TrainingDocument,
    compose=_compose,
    layouts={"sandbox": _stages, "bundle": bundle.stages("model")},
    makes_model=True,
    writes_local=True,
    may_leave_node=frozenset({"model"}),
)
