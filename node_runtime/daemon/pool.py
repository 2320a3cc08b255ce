"""What room is left on this machine: the pool of slots, CPU, memory and disk that attempts are admitted from."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from node_runtime.document import Document, Limits
from node_runtime.units import size

COPIES = 2  # an output exists where the container wrote it and once more while it is collected
STAGES_WITH_OUTPUTS = {"scoring": 2}  # predict and metrics each write into a folder of their own


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one attempt may use at most. ``memory`` and ``disk`` in bytes."""

    cpus: float
    memory: int
    disk: int

    def beyond(self, room: "Demand") -> str:
        """Which resources it has more of than `room`, and how much of each; empty when it fits."""
        said = []
        if self.cpus > room.cpus:
            said.append(f"{self.cpus:g} CPUs of {max(room.cpus, 0):g}")
        if self.memory > room.memory:
            said.append(f"{size(self.memory)} memory of {size(max(room.memory, 0))}")
        if self.disk > room.disk:
            said.append(f"{size(self.disk)} disk of {size(max(room.disk, 0))}")
        return ", ".join(said)


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """A share of the pool: a slot's number, counted from 0, and what was demanded."""

    slot: int
    demand: Demand


@dataclass(frozen=True, kw_only=True)
class Shortage:
    """Why there is no room. ``lasting`` when this pool can never admit it, however idle the node is."""

    message: str
    lasting: bool


def demand_of(document: Document) -> Demand:
    limits: Limits = document.limits
    folders = STAGES_WITH_OUTPUTS.get(document.kind, 1)
    return Demand(cpus=limits.cpus, memory=limits.memory, disk=limits.outputs * folders * COPIES)


class Pool:
    """Admits demands one by one. Safe to share between threads.

    ``free_disk`` answers the bytes left where the work folder lies; ``disk_floor`` are bytes never to be promised.
    """

    def __init__(self, *, slots: int, room: Demand, disk_floor: int, free_disk: Callable[[], int]) -> None:
        self._free_slots = list(range(slots))
        self._room = room
        self._disk_floor = disk_floor
        self._free_disk = free_disk
        self._taken: list[Reservation] = []
        self._guard = threading.Lock()

    @property
    def has_free_slot(self) -> bool:
        return bool(self._free_slots)

    def admit(self, demand: Demand, *, slot: int | None = None) -> Reservation | Shortage:
        """A share of the pool, in the given ``slot`` if that is free."""
        with self._guard:
            shortage = self._never(demand) or self._not_now(demand)
            if shortage:
                return shortage
            taken = slot if slot in self._free_slots else self._free_slots[0]
            self._free_slots.remove(taken)
            reservation = Reservation(slot=taken, demand=demand)
            self._taken.append(reservation)
            return reservation

    def release(self, reservation: Reservation) -> None:
        """Give the share back. May be repeated."""
        with self._guard:
            if any(taken is reservation for taken in self._taken):
                self._taken = [taken for taken in self._taken if taken is not reservation]
                self._free_slots = sorted([*self._free_slots, reservation.slot])

    def _never(self, demand: Demand) -> Shortage | None:
        beyond = demand.beyond(self._room)
        return Shortage(message=f"it asks for more than the whole pool: {beyond}", lasting=True) if beyond else None

    def _not_now(self, demand: Demand) -> Shortage | None:
        if not self._free_slots:
            return Shortage(message=f"all {len(self._taken)} slots are taken", lasting=False)
        cpus = self._room.cpus - sum(taken.demand.cpus for taken in self._taken)
        memory = self._room.memory - sum(taken.demand.memory for taken in self._taken)
        promised = sum(taken.demand.disk for taken in self._taken)
        # what running tasks have written already counts twice here: too careful for a while, never too bold
        disk = min(self._room.disk, self._free_disk() - self._disk_floor) - promised
        beyond = demand.beyond(Demand(cpus=cpus, memory=memory, disk=disk))
        if not beyond:
            return None
        floor = f", above the disk floor of {size(self._disk_floor)}" if demand.disk > disk else ""
        return Shortage(message=f"it asks for more than is left: {beyond}{floor}", lasting=False)
