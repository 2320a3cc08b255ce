"""The resource pool of a node: slots, CPU, memory, disk and GPUs."""

import threading
from collections.abc import Callable, Set
from dataclasses import dataclass, replace

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.document import Document, Limits
from node_runtime.domain.units import gpus, size
from node_runtime.errors import HostError
from node_runtime.kinds import kind_of

from .gpus import GpuPool, GpuView

COPIES = 2  # an output exists twice while it is collected


@dataclass(frozen=True, kw_only=True)
class ResourceRequest:
    """The most that one attempt may use. ``memory``, ``disk`` and the ``gpu_memory`` of each GPU in bytes."""

    cpus: float
    memory: int
    disk: int
    gpus: int = 0
    gpu_memory: int = 0

    def beyond(self, room: "ResourceRequest", told: str) -> str:
        """Describe the resources that exceed `room`, which the pattern ``told`` states; empty when the request fits."""
        said = []
        if self.cpus > room.cpus:
            said.append(f"{self.cpus:g} CPUs asked, {told.format(f'{max(room.cpus, 0):g}')}")
        if self.memory > room.memory:
            said.append(f"{size(self.memory)} of memory asked, {told.format(size(max(room.memory, 0)))}")
        if self.disk > room.disk:
            said.append(f"{size(self.disk)} of disk asked, {told.format(size(max(room.disk, 0)))}")
        if self.gpus > room.gpus:
            said.append(f"{gpus(self.gpus, self.gpu_memory)} asked, {told.format(room.gpus)}")
        return "; ".join(said)


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """A share of the pool: the slot, counted from 0, and the resources requested. ``private``: by private data.

    ``gpus`` are the UUIDs of the GPUs that are its own.
    """

    slot: int
    demand: ResourceRequest
    private: bool = False
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Insufficient:
    """Why a request was refused. ``lasting``: it exceeds the whole pool."""

    message: str
    lasting: bool


def demand_of(document: Document) -> ResourceRequest:
    limits: Limits = document.limits
    folders = kind_of(document).spec.stages  # one per container
    # scratch in the bundle's folder; scratch in /tmp counts as memory
    beside = limits.scratch if document.asset_of(AssetKind.BUNDLE) else 0
    local = (limits.local or 0) * COPIES if kind_of(document).writes_local else 0
    disk = limits.outputs * folders * COPIES + beside + local
    return ResourceRequest(
        cpus=limits.cpus,
        memory=limits.memory,
        disk=disk,
        gpus=limits.gpus or 0,
        gpu_memory=limits.gpu_memory or 0,
    )


@dataclass(frozen=True, kw_only=True)
class PoolUse:
    """The pool at one moment: slots and resources, in whole and reserved; ``free_disk`` and ``disk_floor`` in bytes.

    ``gpus`` are the UUIDs of those that are reserved.
    """

    slots: int
    slots_used: int
    room: ResourceRequest
    reserved: ResourceRequest
    free_disk: int
    disk_floor: int
    gpus: frozenset[str]


class ResourcePool:
    """Admits requests one by one. Thread-safe.

    With ``private_alone`` attempts on private data and others never run at the same time: a creator of both could pass
    bytes from one to the other by the load of the machine. Those that had to wait are next.

    ``free_disk`` returns the free bytes on the work folder's disk; ``disk_floor`` bytes of it are never reserved.
    """

    def __init__(
        self,
        *,
        slots: int,
        room: ResourceRequest,
        disk_floor: int,
        free_disk: Callable[[], int],
        private_alone: bool = True,
        gpus: GpuPool | None = None,
    ) -> None:
        self._slots = slots
        self._free_slots = list(range(slots))
        self._room = room
        self._disk_floor = disk_floor
        self._free_disk = free_disk
        self._private_alone = private_alone
        self._gpus = gpus
        self._taken: list[Reservation] = []
        self._next: bool | None = None  # whether private ones wait for the others to end, or these for them
        self._guard = threading.Lock()

    @property
    def has_free_slot(self) -> bool:
        return bool(self._free_slots)

    def use(self) -> PoolUse:
        """Return what is reserved now."""
        with self._guard:
            return PoolUse(
                slots=self._slots,
                slots_used=len(self._taken),
                room=self._room,
                reserved=self._reserved(),
                free_disk=self._free_disk(),
                disk_floor=self._disk_floor,
                gpus=self._reserved_gpus(),
            )

    def admit(
        self, demand: ResourceRequest, *, slot: int | None = None, private: bool = False, gpus: tuple[str, ...] = ()
    ) -> Reservation | Insufficient:
        """Reserve a share of the pool, in the given ``slot`` if that is free.

        ``gpus`` are those that a running container of the attempt has: it keeps them.
        """
        try:
            looked = self._look(demand, own=frozenset(gpus))  # not under the guard: driver and engine may be slow
        except HostError as error:
            return Insufficient(message=error.message, lasting=False)
        if len(looked.free) < len(gpus):
            if self._gpus is not None and all(map(self._gpus.gives, gpus)):
                return Insufficient(message="its container's GPU can't be read now", lasting=False)
            return Insufficient(message="its container has a GPU that this node gives no more", lasting=True)
        with self._guard:
            seen = looked.without(self._reserved_gpus())
            shortage = self._never(demand, seen) or self._not_together(private=private) or self._not_now(demand, seen)
            if shortage:
                return shortage
            self._next = None if self._next is private else self._next
            taken = slot if slot in self._free_slots else self._free_slots[0]
            self._free_slots.remove(taken)
            given = tuple(gpu.uuid for gpu in seen.free[: demand.gpus])
            reservation = Reservation(slot=taken, demand=demand, private=private, gpus=given)
            self._taken.append(reservation)
            return reservation

    def release(self, reservation: Reservation) -> None:
        """Return the share to the pool. Idempotent."""
        with self._guard:
            if any(taken is reservation for taken in self._taken):
                self._taken = [taken for taken in self._taken if taken is not reservation]
                self._free_slots = sorted([*self._free_slots, reservation.slot])

    def _reserved(self) -> ResourceRequest:
        return ResourceRequest(
            cpus=sum(taken.demand.cpus for taken in self._taken),
            memory=sum(taken.demand.memory for taken in self._taken),
            disk=sum(taken.demand.disk for taken in self._taken),
        )

    def _look(self, demand: ResourceRequest, *, own: Set[str]) -> GpuView:
        if self._gpus is None or not demand.gpus:
            return GpuView()
        return self._gpus.look(memory=demand.gpu_memory, own=own)

    def _reserved_gpus(self) -> frozenset[str]:
        return frozenset(gpu for taken in self._taken for gpu in taken.gpus)

    def _never(self, demand: ResourceRequest, seen: GpuView) -> Insufficient | None:
        unread = seen.unread and not demand.beyond(replace(self._room, gpus=demand.gpus), "")
        told = "the whole pool has {}" + (" that can be read now" if unread else "")
        beyond = demand.beyond(replace(self._room, gpus=len(seen.large)), told)
        return Insufficient(message=beyond, lasting=not unread) if beyond else None

    def _not_together(self, *, private: bool) -> Insufficient | None:
        if not self._taken:
            self._next = None  # whoever waited may be gone
        mixed = any(taken.private is not private for taken in self._taken)
        if mixed:
            self._next = private
        if not self._private_alone or (not mixed and self._next in (None, private)):
            return None
        sides = ("on private data", "on other data")
        here, there = sides if private else sides[::-1]
        message = f"tasks {here} don't run beside tasks {there}, which {'run now' if mixed else 'are next'}"
        return Insufficient(message=message, lasting=False)

    def _not_now(self, demand: ResourceRequest, seen: GpuView) -> Insufficient | None:
        if not self._free_slots:
            return Insufficient(message=f"all {len(self._taken)} slots are taken", lasting=False)
        reserved = self._reserved()
        cpus, memory = self._room.cpus - reserved.cpus, self._room.memory - reserved.memory
        # conservative: bytes that running tasks have already written count twice
        disk = min(self._room.disk, self._free_disk() - self._disk_floor) - reserved.disk
        room = ResourceRequest(cpus=cpus, memory=memory, disk=disk, gpus=len(seen.free))
        beyond = demand.beyond(room, "{} free now")
        if not beyond:
            return None
        floor = f", above the disk floor of {size(self._disk_floor)}" if demand.disk > disk else ""
        return Insufficient(message=f"{beyond}{floor}", lasting=False)
