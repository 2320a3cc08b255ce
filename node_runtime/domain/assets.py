"""Assets, models and objectives as the chain records them, and the identifiers of accounts and digests.

Digests are 64 lower-case hexadecimal digits (sha256), accounts are SS58 addresses. Names match the chain's metadata.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NewType

Account = NewType("Account", str)
Digest = NewType("Digest", str)
SubmissionId = NewType("SubmissionId", int)
ObjectiveId = NewType("ObjectiveId", int)


def short(identity: str) -> str:
    """Abbreviate an account or a digest to its first and last characters."""
    return f"{identity[:6]}…{identity[-4:]}" if len(identity) > 12 else identity


class Label(StrEnum):
    TRAIN = "train"
    TEST = "test"


class AssetKind(StrEnum):
    DATA_SAMPLE = "data_sample"
    OPENER = "opener"
    ALGO = "algo"
    METRIC = "metric"
    BUNDLE = "bundle"
    MODEL = "model"
    FUNCTION = "function"


class Visibility(StrEnum):
    SHARED = "shared"
    PRIVATE = "private"


class Direction(StrEnum):
    HIGHER = "higher"
    LOWER = "lower"


@dataclass(frozen=True, kw_only=True)
class AssetRef:
    """An asset's identity: its owner's account and its tree digest. Written ``owner/digest`` in text."""

    owner: Account
    digest: Digest

    def __str__(self) -> str:
        return f"{self.owner}/{self.digest}"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A registered asset. ``label`` is set for data samples only and never changes."""

    ref: AssetRef
    kind: AssetKind
    label: Label | None
    visibility: Visibility
    uri: str


@dataclass(frozen=True, kw_only=True)
class Objective:
    """An objective that models are scored for: the metric, the opener and the Test samples of one owner."""

    id: ObjectiveId
    owner: Account
    name: str
    metric: Digest
    opener: Digest
    direction: Direction
    tolerance: Decimal  # largest difference of two evaluations that agree
    samples: tuple[Digest, ...]


@dataclass(frozen=True, kw_only=True, order=True)
class ModelId:
    """A model's identity: its submission, and its index among that submission's models."""

    submission: SubmissionId
    output: int = 0

    def __str__(self) -> str:
        return f"{self.submission}.{self.output}" if self.output else str(self.submission)


@dataclass(frozen=True, kw_only=True)
class SameBytes:
    """Bytes already known: as a recorded ``model``, or as a model that the account ``importer`` registered."""

    digest: Digest
    model: ModelId | None = None
    importer: Account | None = None


@dataclass(frozen=True, kw_only=True)
class Model:
    """The model of an accepted submission; ``clean_for`` names the objectives it may be certified for.

    ``owner`` paid for it, ``trainer`` made it, ``input_owners`` registered or paid for its direct inputs. The bytes of
    a ``private`` one never leave its trainer's node. ``same_bytes`` lists inputs of other owners, and its own bytes,
    that were already a model; ``more_same_bytes`` counts those not listed.
    """

    id: ModelId
    owner: Account
    trainer: Account
    digest: Digest
    uri: str
    parents: tuple[ModelId, ...]
    clean_for: tuple[ObjectiveId, ...]
    input_owners: tuple[Account, ...]
    same_bytes: tuple[SameBytes, ...]
    more_same_bytes: int
    private: bool = False
