"""The workspace: the folder of one attempt, and the mounts of each of its containers.

    <work folder>/task-12-epoch-3/          0700, named after the attempt: found again after a restart
        stages/train/model/                 a folder the container writes into, with a quota of the engine
        stages/train/started                exists once the stage may have run
        logs/train.log
        given/parameters.json               a file of the task document, mounted read-only
        empty/                              mounted read-only where a layout's folder has no content
        stays.json                          what has to stay on this node, see `stays`
        local/                              the plan's local folder as it was, see `PlanFolders`
        stages/train/local/                 a copy of it, where the stage writes it

Every operation is idempotent. None follows a link that a container created.
"""

import os
import re
import time
from pathlib import Path
from types import TracebackType

from node_runtime.domain.document import MOST_BYTES
from node_runtime.errors import HostError
from node_runtime.kinds import Carried, Given, Stage
from node_runtime.platform.files import host_errors, private_folder, write_atomically
from node_runtime.ports.engine import ContainerEngine, ContainerSpec, Mount, Outputs, RunningContainer
from node_runtime.stores.tree.folders import copy_writable, remove_tree

from .attempt_id import PATTERN
from .attempt_id import AttemptId as AttemptId
from .plan_folders import PlanFolders
from .stays import Stays, note_stays, read_stays
from .untrusted import check_entry, check_tree
from .writable import copy_into, make_mount_point, outputs, quota

_STAGES, _LOGS, _GIVEN, _EMPTY, _LOCAL = "stages", "logs", "given", "empty", "local"
_SLOT = "slot"  # label of a container


class Workspaces:
    """The workspaces in a node's work folder. Thread-safe; each attempt is used by one thread at a time.

    ``node`` is the node's id; container names start with it, so that nodes may share an engine.
    """

    def __init__(self, root: Path, *, engine: ContainerEngine, node: str) -> None:
        self._root = root
        self._engine = engine
        self._node = node
        private_folder(root)
        self.plans = PlanFolders(root / "plans")

    def open(self, attempt: AttemptId) -> "Workspace":
        """Open the attempt's workspace, an existing one unchanged; remove those of the task's older epochs."""
        for earlier in self.attempts():
            if earlier.task == attempt.task and earlier.epoch < attempt.epoch:
                self._workspace(earlier).close()
        workspace = self._workspace(attempt)
        private_folder(workspace.folder)
        private_folder(workspace.logs)
        return workspace

    def attempts(self) -> tuple[AttemptId, ...]:
        """Return the attempts that have a workspace here, of this or an earlier process."""
        names = (entry.name for entry in self._root.iterdir())
        return tuple(sorted(AttemptId.parse(name) for name in names if re.fullmatch(PATTERN, name)))

    def stays(self, attempt: AttemptId) -> Stays:
        """Return what is noted in the attempt's workspace, if it has one."""
        return read_stays(self._workspace(attempt).folder)

    def remove_containers(self, attempt: AttemptId) -> None:
        """Remove the attempt's containers and keep what they wrote. Idempotent."""
        self._workspace(attempt).remove_containers()

    def attempt_of(self, container: str) -> AttemptId | None:
        """Return the attempt whose container has this name; None for a name of another node."""
        found = re.match(rf"{re.escape(self._node)}-({PATTERN})-", container)
        return AttemptId.parse(found[1]) if found else None

    def slot_of(self, container: RunningContainer) -> int | None:
        """Return the slot in the container's label; None without one."""
        given = dict(container.labels).get(_SLOT, "")
        return int(given) if given.isdecimal() else None

    def reopen(self, attempt: AttemptId) -> None:
        """Open again the folders that the attempt's stages wrote into: a reboot has unmounted those with a quota.

        Raises `HostError` where what they hold can't be had here or now.
        """
        for stage in _folders_in(self._workspace(attempt).folder / _STAGES):
            for folder in _folders_in(stage):
                self._engine.reopen_folder(folder)

    def remove(self, attempt: AttemptId) -> None:
        """Remove the attempt's containers and folder. Idempotent."""
        self._workspace(attempt).close()

    def _workspace(self, attempt: AttemptId) -> "Workspace":
        return Workspace(self._root / str(attempt), attempt=attempt, engine=self._engine, node=self._node)


class Workspace:
    """One attempt's folder. As a context manager it closes itself on exit, after an error too."""

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

    @property
    def local(self) -> Path:
        """The snapshot of the plan's local folder that the attempt begins with."""
        return self.folder / _LOCAL

    def note(self, stays: Stays) -> None:
        """Note what has to stay on this node of what the attempt leaves. Idempotent."""
        note_stays(self.folder, stays, seen=self.local.exists())

    def written_local(self, stage: Stage) -> Path | None:
        """Return the plan's local folder as the stage, which has ended, left it. Raises `TaskFailed` output_invalid."""
        if stage.local is None:
            return None
        folder = self.output_folder(stage.name, _LOCAL)
        check_tree(folder, stage=stage.name, bytes_allowed=stage.local.quota)
        return folder

    def output_folder(self, stage: str, name: str) -> Path:
        return self.folder / _STAGES / stage / name

    def age(self, stage: Stage) -> float:
        """Return the seconds since the prepared stage was first prepared, by this machine's clock."""
        with host_errors(self.folder):
            return max(0.0, time.time() - (self.folder / _STAGES / stage.name / "started").stat().st_mtime)

    def prepare(self, stage: Stage, *, image: str, slot: int = 0, gpus: tuple[str, ...] = ()) -> ContainerSpec:
        """Create the stage's folders and return its container spec. The earlier stages must have ended.

        After a restart the folders keep their content if the engine still knows the container; otherwise they are
        emptied. Raises `TaskFailed` output_invalid when an earlier stage didn't write what this one reads.
        """
        carried = tuple(self._carry(one, stage) for one in stage.carries)
        given = tuple(self._give(one) for one in stage.gives)
        self._open_folders(stage, (*carried, *given))
        written = tuple(
            Mount(
                source=self.output_folder(stage.name, one.name),
                target=one.target,
                quota=quota(one, stage),
                outputs=outputs(one, stage),
            )
            for one in stage.folders
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
            # a folder precedes the mounts inside it
            mounts=(*written, *self._local_mount(stage), *stage.reads, *carried, *given, *self._empty(stage)),
            cpus=stage.limits.cpus,
            memory=stage.limits.memory,
            scratch=stage.limits.scratch,
            scratch_folders=stage.scratch,
            group=stage.group,
            timeout=float(stage.limits.timeout),
            log=self.log(stage),
            slot=slot,
            gpus=gpus,
        )

    def close(self) -> None:
        """Remove the attempt's containers, folders with a quota and everything else. Idempotent."""
        self.remove_containers()
        for stage in _folders_in(self.folder / _STAGES):
            for folder in _folders_in(stage):
                self._engine.close_folder(folder)
        _remove(self.folder)

    def remove_containers(self) -> None:
        """Remove the containers of the attempt's stages. Idempotent."""
        for stage in _folders_in(self.folder / _STAGES):
            self._engine.remove(self.container_name(stage.name))

    def _open_folders(self, stage: Stage, added: tuple[Mount, ...]) -> None:
        parent = self.folder / _STAGES / stage.name
        started = parent / "started"
        if started.exists() and not self._is_known(stage):
            for folder in _folders_in(parent):
                self._engine.close_folder(folder)
            started.unlink()
        for folder in _folders_in(parent) if started.exists() else ():  # its container may have ended
            self._engine.reopen_folder(folder)
        private_folder(parent.parent)
        private_folder(parent)
        # each mount inside a writable folder needs a mount point there: a file or a folder
        sources = {mount.target: mount.source for mount in (*stage.reads, *added)}
        for writable in stage.folders:
            folder = parent / writable.name
            self._engine.open_folder(folder, quota=quota(writable, stage))
            if started.exists():  # its container may be running and replace any entry by a link
                continue
            copy_into(folder, writable, without=stage.mount_points(writable))
            for name in stage.mount_points(writable):
                make_mount_point(folder / name, sources[f"{writable.target}/{name}"])
        if stage.local is not None:
            self._engine.open_folder(parent / _LOCAL, quota=stage.local.quota)
            if not started.exists():
                with host_errors(parent):
                    copy_writable(stage.local.before, parent / _LOCAL)
        started.touch()

    def _local_mount(self, stage: Stage) -> tuple[Mount, ...]:
        if stage.local is None:
            return ()
        # to the engine all of it is scratch: that it is full is the program's own failure
        scratch = Outputs(entry=".", most=MOST_BYTES)
        folder = self.output_folder(stage.name, _LOCAL)
        return (Mount(source=folder, target=stage.local.target, quota=stage.local.quota, outputs=scratch),)

    def _is_known(self, stage: Stage) -> bool:
        name = self.container_name(stage.name)
        return any(container.name == name for container in self._engine.list())

    def _carry(self, carried: Carried, stage: Stage) -> Mount:
        """Mount an earlier stage's output: a regular file, or a folder of regular files only."""
        source = self.output_folder(carried.stage, carried.name) / carried.entry
        check_entry(source, stage=carried.stage, bytes_allowed=stage.limits.outputs)
        return Mount(source=source, target=carried.target)

    def _empty(self, stage: Stage) -> tuple[Mount, ...]:
        """Mount one empty folder at each of the stage's empty targets."""
        folder = self.folder / _EMPTY
        if stage.empty:
            with host_errors(folder):
                folder.mkdir(exist_ok=True)
                folder.chmod(0o555)  # whatever the umask: the container has a uid of its own
        return tuple(Mount(source=folder, target=target) for target in stage.empty)

    def _give(self, given: Given) -> Mount:
        """Mount a file of the task document, written once: a container that runs has the first one mounted."""
        file = self.folder / _GIVEN / given.target.rpartition("/")[2]
        private_folder(file.parent)
        if not file.exists():
            write_atomically(file, given.content)
        with host_errors(file):
            file.chmod(0o444)  # whatever the umask: the container has a uid of its own
        return Mount(source=file, target=given.target)


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
