"""Where do the inputs of a task lie on this machine, and are they what the task says they are?"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from node_runtime.document import AssetKey, Document, asset_ref
from node_runtime.task import Account, Digest


@dataclass(frozen=True, kw_only=True)
class Input:
    """A tree on this machine, read-only, and the names at its top."""

    digest: Digest
    folder: Path
    files: tuple[str, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """All inputs of a task, and the account that works on it.

    ``data`` and ``models`` in the document's order; ``local`` is the plan's folder here.
    """

    worker: Account
    algo: Input | None = None
    bundle: Input | None = None
    metric: Input | None = None
    opener: Input | None = None
    data: tuple[Input, ...] = ()
    models: tuple[Input, ...] = ()
    local: Path | None = None

    @property
    def digests(self) -> tuple[Digest, ...]:
        """Every input's digest once: algo, bundle, metric, opener, data, models."""
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
    """Look every input up. ``models`` are the digests of the document's models, in its order.

    ``folder_of`` answers the folder of a tree, fetching it when needed; each digest is asked for once.
    """
    known: dict[Digest, Input] = {}

    def of_digest(digest: Digest) -> Input:
        if digest not in known:
            known[digest] = input_in(folder_of(digest), digest)
        return known[digest]

    def of_key(key: AssetKey | None) -> Input | None:
        return of_digest(asset_ref(key).digest) if key else None

    return Inputs(
        worker=worker,
        bundle=of_key(document.bundle),
        algo=of_key(document.algo.source if document.algo else None),
        metric=of_key(document.metric.source if document.metric else None),
        opener=of_key(document.opener),
        data=tuple(of_digest(asset_ref(key).digest) for key in document.data),
        models=tuple(of_digest(digest) for digest in models),
        local=local,
    )


def once(inputs: tuple[Input, ...]) -> tuple[Input, ...]:
    """A tree that is named twice is one mount."""
    return tuple({item.digest: item for item in inputs}.values())


def model_entry(model: Input) -> Path:
    """What an earlier task left as its model: ``model/model``, or the one file or folder, or else the whole tree."""
    if "model" in (*model.files, *model.folders):
        return model.folder / "model"
    alone = (*model.files, *model.folders)
    return model.folder / alone[0] if len(alone) == 1 else model.folder


def input_in(folder: Path, digest: Digest) -> Input:
    entries = sorted(folder.iterdir())
    return Input(
        digest=digest,
        folder=folder,
        files=tuple(entry.name for entry in entries if entry.is_file()),
        folders=tuple(entry.name for entry in entries if entry.is_dir()),
    )
