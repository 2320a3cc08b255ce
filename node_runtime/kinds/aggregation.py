"""The kind `aggregation`: an algo, by default federated averaging, combines several models into one, without data.

An algo that imports the opener, as in its other stages, is given it where the task names one.
"""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.document import AssetKey, Document, Number, Role, single_role
from node_runtime.kinds.base import (
    ModelTaskSpec,
    Resolved,
    TaskKind,
    image_asset,
    imported_models,
    limits_of,
    mismatch,
    single_asset,
)
from node_runtime.kinds.layouts import sandbox
from node_runtime.kinds.stage import Inputs, Stage
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.spec.common import AssetSpec, Conflicts, Count, ImageField, ImageSpec, ModelField, some
from node_runtime.spec.fields import OpenerSource

FEDERATED_AVERAGING = Path(__file__).parents[1] / "federation"  # the default algo


class AggregationSpec(ModelTaskSpec):
    kind_name: ClassVar[str] = "aggregation"

    kind: Literal["aggregation"]
    algo: ImageField = ImageSpec.model_construct(source=FEDERATED_AVERAGING)
    models: Annotated[tuple[ModelField, ...], Field(max_length=packaged_bounds().max_models), AfterValidator(some)]
    opener: OpenerSource | None = None
    rank: Count | None = None

    def assets(self) -> tuple[AssetSpec, ...]:
        return (
            *image_asset(self.algo, AssetKind.ALGO),
            *single_asset(self.opener, AssetKind.OPENER),
            *imported_models(self.models),
        )

    def conflicts(self) -> Conflicts:
        yield from super().conflicts()
        if self.opener is not None and "algo" not in self.model_fields_set:
            yield ("opener",), "federated averaging reads no data; leave it out, or name the 'algo' that imports it"


class AggregationDocument(Document):
    kind: Literal["aggregation"] = "aggregation"
    opener: AssetKey | None = None
    rank: Number | None = None

    def own_roles(self) -> tuple[Role, ...]:
        return single_role(AssetKind.OPENER, self.opener)


def _compose(spec: AggregationSpec, resolved: Resolved) -> AggregationDocument:
    return AggregationDocument(
        name=spec.name,
        algo=resolved.image(spec.algo),
        opener=resolved.key(spec.opener) if spec.opener is not None else None,
        models=tuple(resolved.models),
        rank=resolved.rank,
        limits=limits_of(spec.limits, local=resolved.rank is not None),
    )


def _stages(document: AggregationDocument, inputs: Inputs) -> tuple[Stage, ...]:
    """Return one stage, which combines the in-models into ``model/model``."""
    if not inputs.models:
        raise mismatch("the aggregation has no models", remedy="name at least one under 'models'")
    aggregate = Stage(
        name="aggregate",
        image=sandbox.image_source(document.algo, inputs.algo, part="algo"),
        entrypoint=document.algo.entrypoint,
        arguments=("aggregate", *(model.digest for model in inputs.models), *sandbox.rank_arguments(document.rank)),
        environment=sandbox.ENVIRONMENT,
        reads=(
            *sandbox.opener_mounts(inputs),
            *sandbox.model_mounts(inputs.models),
        ),
        writes=(sandbox.WRITTEN_MODEL,),
        local=sandbox.written_local(inputs, document),
        limits=document.limits,
    )
    return (sandbox.with_every_folder(aggregate),)


KIND = TaskKind(
    name=AggregationSpec.kind_name,
    spec=AggregationSpec,
    document=AggregationDocument,
    compose=_compose,
    layouts={"sandbox": _stages},
    makes_model=True,
    writes_local=True,
    may_leave_node=frozenset({"model"}),
)
