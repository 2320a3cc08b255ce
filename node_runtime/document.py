"""What the task document in storage says: everything a node needs to run a task, with references resolved.

The creator's YAML (`spec.py`) names files and earlier tasks; submitting uploads them and writes this document, whose
tree digest goes on chain. A node runs what this document says and nothing else, after checking that the assets it names
are exactly the inputs the chain admitted.
"""

import json
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, StringConstraints, model_validator

from node_runtime.task import Account, AssetRef, Digest, Kind

FILE_NAME = "task.json"
MOST_BYTES = 1 << 44  # far above any machine: numbers beyond it only serve to break what calculates with them
LONGEST = 30 * 24 * 3600  # seconds
MOST_IN_BUNDLE = 10_000  # files and folders: they are copied for each attempt, and outputs come beside them
MOST_TOLD = 64 << 10  # bytes of what a script is told in one variable: the kernel takes twice as many at most

AssetKey = Annotated[str, StringConstraints(pattern=r"^[1-9A-HJ-NP-Za-km-z]{40,60}/[0-9a-f]{64}$")]
"""``owner/digest``, see `AssetRef`."""

Number = Annotated[int, Field(ge=0, lt=1 << 64)]
"""Of a submission, a task or an objective: as large as the chain can count."""


TaskName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9._-]{0,63}$")]
"""Safe in the names of folders, which scripts make of it."""
Question = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]
ClassLabel = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$")]


def _tellable(value: dict[str, JsonValue]) -> dict[str, JsonValue]:
    size = len(json.dumps(value, ensure_ascii=False).encode())
    if size > MOST_TOLD:
        raise ValueError(f"it has {size} bytes as JSON, a script can be told {MOST_TOLD}; put it into the bundle")
    return value


Coordinates = Annotated[dict[ClassLabel, JsonValue], AfterValidator(_tellable)]
Info = Annotated[dict[str, JsonValue], AfterValidator(_tellable)]


def asset_ref(key: AssetKey) -> AssetRef:
    owner, digest = key.split("/")
    return AssetRef(owner=Account(owner), digest=Digest(digest))


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(_Part):
    """What each container of the task may use. ``memory`` and ``outputs`` in bytes, ``timeout`` in seconds."""

    cpus: float = Field(default=1.0, gt=0, le=256)
    memory: int = Field(default=1 << 30, ge=16 << 20, le=MOST_BYTES)
    timeout: int = Field(default=900, ge=1, le=LONGEST)
    outputs: int = Field(default=256 << 20, ge=1 << 20, le=MOST_BYTES)


class Image(_Part):
    """Where an image comes from: a registered folder with a Dockerfile, and optionally a ready image by digest."""

    source: AssetKey
    image: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@sha256:[0-9a-f]{64}$")] | None = None
    entrypoint: tuple[str, ...] | None = None


class ModelOf(_Part):
    """An input model: of an accepted submission, of an earlier task of the same creator, or an imported asset."""

    submission: Number | None = None
    task: Number | None = None
    asset: AssetKey | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if sum(given is not None for given in (self.submission, self.task, self.asset)) != 1:
            raise ValueError("a model is named by exactly one of submission, task and asset")
        return self


class AnnotationType(StrEnum):
    """What is found out about each file: boxes in a picture, one class, or passages of a text."""

    OBJECT_DETECTION = "object_detection"
    CLASSIFICATION = "classification"
    TEXT_SPAN = "text_span"


class Annotation(_Part):
    """What annotators are asked. ``coordinates`` and ``info`` are the creator's own words to them, any JSON."""

    type: AnnotationType
    question: Question
    labels: Annotated[tuple[ClassLabel, ...], Field(min_length=1, max_length=256)]
    coordinates: Coordinates = Field(default_factory=dict)
    info: Info = Field(default_factory=dict)


class Document(_Part):
    format: Literal["node-runtime/task/1"] = "node-runtime/task/1"
    kind: Kind
    name: TaskName
    layout: Literal["sandbox", "substra", "bundle"] = "sandbox"
    algo: Image | None = None
    bundle: AssetKey | None = None
    annotation: Annotation | None = None
    question: Question | None = None  # what a bundle's worker is asked, where it is no annotation's
    person: bool = False  # whether nodes leave it to somebody who works by hand
    opener: AssetKey | None = None
    data: tuple[AssetKey, ...] = ()
    models: tuple[ModelOf, ...] = ()
    metric: Image | None = None
    objective: Number | None = None
    rank: Number | None = None
    limits: Limits = Limits()

    def asset_keys(self) -> tuple[AssetKey, ...]:
        """Every asset the document names, each once, in the order algo, metric, bundle, opener, data, models."""
        images = [image.source for image in (self.algo, self.metric) if image]
        single = [key for key in (self.bundle, self.opener) if key]
        imported = [model.asset for model in self.models if model.asset]
        return tuple(dict.fromkeys([*images, *single, *self.data, *imported]))

    def encode(self) -> bytes:
        return (self.model_dump_json(exclude_none=True) + "\n").encode()
