"""Open tasks that any node may claim, many at once: trainings of one algo and one sample."""

from collections.abc import Sequence
from pathlib import Path

from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Digest, Label, Visibility
from node_runtime.domain.document import FILE_NAME, Image, Limits
from node_runtime.domain.task import UNIT, Kind, Review, Spec, TaskId, Terms
from node_runtime.kinds.training import TrainingDocument
from node_runtime.ports.chain import Chain
from node_runtime.stores.local import LocalStore

HOUR = 3_600_000
MIB = 1 << 20
_BATCH = 50  # tasks per transaction: what a block has room for


class SharedTasks:
    """A creator's tasks in a store of their own; ``timeout`` of an attempt in ms.

    The algo is the folder ``algo``, or one that no engine but that of a test can build.
    """

    def __init__(self, creator: Chain, folder: Path, *, algo: Path | None = None, timeout: int = HOUR) -> None:
        self.storage = folder / "store"
        self._creator = creator
        self._store = LocalStore(self.storage)
        self._timeout = timeout
        source = algo or folder / "algo"
        if algo is None:
            source.write_text("a program of the test\n")
        sample, document = folder / "sample.txt", folder / FILE_NAME
        sample.write_text("nothing\n")
        assets = [self._asset(AssetKind.ALGO, source), self._asset(AssetKind.DATA_SAMPLE, sample)]
        creator.register_assets(assets)
        self.algo: Digest = assets[0].ref.digest
        limits = Limits(cpus=0.5, memory=64 * MIB, timeout=600, outputs=MIB, scratch=MIB)
        training = TrainingDocument(
            name="shared", algo=Image(source=str(assets[0].ref)), data=(str(assets[1].ref),), limits=limits
        )
        document.write_bytes(training.encode())
        digest = self._store.put(document)
        self._spec = Spec(
            digest=digest,
            uri=self._store.uri(digest),
            assets=tuple(asset.ref for asset in assets),
            models=(),
            parents=(),
            objectives=(),
        )

    def create(self, count: int) -> Sequence[TaskId]:
        terms = self._terms()
        made: list[TaskId] = []
        while len(made) < count:
            made += self._creator.create_tasks([(terms, self._spec)] * min(_BATCH, count - len(made)))
        return made

    def _terms(self) -> Terms:
        return Terms(
            kind=Kind.TRAINING,
            reward=UNIT,
            bond=UNIT,
            slots=1,
            max_rejects=1,
            max_failures=3,
            review=Review(judge=self._creator.account, window=0),
            deadline=self._creator.now() + 24 * HOUR,
            timeout=self._timeout,
        )

    def _asset(self, kind: AssetKind, path: Path) -> Asset:
        digest = self._store.put(path)
        return Asset(
            ref=AssetRef(owner=self._creator.account, digest=digest),
            kind=kind,
            label=Label.TRAIN if kind is AssetKind.DATA_SAMPLE else None,
            visibility=Visibility.SHARED,
            uri=self._store.uri(digest),
        )
