"""The kind `annotation`: people or scripts annotate each of a bundle's files (DecentralML's data annotator)."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.document import AssetKey, Document, Question, Role, single_role
from node_runtime.kinds.annotation.definition import (
    Annotation,
    AnnotationType,
    ClassLabel,
    Coordinates,
    Info,
    unfit_files,
)
from node_runtime.kinds.annotation.outputs import check_annotations
from node_runtime.kinds.base import Resolved, TaskKind, TaskSpec, image_asset, limits_of
from node_runtime.kinds.layouts import bundle
from node_runtime.kinds.stage import Inputs
from node_runtime.spec.common import AssetSpec, Conflicts, ImageField, Switch, named_twice, some
from node_runtime.spec.fields import BundleFolder


class AnnotationSpec(TaskSpec):
    """The YAML model of an annotation of the bundle's ``annotation_files/``."""

    kind_name: ClassVar[str] = "annotation"

    kind: Literal["annotation"]
    bundle: BundleFolder
    algo: ImageField | None = None
    person: Switch = False
    annotation_type: AnnotationType
    question: Question
    class_labels: Annotated[tuple[ClassLabel, ...], Field(max_length=256), AfterValidator(some)]
    class_coordinates: Coordinates = Field(default_factory=dict)
    annotation_json: Info = Field(default_factory=dict)

    @property
    def unbuilt_bundle(self) -> Path | None:
        return bundle.unbuilt(self.bundle, self.algo)

    def assets(self) -> tuple[AssetSpec, ...]:
        return (*image_asset(self.algo, AssetKind.ALGO), AssetSpec(source=self.bundle, kind=AssetKind.BUNDLE))

    def conflicts(self) -> Conflicts:
        yield from bundle.conflicts(self.bundle, self.algo)
        yield from named_twice("class_labels", self.class_labels)
        if isinstance(self.bundle, Path):
            yield from ((("bundle",), reason) for reason in unfit_files(self.bundle, self.annotation_type))


class AnnotationDocument(Document):
    kind: Literal["annotation"] = "annotation"
    bundle: AssetKey
    annotation: Annotation

    @model_validator(mode="after")
    def _takes_no_model(self) -> Self:
        """Refuse models: the chain doesn't record which of its parents' models an annotation takes."""
        if self.models:
            raise ValueError("an annotation takes no models")
        return self

    @property
    def asked(self) -> str:
        return self.annotation.question

    def instructions(self) -> tuple[tuple[str, str], ...]:
        answers = f"{self.annotation.type}, one {bundle.OUTPUTS}/…_annotations.json for each file of annotation_files/"
        return (("labels", ", ".join(self.annotation.labels)), ("answers", answers))

    def variables(self) -> tuple[tuple[str, str], ...]:
        asked = self.annotation
        return (
            ("ANNOTATION_TYPE", asked.type.value),
            ("QUESTION", asked.question),
            ("CLASS_LABELS", json.dumps(asked.labels, ensure_ascii=False)),
            ("CLASS_COORDINATES", json.dumps(asked.coordinates, ensure_ascii=False)),
            ("ANNOTATION_INFO", json.dumps(asked.info, ensure_ascii=False)),
        )

    def own_roles(self) -> tuple[Role, ...]:
        return single_role(AssetKind.BUNDLE, self.bundle)


def _compose(spec: AnnotationSpec, resolved: Resolved) -> AnnotationDocument:
    asked = Annotation(
        type=spec.annotation_type,
        question=spec.question,
        labels=spec.class_labels,
        coordinates=spec.class_coordinates,
        info=spec.annotation_json,
    )
    return AnnotationDocument(
        name=spec.name,
        layout="bundle",
        algo=resolved.bundle_image(spec.algo, spec.bundle),
        bundle=resolved.key(spec.bundle),
        annotation=asked,
        person=spec.person,
        limits=limits_of(spec.limits),
    )


def _check_outputs(document: AnnotationDocument, inputs: Inputs, outputs: Sequence[Path]) -> None:
    if inputs.bundle is not None:
        for folder in outputs:
            check_annotations(folder, inputs.bundle.folder, document.annotation)


KIND = TaskKind(
    name=AnnotationSpec.kind_name,
    spec=AnnotationSpec,
    document=AnnotationDocument,
    compose=_compose,
    layouts={"bundle": bundle.stages(bundle.OUTPUTS)},
    output=bundle.OUTPUTS,
    check_outputs=_check_outputs,
    annotation=lambda document: document.annotation,
)
