"""Which folder does a task's attempt run in, and what of it does each container see?

    <work folder>/task-12-epoch-3/          0700, named after the attempt: found again after a restart
        stages/train/model/                 a folder the container writes into, bounded by the engine
        stages/train/started                there once the stage may have run
        logs/train.log

Everything here may run twice. Nothing follows a link a container left behind.
"""

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from node_runtime.document import MOST_IN_BUNDLE
from node_runtime.errors import FailureCategory, HostError, TaskFailed
from node_runtime.outputs import check_entry
from node_runtime.ports import ContainerEngine, ContainerSpec, Mount, RunningContainer
from node_runtime.stages import Carried, Stage, Writable
from node_runtime.storage.manifest import TreeTooLarge
from node_runtime.storage.removal import remove_tree
from node_runtime.storage.working_copy import copy_writable, room_of
from node_runtime.task import PlanId, TaskId
from node_runtime.trouble import host_trouble

_ATTEMPT = re.compile(r"task-(\d+)-epoch-(\d+)")
_STAGES, _LOGS = "stages", "logs"
_SLOT = "slot"  # a container's label


@dataclass(frozen=True, kw_only=True, order=True)
class AttemptId:
    """Which attempt: its epoch is the fencing token of this attempt alone."""

    task: TaskId
    epoch: int

    def __str__(self) -> str:
        return f"task-{self.task}-epoch-{self.epoch}"


class Workspaces:
    """The work folder of a node. Safe to share between threads; one attempt is used by one thread at a time.

    ``node`` is the node's id: names of containers start with it, so that two nodes may share an engine.
    """

    def __init__(self, root: Path, *, engine: ContainerEngine, node: str) -> None:
        self._root = root
        self._engine = engine
        self._node = node
        _make_private(root)

    def open(self, attempt: AttemptId) -> "Workspace":
        """The attempt's workspace, as it was left if it is there. Older epochs of the task are removed."""
        for left in self.left():
            if left.task == attempt.task and left.epoch < attempt.epoch:
                self._workspace(left).close()
        workspace = self._workspace(attempt)
        _make_private(workspace.folder)
        _make_private(workspace.logs)
        return workspace

    def left(self) -> tuple[AttemptId, ...]:
        """The attempts that have a workspace here, of this process or of one before it."""
        names = (_ATTEMPT.fullmatch(entry.name) for entry in self._root.iterdir())
        return tuple(sorted(AttemptId(task=TaskId(int(one[1])), epoch=int(one[2])) for one in names if one))

    def remove_containers(self, attempt: AttemptId) -> None:
        """Remove the attempt's containers and leave what they wrote. May be repeated."""
        self._workspace(attempt).remove_containers()

    def attempt_of(self, container: str) -> AttemptId | None:
        """Whose container has this name; None when it is of no attempt that could have its folder here."""
        found = re.match(rf"{re.escape(self._node)}-{_ATTEMPT.pattern}-", container)
        return AttemptId(task=TaskId(int(found[1])), epoch=int(found[2])) if found else None

    def slot_of(self, container: RunningContainer) -> int | None:
        """The node's slot that the container was made for; None when it doesn't tell."""
        given = dict(container.labels).get(_SLOT, "")
        return int(given) if given.isdecimal() else None

    def remove(self, attempt: AttemptId) -> None:
        """Remove the attempt's containers and folder. May be repeated."""
        self._workspace(attempt).close()

    def open_plan_folder(self, plan: PlanId, *, quota: int) -> Path:
        """The folder that the tasks of one plan share on this node, seen as ``/sandbox/local``. May be repeated."""
        folder = self._plan_folder(plan)
        _make_private(folder.parent.parent)
        _make_private(folder.parent)
        self._engine.open_folder(folder, quota=quota)
        return folder

    def remove_plan_folder(self, plan: PlanId) -> None:
        folder = self._plan_folder(plan)
        self._engine.close_folder(folder)
        _remove(folder.parent)

    def _plan_folder(self, plan: PlanId) -> Path:
        return self._root / "plans" / f"plan-{plan}" / "local"

    def _workspace(self, attempt: AttemptId) -> "Workspace":
        return Workspace(self._root / str(attempt), attempt=attempt, engine=self._engine, node=self._node)


class Workspace:
    """One attempt's folder. As a context manager it is closed at the end, however that comes."""

    def __init__(self, folder: Path, *, attempt: AttemptId, engine: ContainerEngine, node: str) -> None:
        self.folder = folder
        self.attempt = attempt
        self.logs = folder / _LOGS
        self._engine = engine
        self._node = node

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def container_name(self, stage: str) -> str:
        return f"{self._node}-{self.attempt}-{stage}"

    def log(self, stage: Stage) -> Path:
        return self.logs / f"{stage.name}.log"

    def output_folder(self, stage: str, name: str) -> Path:
        return self.folder / _STAGES / stage / name

    def prepare(self, stage: Stage, *, image: str, slot: int = 0) -> ContainerSpec:
        """What to run for `stage`, with its folders made. The stages before it have ended.

        After a restart the folders are as the container left them, as long as the engine still knows the container;
        otherwise they start empty again. Raises `TaskFailed` output_invalid when an earlier stage didn't leave what
        this one reads.
        """
        carried = tuple(self._carry(one, stage) for one in stage.carries)
        self._open_folders(stage, carried)
        written = tuple(
            Mount(source=self.output_folder(stage.name, one.name), target=one.target, quota=_quota(one, stage))
            for one in stage.writes
        )
        return ContainerSpec(
            name=self.container_name(stage.name),
            labels=(
                ("task", str(self.attempt.task)),
                ("epoch", str(self.attempt.epoch)),
                ("stage", stage.name),
                (_SLOT, str(slot)),
            ),
            image=image,
            arguments=stage.arguments,
            entrypoint=stage.entrypoint,
            environment=stage.environment,
            # a folder comes before what is mounted inside it
            mounts=(*written, *stage.reads, *carried),
            cpus=stage.limits.cpus,
            memory=stage.limits.memory,
            timeout=float(stage.limits.timeout),
            log=self.log(stage),
            slot=slot,
        )

    def close(self) -> None:
        """Remove the attempt's containers, its bounded folders and everything else of it. May be repeated."""
        self.remove_containers()
        for stage in _folders_in(self.folder / _STAGES):
            for folder in _folders_in(stage):
                self._engine.close_folder(folder)
        _remove(self.folder)

    def remove_containers(self) -> None:
        """Remove the containers of the attempt's stages. May be repeated."""
        for stage in _folders_in(self.folder / _STAGES):
            self._engine.remove(self.container_name(stage.name))

    def _open_folders(self, stage: Stage, carried: tuple[Mount, ...]) -> None:
        parent = self.folder / _STAGES / stage.name
        started = parent / "started"
        if started.exists() and not self._is_known(stage):
            for writable in stage.writes:
                self._engine.close_folder(parent / writable.name)
            started.unlink()
        _make_private(parent.parent)
        _make_private(parent)
        # each mount inside a writable folder needs a place there, of its own kind
        sources = {mount.target: mount.source for mount in (*stage.reads, *carried)}
        for writable in stage.writes:
            folder = parent / writable.name
            self._engine.open_folder(folder, quota=_quota(writable, stage))
            if started.exists():  # its container may run, and turn any name in there into a link
                continue
            _copy_into(folder, writable, without=stage.mount_points(writable))
            for name in stage.mount_points(writable):
                _make_mount_point(folder / name, sources[f"{writable.target}/{name}"])
        started.touch()

    def _is_known(self, stage: Stage) -> bool:
        name = self.container_name(stage.name)
        return any(container.name == name for container in self._engine.list())

    def _carry(self, carried: Carried, stage: Stage) -> Mount:
        """The only way from one stage to a later one: a regular file, or a folder of nothing but regular files."""
        source = self.output_folder(carried.stage, carried.name) / carried.entry
        check_entry(source, stage=carried.stage, bytes_allowed=stage.limits.outputs)
        return Mount(source=source, target=carried.target)


def _quota(writable: Writable, stage: Stage) -> int:
    """What is copied in beforehand is not counted as output. Raises `TaskFailed` for more files than fit a folder."""
    if writable.copied is None:
        return stage.limits.outputs
    try:
        return stage.limits.outputs + room_of(writable.copied, entries=MOST_IN_BUNDLE)
    except TreeTooLarge as error:
        raise _unfit(f"the bundle can't be copied: {error.message}") from error


def _copy_into(folder: Path, writable: Writable, *, without: tuple[str, ...]) -> None:
    """The working copy of a bundle, in which nothing an earlier try left is taken for an output of this one.

    Raises `TaskFailed` when it brings one of the names in ``without``, which are to be mounted.
    """
    if writable.copied is None:
        return
    for name in without:
        if os.path.lexists(writable.copied / name):
            raise _unfit(f"the bundle's own {name} is in the way of the task's")
    with host_trouble(folder):
        copy_writable(writable.copied, folder, without={writable.entry})
        (folder / writable.entry).mkdir(exist_ok=True)


def _unfit(message: str) -> TaskFailed:
    return TaskFailed(FailureCategory.INPUT_MISMATCH, message, remedy="it is for the task's creator to mend the bundle")


def _make_mount_point(point: Path, source: Path) -> None:
    """Made here, not by the engine, so that it belongs to this process and can be removed before collecting."""
    if point.is_symlink() or point.exists():
        return
    if stat.S_ISDIR(source.stat().st_mode):
        point.mkdir(mode=0o755, parents=True)
    else:
        point.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        point.touch(mode=0o644)


def _make_private(folder: Path) -> None:
    with host_trouble(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def _folders_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [Path(entry.path) for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]


def _remove(folder: Path) -> None:
    try:
        remove_tree(folder)
    except OSError as error:
        raise HostError(
            f"workspace {folder} can't be removed: {error}", remedy="end what still uses it, then remove it by hand"
        ) from error
