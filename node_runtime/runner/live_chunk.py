"""A chunk of the live channel: which stage an attempt is at, since when, and a part of the stage's log.

Canonical JSON, signed by the worker's key. The chunks of an attempt are numbered from 0; each names its stage, and the
texts of a stage's chunks are, in order, the beginning of its log. The newest chunk grows: it is written again with a
longer text.
"""

import json
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from node_runtime.domain.assets import Account
from node_runtime.domain.live import MOST_BYTES, MOST_NUMBERS, ChunkName
from node_runtime.domain.task import TaskId
from node_runtime.platform.stored_format import StoredFormat, unversioned

from .signing import Signer, is_signed_by, message
from .untrusted import parse_json

FORMAT = StoredFormat(name="a chunk of the live channel", remedy="use that release", steps=(unversioned,))
MOST_TEXT = 1 << 20  # bytes of a stage's log
INPUTS, OUTPUTS, UPLOAD = "inputs", "outputs", "upload"  # stages of an attempt besides images and containers
_IMAGE = "-image"
_ROOM = MOST_BYTES - (4 << 10)  # bytes of a text in JSON; the other fields need less than the rest

Stage = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
"""The name of the stage's log without ``.log``, or one of the names above."""


def image_stage(stage: str) -> str:
    """Return the name of the stage that builds or pulls the image of a container's stage."""
    return f"{stage}{_IMAGE}"


def is_image_stage(stage: str) -> bool:
    return stage.endswith(_IMAGE)


def container_of(stage: str) -> str:
    """Return the container's stage that an image is for; a container's own unchanged."""
    return stage.removesuffix(_IMAGE)


def has_log(stage: str) -> bool:
    """Return whether the stage has a log: it is a container's, or its image's."""
    return stage not in (INPUTS, OUTPUTS, UPLOAD)


def in_words(stage: str) -> str:
    """Return the stage as people read it, e.g. ``train image``."""
    return f"{container_of(stage)} image" if is_image_stage(stage) else stage


class Chunk(BaseModel):
    """``began``: when the stage began, by the chain's clock, in ms. ``signature`` is in hexadecimal."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    version: int = FORMAT.version
    genesis: str
    worker: Account
    task: TaskId
    epoch: int
    number: Annotated[int, Field(ge=0, lt=MOST_NUMBERS)]
    stage: Stage
    began: int
    text: str = ""
    signature: str | None = None

    @property
    def name(self) -> ChunkName:
        return ChunkName(worker=self.worker, task=self.task, epoch=self.epoch, number=self.number)

    def encode(self) -> bytes:
        fields = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    def signed_by(self, signer: Signer) -> "Chunk":
        unsigned = self.model_copy(update={"signature": None})
        return unsigned.model_copy(update={"signature": signer.sign(_signed_bytes(unsigned)).hex()})

    @classmethod
    def decode(cls, encoded: bytes, name: ChunkName, genesis: str) -> "Chunk | None":
        """Decode an untrusted chunk; None unless its worker signed it for this name on this chain."""
        try:
            parse_json(encoded)
            found = cls.model_validate_json(encoded)
            canonical = found.encode() == encoded
        except (ValidationError, ValueError):
            return None
        if not canonical or found.version != FORMAT.version or (found.name, found.genesis) != (name, genesis):
            return None
        unsigned = found.model_copy(update={"signature": None})
        return found if is_signed_by(found.worker, _signed_bytes(unsigned), found.signature or "") else None


def _signed_bytes(unsigned: Chunk) -> bytes:
    return message("live", unsigned.encode())


def fitting(text: str) -> str:
    """Return the longest beginning of the text, roughly, that fits into one chunk."""
    text = text[:_ROOM]
    while (size := len(json.dumps(text, ensure_ascii=False).encode())) > _ROOM:
        text = text[: len(text) * _ROOM // size]
    return text
