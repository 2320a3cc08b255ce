"""The three seams: the chain, the asset store and the container engine.

Each Protocol states what may be repeated, in which order calls come, and from which threads. Every adapter passes the
contract suite in ``tests/contract`` of its seam.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from node_runtime.errors import FailureCategory
from node_runtime.task import (
    Account,
    Asset,
    AssetRef,
    Assignment,
    Balance,
    Digest,
    Direction,
    Kind,
    Model,
    Objective,
    ObjectiveId,
    PlanId,
    Result,
    Spec,
    Submission,
    SubmissionId,
    Task,
    TaskId,
    Terms,
)

Say = Callable[[str], None]
"""Takes a line for the person at a command: what is being done, or what has happened."""


class Chain(Protocol):
    """One account's view of the chain. Safe to share between threads.

    Reads answer from the last finalised block; what is not there reads as ``None`` or an empty tuple. Calls are signed
    by `account`, return once their block is finalised, and raise `ChainRefused` naming the broken rule, or
    `ChainUnavailable`. After `ChainUnavailable` a call may or may not have happened: look, then repeat it.
    """

    @property
    def account(self) -> Account: ...

    def now(self) -> int:
        """The chain's clock at the finalised head, ms."""
        ...

    def balance(self, account: Account) -> Balance: ...
    def asset(self, ref: AssetRef) -> Asset | None: ...
    def assets_of(self, owner: Account) -> tuple[Asset, ...]: ...
    def objective(self, objective: ObjectiveId) -> Objective | None: ...
    def objectives_of(self, owner: Account) -> tuple[Objective, ...]: ...
    def model(self, submission: SubmissionId) -> Model | None: ...
    def task(self, task: TaskId) -> Task | None: ...
    def spec(self, task: TaskId) -> Spec | None: ...
    def open_tasks(self, kind: Kind) -> tuple[TaskId, ...]: ...
    def offers(self, worker: Account) -> tuple[TaskId, ...]: ...
    def tasks_of(self, creator: Account) -> tuple[TaskId, ...]: ...
    def assignment(self, worker: Account, task: TaskId) -> Assignment | None: ...
    def assignments(self, worker: Account) -> tuple[Assignment, ...]: ...
    def attempts(self, task: TaskId) -> tuple[Assignment, ...]:
        """The latest attempt of each account that took the task, oldest first."""
        ...

    def submissions(self, task: TaskId) -> tuple[Submission, ...]: ...
    def reviews(self, judge: Account) -> tuple[tuple[TaskId, SubmissionId], ...]: ...

    def pay(self, account: Account, amount: int) -> None:
        """Send base units to an account; the sender's own account is never emptied."""
        ...

    def register_assets(self, assets: Sequence[Asset]) -> None:
        """Register assets of this account (``ref.owner`` must be it). The same again is success, free of charge."""
        ...

    def create_objective(
        self,
        *,
        name: str,
        metric: Digest,
        opener: Digest,
        direction: Direction,
        tolerance: int,
        samples: Sequence[Digest],
    ) -> ObjectiveId: ...

    def create_plan(self) -> PlanId: ...
    def cancel_plan(self, plan: PlanId, *, abort: bool) -> None: ...
    def create_task(self, terms: Terms, spec: Spec) -> TaskId: ...
    def cancel_task(self, task: TaskId, *, abort: bool) -> None: ...
    def resume_task(self, task: TaskId) -> None: ...
    def assign_task(self, task: TaskId) -> Assignment: ...
    def send_task_result(self, task: TaskId, epoch: int, result: Result) -> SubmissionId:
        """The same result again is success and answers the same submission."""
        ...

    def report_failure(self, task: TaskId, epoch: int, category: FailureCategory, log: Digest) -> None: ...
    def confirm_failure(self, task: TaskId, worker: Account) -> None:
        """The creator says that the report was right: its fee goes back to the worker."""
        ...

    def hand_back(self, task: TaskId, epoch: int) -> None: ...
    def accept_task_results(self, task: TaskId, submission: SubmissionId) -> None: ...
    def reject_task_results(self, task: TaskId, submission: SubmissionId, reason: str) -> None: ...
    def purge_task(self, task: TaskId) -> None:
        """Remove the records of a task that has been final for the chain's retention period."""
        ...

    def settle(self, task: TaskId) -> None:
        """Poke the task: settle what has fallen due on it and its attempts. Harmless when nothing is due."""
        ...

    def catch_up(self) -> None:
        """Wait until what this account has sent is final, also by programs that were ended before they knew."""
        ...


class AssetStore(Protocol):
    """Where trees are kept by their digest. Safe to share between threads and processes.

    Every call may be repeated; storing what is already there is success. Bytes are verified while they stream.
    """

    def put(self, source: Path, *, stop: threading.Event | None = None) -> Digest:
        """Store a folder or a single regular file, all of it or nothing.

        Raises `StorageError` for links, devices and sockets in it, also soon after ``stop`` is set.
        """
        ...

    def fetch(
        self, digest: Digest, target: Path, *, stop: threading.Event | None = None, most: int | None = None
    ) -> None:
        """Write the tree to `target`, which must not exist: all of it, verified, or nothing.

        Raises `AssetUnavailable`, also soon after ``stop`` is set, `AssetMismatch`, or `StorageError` for more than
        ``most`` files (default: as many as a tree may have), before the first is written.
        """
        ...

    def has(self, digest: Digest) -> bool: ...

    def size(self, digest: Digest) -> int:
        """Bytes of its files. Raises `AssetUnavailable` unless all of it is there, or `AssetMismatch`."""
        ...

    def read_file(self, digest: Digest, name: str, *, limit: int) -> bytes:
        """The only file of a tree, by its name, without looking further into a tree of more than ``limit`` bytes.

        Raises `AssetUnavailable`, `AssetMismatch`, or `StorageError` for a tree that is larger or something else.
        """
        ...

    def uri(self, digest: Digest) -> str:
        """Where others find it, e.g. ``cas:``."""
        ...


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder or file of the host seen by a container; read-only unless it has a quota."""

    source: Path
    target: str
    quota: int | None = None  # bytes a container may write there; None: read-only


@dataclass(frozen=True, kw_only=True)
class ImageSource:
    """A folder with a Dockerfile and its tree digest, or a ready image by digest (then the folder isn't built)."""

    folder: Path
    digest: Digest
    image: str | None = None


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """What to run. `name` is the run's identity: the same name again means the same run, adopted or read back.

    It begins with the node's name and a dash: so the node knows what it started, whatever labels an image brings.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    image: str  # image id
    arguments: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    environment: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    cpus: float
    memory: int  # bytes
    timeout: float  # seconds
    log: Path  # where its capped output is written on the host
    slot: int = 0  # which of the node's slots it runs in


@dataclass(frozen=True, kw_only=True)
class ContainerRun:
    """How a container ended. `failure` is None when it exited 0 within its limits."""

    image: str
    exit_code: int | None
    seconds: float
    peak_memory: int | None  # bytes, the largest sample
    failure: FailureCategory | None
    message: str  # one line for a person, empty when all went well
    adopted: bool = False


@dataclass(frozen=True, kw_only=True)
class RunningContainer:
    name: str
    labels: tuple[tuple[str, str], ...] = field(default=())
    running: bool


class ContainerEngine(Protocol):
    """Runs containers in the sandbox. Safe to share between threads; one `run` per name at a time.

    Our own trouble (no engine, disk full) raises `HostError`; what the task does wrong is told in `ContainerRun`.
    """

    def image(self, source: ImageSource, *, log: Callable[[str], None], stop: threading.Event | None = None) -> str:
        """The image id, building or pulling it once. Raises `TaskFailed` image_unavailable or image_refused.

        Setting `stop` ends building and pulling early (category policy).
        """
        ...

    def answers(self) -> bool:
        """Whether it answers now, within seconds: without it nothing can be run."""
        ...

    def can_have_image(self, digest: Digest, ready: str | None) -> bool:
        """Whether `image` may answer for a folder of this digest with that ready image, as far as it can be known now.

        Asked before the folder is fetched: an image is here or offered by a registry, or this node builds.
        """
        ...

    def prune(self) -> int:
        """Remove the images this node built, but those a container uses; how many were. The next task rebuilds."""
        ...

    def open_folder(self, folder: Path, *, quota: int) -> None:
        """Make `folder` one that cannot outgrow `quota` bytes, as far as this host can. May be repeated."""
        ...

    def close_folder(self, folder: Path) -> None:
        """Undo `open_folder`: the folder and its contents are gone afterwards. May be repeated."""
        ...

    def run(self, container: ContainerSpec, *, stop: threading.Event) -> ContainerRun:
        """Run to the end, or adopt the run of that name. Setting `stop` stops the container early (category policy).

        Raises `HostError`, having removed it, where the end of the container that an earlier process began would say
        nothing of the task: it is to be run again, in folders that are opened anew.
        """
        ...

    def run_with_terminal(
        self, container: ContainerSpec, *, keyboard: int, screen: int, stop: threading.Event
    ) -> ContainerRun:
        """The same with a person at a terminal: descriptors of what they type and of what they see.

        The terminal is as it was afterwards, however this ends. One run at a time on one terminal. Ctrl-] three times
        in a row sets ``stop``.
        """
        ...

    def list(self) -> tuple[RunningContainer, ...]:
        """The containers of this node, running or ended, found by label."""
        ...

    def remove(self, name: str) -> None:
        """Kill and remove; a name that is not there is success."""
        ...

    def close(self) -> None:
        """Remove what the engine keeps for itself (namespace holders)."""
        ...
