"""Setup of the chain tests: a development chain's funded accounts, and a creator's assets and tasks."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from node_runtime.domain.assets import (
    Account,
    Asset,
    AssetKind,
    AssetRef,
    Digest,
    Direction,
    Label,
    ObjectiveId,
    Visibility,
)
from node_runtime.domain.task import UNIT, Kind, Output, Result, Review, Spec, TaskId, Terms
from node_runtime.errors import ChainRefused
from node_runtime.substrate.client import SubstrateChain, connect
from node_runtime.substrate.memory import MemoryNetwork

HOUR = 3_600_000
REWARD = 3 * UNIT
BOND = UNIT


def some_digest() -> Digest:
    return Digest(secrets.token_hex(32))


@dataclass(frozen=True, kw_only=True)
class World:
    """Three accounts at one chain: a creator, a worker and a third party."""

    creator: SubstrateChain
    worker: SubstrateChain
    other: SubstrateChain

    def close(self) -> None:
        for chain in (self.creator, self.worker, self.other):
            chain.close()

    def asset(self, kind: AssetKind, label: Label | None = None) -> Asset:
        """Return an unregistered asset of the creator with unique content."""
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
        """Make a block and return the chain's time, which advances with blocks only."""
        self.other.create_plan()
        return self.other.now()

    def training(self, *, window: int = 0) -> TaskId:
        return self.creator.create_task(self.terms(window=window), self.training_spec())

    def objective(self) -> tuple[ObjectiveId, tuple[AssetRef, ...]]:
        """Create an objective with one Test sample; return it with its metric, opener and sample."""
        metric, opener = self.asset(AssetKind.METRIC), self.asset(AssetKind.OPENER)
        sample = self.asset(AssetKind.DATA_SAMPLE, Label.TEST)
        self.creator.register_assets([metric, opener, sample])
        objective = self.creator.create_objective(
            name=f"Ziffern größer 0x10 {secrets.token_hex(4)}",
            metric=metric.ref.digest,
            opener=opener.ref.digest,
            direction=Direction.HIGHER,
            tolerance=Decimal("0.001"),
            samples=[sample.ref.digest],
        )
        return objective, (metric.ref, opener.ref, sample.ref)


def model_result() -> Result:
    return Result(digest=some_digest(), outputs=(Output(name="model", digest=some_digest()),), uri="cas:")


def open_world(url: str) -> World:
    return World(creator=connect(url, "//Alice"), worker=connect(url, "//Bob"), other=connect(url, "//Charlie"))


def world_of(network: MemoryNetwork) -> World:
    """Return the same three accounts at a chain in memory."""
    return World(
        creator=network.connect("//Alice"), worker=network.connect("//Bob"), other=network.connect("//Charlie")
    )


def refusal(rule: str, call: Callable[[], object]) -> ChainRefused:
    """Return the refusal that names this rule; check that it has a reason and a remedy."""
    with pytest.raises(ChainRefused) as caught:
        call()
    assert caught.value.rule == rule
    assert caught.value.remedy
    return caught.value
