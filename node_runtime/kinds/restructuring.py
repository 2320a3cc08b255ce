"""The kind `restructuring`: a bundle derives a model from another (DecentralML's model engineer)."""

from typing import ClassVar, Literal

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.document import AssetKey, Document, Question, Role, single_role
from node_runtime.kinds.base import (
    Resolved,
    TaskKind,
    limits_of,
)
from node_runtime.kinds.layouts import bundle
from node_runtime.spec.fields import BundleFolder


class RestructuringSpec(bundle.BundleModelSpec):
    kind_name: ClassVar[str] = "restructuring"

    kind: Literal["restructuring"]
    bundle: BundleFolder


class RestructuringDocument(Document):
    kind: Literal["restructuring"] = "restructuring"
    bundle: AssetKey
    question: Question | None = None

    @property
    def asked(self) -> str | None:
        return self.question

    def own_roles(self) -> tuple[Role, ...]:
        return single_role(AssetKind.BUNDLE, self.bundle)


def _compose(spec: RestructuringSpec, resolved: Resolved) -> RestructuringDocument:
    return RestructuringDocument(
        name=spec.name,
        layout="bundle",
        algo=resolved.bundle_image(spec.algo, spec.bundle),
        bundle=resolved.key(spec.bundle),
        question=spec.question,
        person=spec.person,
        data=resolved.keys(spec.data),
        models=tuple(resolved.models),
        limits=limits_of(spec.limits),
    )


KIND = TaskKind(
    name=RestructuringSpec.kind_name,
    spec=RestructuringSpec,
    document=RestructuringDocument,
    compose=_compose,
    layouts={"bundle": bundle.stages("model")},
    makes_model=True,
    may_leave_node=frozenset({"model"}),
)
