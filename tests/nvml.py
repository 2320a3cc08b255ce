"""A stand-in for the module `pynvml`: the GPUs of a machine that has none. Errors and constants are that module's."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

GIB = 1 << 30


@dataclass(kw_only=True)
class Card:
    """A GPU; with ``instances`` MIG divides it. ``lost`` since it fell off the bus. ``used`` bytes are not free."""

    uuid: str
    name: str = "NVIDIA H200"
    memory: int = 139 * GIB
    used: int = 0
    lost: bool = False
    instances: "Sequence[Card] | None" = None


@dataclass(kw_only=True)
class StandIn:
    """``failing``: the error that loading the driver ends in. ``opened`` counts its users."""

    cards: list[Card] = field(default_factory=list)
    failing: Exception | None = None
    opened: int = 0

    def __getattr__(self, name: str) -> Any:
        assert name.startswith("NVML"), f"the stand-in has no {name}"
        return getattr(pynvml, name)

    def nvmlInit(self) -> None:
        if self.failing is not None:
            raise self.failing
        self.opened += 1

    def nvmlShutdown(self) -> None:
        self.opened -= 1

    def nvmlDeviceGetCount(self) -> int:
        assert self.opened
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        if self.cards[index].lost:
            raise error(pynvml.NVML_ERROR_GPU_IS_LOST)
        return self.cards[index]

    def nvmlDeviceGetMigMode(self, card: Card) -> tuple[int, int]:
        if card.instances is None:
            raise error(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return pynvml.NVML_DEVICE_MIG_ENABLE, pynvml.NVML_DEVICE_MIG_ENABLE

    def nvmlDeviceGetMaxMigDeviceCount(self, _card: Card) -> int:
        return 7

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, index: int) -> Card:
        if card.instances is None or index >= len(card.instances):
            raise error(pynvml.NVML_ERROR_NOT_FOUND)
        return card.instances[index]

    def nvmlDeviceGetName(self, card: Card) -> str:
        return card.name

    def nvmlDeviceGetUUID(self, card: Card) -> str:
        return card.uuid

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> SimpleNamespace:
        return SimpleNamespace(total=card.memory, used=card.used, free=card.memory - card.used)


def error(value: int) -> Exception:
    made: Exception = pynvml.NVMLError(value)
    return made


def stand_in(monkeypatch: pytest.MonkeyPatch, *cards: Card, failing: Exception | None = None) -> StandIn:
    """Give this process these GPUs for the test."""
    made = StandIn(cards=list(cards), failing=failing)
    monkeypatch.setitem(sys.modules, "pynvml", made)
    return made
