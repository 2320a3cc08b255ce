"""The task document in storage: everything a node needs to run a task, references resolved.

The creator's YAML (`node_runtime.spec`) names files and earlier tasks; submitting uploads them and writes this
document, whose tree digest goes on chain. A node runs exactly this document, after checking that the assets it names
are the inputs the chain admitted. This module has the common fields; each kind of task adds its own in `kinds`.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .assets import Account, AssetKind, AssetRef, Digest, Label, ModelId, SubmissionId
from .function import MOST_OUTPUTS
from .parameters import Parameters
from .task import OutputRole, Roles, Take, TaskId

FILE_NAME = "task.json"
MOST_BYTES = 1 << 44  # above any machine's capacity, and safe in calculations
MOST_GPUS = 64
LONGEST = 30 * 24 * 3600  # seconds
NUMBERS = 1 << 64  # of submissions, tasks and objectives on chain
MOST_IN_BUNDLE = 10_000  # files and folders, which are copied for each attempt

# the order of the keys when written, with all others before `_LAST`; digests on chain depend on it
_FIRST = (
    *("format", "kind", "name", "layout", "algo", "bundle", "annotation", "question", "person"),
    *("opener", "data", "models", "metric", "objective", "metric_of", "rank", "parameters"),
)
_LAST = "limits"

AssetKey = Annotated[str, StringConstraints(pattern=r"^[1-9A-HJ-NP-Za-km-z]{40,60}/[0-9a-f]{64}$")]
"""``owner/digest``, see `AssetRef`."""

Number = Annotated[int, Field(ge=0, lt=NUMBERS)]
"""The number of a submission, a task or an objective: an unsigned 64-bit integer."""

TaskName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9._-]{0,63}$")]
"""Safe as a folder name."""
Question = Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\x00]*$")]


def asset_ref(key: AssetKey) -> AssetRef:
    owner, digest = key.split("/")
    return AssetRef(owner=Account(owner), digest=Digest(digest))


class DocumentPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


class Limits(DocumentPart):
    """Limits of each container: ``timeout`` in seconds, ``memory``, ``outputs``, ``scratch`` in bytes.

    ``scratch`` limits /tmp, whose contents count as memory, and what a bundle writes in its folder besides outputs.
    ``local`` limits the plan's local folder; None where the task sees none. ``gpus`` belong to the attempt alone, each
    with at least ``gpu_memory`` bytes free when it is claimed; None: no GPU, any memory.
    """

    cpus: float = Field(default=1.0, gt=0, le=256)
    memory: int = Field(default=1 << 30, ge=16 << 20, le=MOST_BYTES)
    timeout: int = Field(default=900, ge=1, le=LONGEST)
    outputs: int = Field(default=256 << 20, ge=1 << 20, le=MOST_BYTES)
    scratch: int = Field(default=256 << 20, ge=1 << 20, le=MOST_BYTES)
    local: int | None = Field(default=None, ge=1 << 20, le=MOST_BYTES)
    gpus: int | None = Field(default=None, ge=1, le=MOST_GPUS)
    gpu_memory: int | None = Field(default=None, ge=1, le=MOST_BYTES)


class Image(DocumentPart):
    """The source of an image: a registered folder with a Dockerfile, and optionally a prebuilt image by digest."""

    source: AssetKey
    image: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@sha256:[0-9a-f]{64}$")] | None = None
    entrypoint: tuple[str, ...] | None = None

    @property
    def ready(self) -> Digest:
        """The digest of the prebuilt image; empty without one."""
        return Digest((self.image or "").rpartition(":")[2])


class ModelOf(DocumentPart):
    """An input model: of an accepted submission, of an earlier task of the same creator, or an imported asset.

    ``output`` is its place among the outputs of that result; None for the first.
    """

    submission: Number | None = None
    task: Number | None = None
    asset: AssetKey | None = None
    output: Annotated[int, Field(ge=0, lt=MOST_OUTPUTS)] | None = None

    @model_validator(mode="after")
    def _names_one(self) -> Self:
        if sum(given is not None for given in (self.submission, self.task, self.asset)) != 1:
            raise ValueError("a model is named by exactly one of submission, task and asset")
        return self


@dataclass(frozen=True, kw_only=True)
class Role:
    """An asset and the key that names it. ``kind`` and ``label`` are what it has to be registered as."""

    name: str
    key: AssetKey
    kind: AssetKind
    label: Label | None = None
    image: Image | None = None  # for an asset that is an image's folder


class Document(DocumentPart):
    """The fields common to the documents of all kinds."""

    format: Literal["node-runtime/task/1"] = "node-runtime/task/1"
    kind: str
    name: TaskName
    layout: Literal["sandbox", "substra", "bundle"] = "sandbox"
    algo: Image
    person: bool = False  # whether a person does the task by hand, not a node
    data: tuple[AssetKey, ...] = ()
    models: tuple[ModelOf, ...] = ()
    parameters: Parameters | None = None  # None: no file is mounted
    plan: TaskName | None = None  # the name of its plan
    keep: Literal[False] | None = None  # False: the model's bytes are dropped once no task of the plan needs them
    limits: Limits = Limits()

    @property
    def program_kind(self) -> AssetKind:
        """What ``algo`` is registered as."""
        return AssetKind.ALGO

    @property
    def asked(self) -> str | None:
        """The question for the worker."""
        return None

    @property
    def scored_for(self) -> frozenset[int] | None:
        """The objectives that a score counts for; None for a kind without scores."""
        return None

    @property
    def measured_by(self) -> int | None:
        """The objective whose metric and opener it uses."""
        return None

    @property
    def sample_label(self) -> Label:
        """The required label of its data samples."""
        return Label.TRAIN

    def instructions(self) -> tuple[tuple[str, str], ...]:
        """Further instructions for a person, as pairs of heading and text."""
        return ()

    def variables(self) -> tuple[tuple[str, str], ...]:
        """Environment variables for a bundle's scripts."""
        return () if self.asked is None else (("QUESTION", self.asked),)

    def own_roles(self) -> tuple[Role, ...]:
        """The assets under keys specific to this kind, in the order metric, bundle, opener."""
        return ()

    def roles(self) -> tuple[Role, ...]:
        """Every asset the document names, in the order algo, metric, bundle, opener, data, models."""
        return (
            image_role(self.program_kind, self.algo),
            *self.own_roles(),
            *(Role(name="data", key=key, kind=AssetKind.DATA_SAMPLE, label=self.sample_label) for key in self.data),
            *(Role(name="models", key=one.asset, kind=AssetKind.MODEL) for one in self.models if one.asset),
        )

    def images(self) -> tuple[tuple[str, Image], ...]:
        """The images of its containers, by their keys."""
        return tuple((role.name, role.image) for role in self.roles() if role.image is not None)

    def programs(self) -> tuple[AssetKey, ...]:
        """The assets that are executed or loaded by executed code: all but data and models."""
        return tuple(one.key for one in self.roles() if one.kind not in (AssetKind.DATA_SAMPLE, AssetKind.MODEL))

    def samples(self) -> tuple[AssetRef, ...]:
        """The data samples that it names."""
        return tuple(asset_ref(one.key) for one in self.roles() if one.kind is AssetKind.DATA_SAMPLE)

    def asset_of(self, kind: AssetKind) -> AssetKey | None:
        """The first asset in a role of this kind."""
        return next((role.key for role in self.roles() if role.kind is kind), None)

    def asset_keys(self) -> tuple[AssetKey, ...]:
        """Every asset the document names, each once, in the order of `roles`."""
        return tuple(dict.fromkeys(role.key for role in self.roles()))

    def recorded_models(self) -> tuple[ModelId, ...]:
        """The models of accepted submissions that the document names, each once."""
        named = (
            ModelId(submission=SubmissionId(model.submission), output=model.output or 0)
            for model in self.models
            if model.submission is not None
        )
        return tuple(dict.fromkeys(named))

    def declared_outputs(self) -> tuple[OutputRole, ...]:
        """The outputs that its creator declared; empty for a kind with outputs of its own."""
        return ()

    def task_roles(self) -> Roles | None:
        """What the chain records beside the spec; None where the task makes and takes what is usual for its kind."""
        outputs = self.declared_outputs()
        taken = [Take(parent=TaskId(one.task), output=one.output or 0) for one in self.models if one.task is not None]
        if not outputs and not any(take.output for take in taken):
            return None
        return Roles(outputs=outputs, takes=tuple(dict.fromkeys(taken)))

    def encode(self) -> bytes:
        values = self.model_dump(mode="json", exclude_none=True)
        if self.parameters is not None:
            values["parameters"] = self.parameters  # keep the creator's own nulls
        own = [key for key in values if key not in (*_FIRST, _LAST)]
        ordered = {key: values[key] for key in (*_FIRST, *own, _LAST) if key in values}
        return pydantic_core.to_json(ordered) + b"\n"


def single_role(kind: AssetKind, key: AssetKey | None) -> tuple[Role, ...]:
    """Return the role of an asset named after its kind; empty without an asset."""
    return (Role(name=kind.value, key=key, kind=kind),) if key is not None else ()


def image_role(kind: AssetKind, image: Image) -> Role:
    return Role(name=kind.value, key=image.source, kind=kind, image=image)
