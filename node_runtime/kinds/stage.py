"""What containers get: the local trees of a task's inputs by their roles, and stages with image, mounts and outputs."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from node_runtime.domain.assets import Account, AssetKind, Digest
from node_runtime.domain.document import Document, Limits, asset_ref
from node_runtime.ports.engine import ImageSource, Mount

SALT = re.compile("salt-[0-9a-f]{64}")
"""The name of an empty file that makes the digest of its tree one that nobody can guess."""


@dataclass(frozen=True, kw_only=True)
class Input:
    """A local read-only tree and its top-level names."""

    digest: Digest
    folder: Path
    files: tuple[str, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All inputs of a task, and the account of its worker.

    ``data`` and ``models`` are in the document's order; ``local`` has the content of the plan's local folder, None
    outside a plan. ``fake`` is how many samples the opener is to make up, where there is no data.
    """

    worker: Account
    algo: Input | None = None
    bundle: Input | None = None
    metric: Input | None = None
    opener: Input | None = None
    data: tuple[Input, ...] = ()
    models: tuple[Input, ...] = ()
    local: Path | None = None
    fake: int | None = None

    @property
    def digests(self) -> tuple[Digest, ...]:
        """Return each input's digest once: algo, bundle, metric, opener, data, models."""
        single = [item for item in (self.algo, self.bundle, self.metric, self.opener) if item]
        return tuple(dict.fromkeys(item.digest for item in (*single, *self.data, *self.models)))


def inputs_of(
    document: Document,
    *,
    models: Sequence[Digest],
    folder_of: Callable[[Digest], Path],
    worker: Account,
    local: Path | None = None,
) -> Inputs:
    """Locate every input. ``models`` are the digests of the document's models, in its order.

    ``folder_of`` returns a tree's folder, fetching it when needed; it is called once per digest.
    """
    known: dict[Digest, Input] = {}

    def of_digest(digest: Digest) -> Input:
        if digest not in known:
            known[digest] = input_in(folder_of(digest), digest)
        return known[digest]

    def of_kind(kind: AssetKind) -> Input | None:
        key = document.asset_of(kind)
        return of_digest(asset_ref(key).digest) if key is not None else None

    return Inputs(
        worker=worker,
        algo=of_kind(document.program_kind),
        bundle=of_kind(AssetKind.BUNDLE),
        metric=of_kind(AssetKind.METRIC),
        opener=of_kind(AssetKind.OPENER),
        data=tuple(of_digest(asset_ref(key).digest) for key in document.data),
        models=tuple(of_digest(digest) for digest in models),
        local=local,
    )


def once(inputs: tuple[Input, ...]) -> tuple[Input, ...]:
    """Drop duplicates: a tree that is named twice is mounted once."""
    return tuple({item.digest: item for item in inputs}.values())


def model_entry(model: Input) -> Path:
    """Return the model inside its tree: ``model/model``, else the single file or folder, else the whole tree.

    A `SALT` beside it, as private models have, is no part of it.
    """
    if "model" in (*model.files, *model.folders):
        return model.folder / "model"
    alone = tuple(name for name in (*model.files, *model.folders) if not SALT.fullmatch(name))
    return model.folder / alone[0] if len(alone) == 1 else model.folder


def input_in(folder: Path, digest: Digest) -> Input:
    entries = sorted(folder.iterdir())
    return Input(
        digest=digest,
        folder=folder,
        files=tuple(entry.name for entry in entries if entry.is_file()),
        folders=tuple(entry.name for entry in entries if entry.is_dir()),
    )


class Keeps(Enum):
    """The part of a writable folder that becomes an output."""

    ALL = auto()  # everything except mount points
    ENTRY = auto()  # the entry alone
    INSIDE = auto()  # the content of the entry, a folder
    FILE = auto()  # the entry, a regular file, as a tree of it alone
    NUMBERS = auto()  # one perf.json of the numbers in the files of ``performances``


@dataclass(frozen=True, kw_only=True)
class Writable:
    """A folder that a stage writes, initially empty or a copy of ``copied`` without its ``entry``.

    After the stage it must contain ``entry``, a regular file or a folder. The part that ``keeps`` selects becomes the
    output ``output``. Several of one name are outputs in one folder. The files of ``performances`` are those that
    `kinds.perf.performance_file` names.
    """

    name: str  # the folder's name in the workspace
    target: str  # mount point in the container
    output: str
    entry: str
    keeps: Keeps = Keeps.ALL
    copied: Path | None = None
    performances: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Local:
    """A plan's local folder as a stage writes it: a copy of ``before`` that may grow to ``quota`` bytes."""

    target: str
    before: Path
    quota: int


@dataclass(frozen=True, kw_only=True)
class Carried:
    """An earlier stage's result: the ``entry`` of one of its writable folders, mounted read-only at ``target``."""

    stage: str
    name: str
    entry: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Given:
    """A read-only file at ``target`` whose content is the task document's, not an asset's."""

    target: str
    content: bytes


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One container. ``reads`` are its input mounts, ``local`` the plan's local folder where it writes that.

    ``scratch`` are the targets of writable folders that end with the container, as /tmp does and within its limit;
    ``empty`` those of empty read-only ones.
    ``group`` is its gid instead of the slot's.
    ``own_program`` is False for a stage that runs another program than the task's, e.g. the metric of an objective.
    """

    name: str
    image: ImageSource
    arguments: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str], ...] = ()
    reads: tuple[Mount, ...] = ()
    writes: tuple[Writable, ...] = ()
    local: Local | None = None
    carries: tuple[Carried, ...] = ()
    gives: tuple[Given, ...] = ()
    scratch: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    group: int | None = None
    own_program: bool = True
    limits: Limits

    @property
    def folders(self) -> tuple[Writable, ...]:
        """The folders that it writes, each once, whatever the number of its outputs."""
        return tuple({one.name: one for one in self.writes}.values())

    @property
    def targets(self) -> tuple[str, ...]:
        """Return where its mounts with content are."""
        local = (self.local,) if self.local is not None else ()
        mounts: list[Writable | Mount | Local | Carried | Given]
        mounts = [*self.writes, *self.reads, *local, *self.carries, *self.gives]
        return tuple(one.target for one in mounts)

    def mount_points(self, writable: Writable) -> tuple[str, ...]:
        """Return the names in `writable` that are separate mounts, e.g. in-models next to the written model."""
        inside = writable.target + "/"
        return tuple(target.removeprefix(inside) for target in self.targets if target.startswith(inside))
