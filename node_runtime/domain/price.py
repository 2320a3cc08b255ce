"""Prices in base units: the chain's bounds of terms, what a draft takes, what an attempt without a result costs."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .assets import Asset, AssetRef, Objective
from .permissions import Admits, Permissions
from .task import Assignment, Spec, Terms

_QUARTER = 4


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """The chain's bounds of a task and its result: amounts in base units, times in ms, lengths in bytes."""

    min_reward: int
    max_reward: int
    min_bond: int
    rewards_per_bond: int  # a bond is at most so many rewards ...
    bond_allowance: int  # ... and this
    reject_fee: int  # hundredths of the reward that a rejection costs each side
    max_slots: int
    max_failures: int
    rejects_per_slot: int
    max_duration: int  # until the deadline
    min_timeout: int
    max_timeout: int
    max_window: int
    max_inputs: int  # assets and models of a task
    max_models: int  # that one is made from
    max_objectives: int  # that a task names
    max_name: int  # of an objective, or of a number of a perf.json
    max_numbers: int  # of a perf.json, the score included
    max_output_name: int
    max_reason: int  # of a rejection
    max_hand_backs: int  # at a price, which end an account's attempts
    retention: int  # that a final task's records are kept
    evidence: int  # that they are kept longer, after a rejection or from others than the creator

    @classmethod
    def of(cls, *, tasks: Mapping[str, int], registry: Mapping[str, int]) -> "Bounds":
        """Build from the constants of both pallets, by their names in the runtime's metadata."""
        return cls(
            min_reward=tasks["MinReward"],
            max_reward=tasks["MaxReward"],
            min_bond=tasks["MinBond"],
            rewards_per_bond=tasks["MaxBondPerReward"],
            bond_allowance=tasks["BondAllowance"],
            reject_fee=tasks["RejectFee"],
            max_slots=tasks["MaxSlots"],
            max_failures=tasks["MaxFailures"],
            rejects_per_slot=tasks["MaxRejectsPerSlot"],
            max_duration=tasks["MaxDuration"],
            min_timeout=tasks["MinTimeout"],
            max_timeout=tasks["MaxTimeout"],
            max_window=tasks["MaxWindow"],
            max_inputs=tasks["MaxInputs"],
            max_models=registry["MaxModels"],
            max_objectives=registry["MaxObjectives"],
            max_name=registry["MaxName"],
            max_numbers=tasks["MaxNumbers"],
            max_output_name=tasks["MaxOutputName"],
            max_reason=tasks["MaxReason"],
            max_hand_backs=tasks["MaxHandBacks"],
            retention=tasks["RetentionPeriod"],
            evidence=tasks["EvidencePeriod"],
        )

    def rejection(self, reward: int) -> int:
        """Return the base units that the rejection of a result costs each side."""
        return -(-reward * self.reject_fee // 100)


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Assets to register, objectives and tasks to create, in a plan or not. Ids that aren't known yet are 0.

    ``permissions`` are those of assets that don't give everyone all rights, ``admits`` those of objectives, by name.
    """

    assets: tuple[Asset, ...]
    objectives: tuple[Objective, ...]
    plan: bool
    tasks: tuple[tuple[Terms, Spec], ...]
    permissions: Mapping[AssetRef, Permissions] = field(default_factory=dict)
    admits: Mapping[str, Admits] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Price:
    """Base units that a draft takes from what an account has free.

    ``rewards``, ``rejections``, ``specs`` and ``records`` are held: what isn't used comes back, the price of specs with
    the purge of their tasks. ``bytes``, those of assets, objectives and the plan, are paid for good, and so are
    ``fees``, which are the most that the ``transactions`` cost. ``kept`` is what no account can spend.
    """

    rewards: int
    rejections: int
    specs: int
    records: int
    bytes: int
    fees: int
    transactions: int
    kept: int

    @property
    def escrow(self) -> int:
        return self.rewards + self.rejections

    @property
    def total(self) -> int:
        return self.escrow + self.specs + self.records + self.bytes + self.fees


def attempt_price(assignment: Assignment, *, now: int) -> int:
    """Return the base units that a hand-back costs and a failure report keeps held.

    A quarter of the bond for the whole allowed time, proportionally less for a shorter time.
    """
    held, allowed = _times(assignment, now)
    return -(-assignment.bond * held // (_QUARTER * allowed))


def pay_when_aborted(assignment: Assignment, reward: int, *, now: int) -> int:
    """Return base units: the whole reward from a quarter of the allowed time on, before that a proportional share."""
    held, allowed = _times(assignment, now)
    return min(reward, reward * _QUARTER * held // allowed)


def _times(assignment: Assignment, now: int) -> tuple[int, int]:
    allowed = max(1, assignment.due - assignment.since)
    return min(max(0, now - assignment.since), allowed), allowed
