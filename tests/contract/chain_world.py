"""What do chain tests start from? Accounts that a development chain endows, and the assets and tasks of a creator."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from node_runtime.chain.client import SubstrateChain, connect
from node_runtime.errors import ChainRefused
from node_runtime.task import (
    UNIT,
    Account,
    Asset,
    AssetKind,
    AssetRef,
    Digest,
    Direction,
    Kind,
    Label,
    ObjectiveId,
    Output,
    Result,
    Review,
    Spec,
    TaskId,
    Terms,
    Visibility,
)

HOUR = 3_600_000
REWARD = 3 * UNIT
BOND = UNIT


def some_digest() -> Digest:
    return Digest(secrets.token_hex(32))


@dataclass(frozen=True, kw_only=True)
class World:
    """Three accounts at one chain: who creates, who works, and somebody else."""

    creator: SubstrateChain
    worker: SubstrateChain
    other: SubstrateChain

    def close(self) -> None:
        for chain in (self.creator, self.worker, self.other):
            chain.close()

    def asset(self, kind: AssetKind, label: Label | None = None) -> Asset:
        """An asset of the creator with bytes nobody had before; not registered yet."""
        ref = AssetRef(owner=self.creator.account, digest=some_digest())
        return Asset(ref=ref, kind=kind, label=label, visibility=Visibility.SHARED, uri="cas:")

    def registered(self, kind: AssetKind, label: Label | None = None) -> AssetRef:
        asset = self.asset(kind, label)
        self.creator.register_assets([asset])
        return asset.ref

    def spec(self, *assets: AssetRef) -> Spec:
        return Spec(digest=some_digest(), uri="cas:", assets=assets, models=(), parents=(), objectives=())

    def training_spec(self, *objectives: ObjectiveId) -> Spec:
        algo, opener = self.asset(AssetKind.ALGO), self.asset(AssetKind.OPENER)
        sample = self.asset(AssetKind.DATA_SAMPLE, Label.TRAIN)
        self.creator.register_assets([algo, opener, sample])
        return replace(self.spec(algo.ref, opener.ref, sample.ref), objectives=objectives)

    def terms(self, kind: Kind = Kind.TRAINING, *, window: int = 0, judge: Account | None = None) -> Terms:
        return Terms(
            kind=kind,
            reward=REWARD,
            bond=BOND,
            slots=1,
            max_rejects=1,
            max_failures=1,
            review=Review(judge=judge or self.creator.account, window=window),
            deadline=self.now() + HOUR,
            timeout=HOUR // 2,
        )

    def now(self) -> int:
        """The chain's clock, which at instant sealing moves with blocks only: so one is made."""
        self.other.create_plan()
        return self.other.now()

    def training(self, *, window: int = 0) -> TaskId:
        return self.creator.create_task(self.terms(window=window), self.training_spec())

    def objective(self) -> tuple[ObjectiveId, tuple[AssetRef, ...]]:
        """An objective with one Test sample, and its metric, opener and sample."""
        metric, opener = self.asset(AssetKind.METRIC), self.asset(AssetKind.OPENER)
        sample = self.asset(AssetKind.DATA_SAMPLE, Label.TEST)
        self.creator.register_assets([metric, opener, sample])
        objective = self.creator.create_objective(
            name="Ziffern größer 0x10",
            metric=metric.ref.digest,
            opener=opener.ref.digest,
            direction=Direction.HIGHER,
            tolerance=1000,
            samples=[sample.ref.digest],
        )
        return objective, (metric.ref, opener.ref, sample.ref)


def model_result() -> Result:
    return Result(digest=some_digest(), outputs=(Output(name="model", digest=some_digest()),), uri="cas:")


def open_world(url: str) -> World:
    return World(creator=connect(url, "//Alice"), worker=connect(url, "//Bob"), other=connect(url, "//Charlie"))


def refusal(rule: str, call: Callable[[], object]) -> ChainRefused:
    """The refusal that names this rule; every one says what is wrong and what to do."""
    with pytest.raises(ChainRefused) as caught:
        call()
    assert caught.value.rule == rule
    assert caught.value.remedy
    return caught.value
