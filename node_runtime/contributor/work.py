"""Interactive work in the task's container, on a copy of the person's folder.

``outputs/`` is copied into the container and back, however the command ends; all other changes in the container are
discarded.
"""

import os
import shutil
import stat
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

from node_runtime.contributor.assign import Assigned, bundle_digest
from node_runtime.contributor.folder import OWN, TaskFolder
from node_runtime.contributor.send import Witnessed
from node_runtime.domain.assets import Digest
from node_runtime.domain.clock import steady_clock
from node_runtime.domain.document import Document, asset_ref
from node_runtime.domain.parameters import FILE_NAME as PARAMETERS
from node_runtime.domain.task import Assignment
from node_runtime.errors import FailureCategory, InputError, TaskFailed
from node_runtime.kinds import Input, Inputs, Stage, stages_of
from node_runtime.kinds.layouts.bundle import OUTPUTS, START
from node_runtime.kinds.stage import input_in
from node_runtime.platform.files import host_errors, scratch_folder
from node_runtime.platform.gpus import GpuDriver, Nvml
from node_runtime.platform.printable import Say
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.engine import ContainerEngine, ContainerRun, ContainerSpec
from node_runtime.ports.store import AssetStore
from node_runtime.runner.gpus import gpus_for
from node_runtime.runner.workspace import AttemptId, Workspace, Workspaces
from node_runtime.stores.tree.folders import remove_tree

from .attempts import check_live
from .output_sync import bring_back, lay_out, rescue

TIME_TO_SEND = 10_000  # ms before the due time at which the container is stopped
INTERRUPTED = 130  # exit status after SIGINT
# top-level entries of the person's folder that are not copied into the container
PERSONAL = frozenset({OWN, OUTPUTS, ".git", ".venv", "venv"})


@dataclass(frozen=True, kw_only=True)
class Seat:
    """The file descriptors of a person's terminal."""

    keyboard: int
    screen: int


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """The dependencies of `work`. ``seat`` is None without a terminal: the container then runs unattended."""

    store: AssetStore
    engine: ContainerEngine
    workspaces: Workspaces
    seat: Seat | None
    say: Say
    gpus: GpuDriver = field(default_factory=Nvml)


@dataclass(frozen=True, kw_only=True)
class Worked:
    """The outcome of `work`; outputs and logs are in the task's folder. ``failure`` is None on success."""

    witnessed: Witnessed
    failure: TaskFailed | None


def work(assigned: Assigned, bench: Workbench, chain: ChainReads, *, stop: threading.Event) -> Worked:
    """Run ``start_task.sh`` in the task's container until it ends, or `stop` is set.

    Raises `TaskFailed` for an unavailable image, `ChainRefused` when the attempt has ended, `HostError`.
    """
    due = steady_clock() + check_live(assigned.assignment, chain)
    folder, attempt = TaskFolder(assigned.folder), attempt_of(assigned.assignment)
    with scratch_folder() as scratch:
        (stage,) = stages_of(assigned.document, _inputs(assigned, bench.store, scratch))
        rescue(bench.workspaces, attempt, stage, folder, say=bench.say)
        workspace = bench.workspaces.open(attempt)
        prepared = _prepared(workspace, stage, folder, bench, stop)
        container = _until_due(prepared, left=due - steady_clock())
        try:
            run = _run(container, bench, stop)
        finally:  # also on KeyboardInterrupt; if this fails, e.g. on a full disk, the next `work` recovers the outputs
            spoiled = bring_back(workspace, stage, folder)
            _keep_logs(workspace, folder)
            workspace.close()
    failure = spoiled if run.failure is None else _failure(run, cut=container.timeout < stage.limits.timeout)
    return Worked(witnessed=Witnessed(runs=((stage, run),), logs=folder.logs), failure=failure)


def _prepared(
    workspace: Workspace, stage: Stage, folder: TaskFolder, bench: Workbench, stop: threading.Event
) -> ContainerSpec:
    """Return the container to run, with earlier outputs in it; remove the workspace on failure."""
    try:
        image = bench.engine.image(stage.image, log=bench.say, stop=stop).id
        container = workspace.prepare(stage, image=image, gpus=gpus_for(stage.limits, bench.engine, bench.gpus))
        lay_out(workspace, stage, folder)
    except BaseException:
        workspace.close()
        raise
    return container


def attempt_of(assignment: Assignment) -> AttemptId:
    return AttemptId(task=assignment.task, epoch=assignment.epoch)


def _inputs(assigned: Assigned, store: AssetStore, scratch: Path) -> Inputs:
    """Return the inputs as a node does, with the person's copy of the bundle. Images are keyed by the algo's digest."""
    document, folder = assigned.document, assigned.folder
    return Inputs(
        worker=assigned.assignment.worker,
        algo=_algo(document, store, scratch / "algo"),
        bundle=_as_it_is(assigned, scratch / "bundle"),
        data=tuple(_laid(folder / "data", asset_ref(key).digest) for key in document.data),
        models=tuple(_laid(folder / "models", digest) for digest in assigned.models),
    )


def _algo(document: Document, store: AssetStore, target: Path) -> Input:
    digest = asset_ref(document.algo.source).digest
    store.fetch(digest, target)
    return input_in(target, digest)


def _laid(parent: Path, digest: Digest) -> Input:
    """Return the input at the place where `assign` put it; its entry was resolved then."""
    place = parent / digest
    if not place.exists():
        raise InputError(f"{place} is not there any more", remedy="assign again with --into, into a new folder")
    return Input(digest=digest, folder=place, files=(), folders=())


def _as_it_is(assigned: Assigned, target: Path) -> Input:
    """Copy the person's folder without inputs, outputs, links and `PERSONAL` entries."""
    folder = assigned.folder
    inputs = {*(asset_ref(key).digest for key in assigned.document.data), *assigned.models}
    own = PERSONAL if assigned.document.parameters is None else PERSONAL | {PARAMETERS}
    for place, folders, files in os.walk(folder):
        here = Path(place)
        inside = here.relative_to(folder)
        excluded = {Path(): own, Path("data"): inputs, Path("models"): inputs}.get(inside, frozenset())
        folders[:] = [name for name in folders if name not in excluded]
        (target / inside).mkdir(parents=True, exist_ok=True)
        for name in files:
            found = (here / name).lstat()
            if stat.S_ISREG(found.st_mode) and name not in excluded:
                shutil.copyfile(here / name, target / inside / name, follow_symlinks=False)
                (target / inside / name).chmod(0o755 if found.st_mode & stat.S_IXUSR else 0o644)
    return input_in(target, bundle_digest(assigned.document))


def _until_due(container: ContainerSpec, *, left: int) -> ContainerSpec:
    """Cap the container's timeout so that `TIME_TO_SEND` of the ``left`` ms remain for sending."""
    return replace(container, timeout=max(1.0, min(container.timeout, (left - TIME_TO_SEND) / 1000)))


def _run(container: ContainerSpec, bench: Workbench, stop: threading.Event) -> ContainerRun:
    seat = bench.seat
    if seat is None:
        return bench.engine.run(container, stop=stop)
    return bench.engine.run_with_terminal(container, keyboard=seat.keyboard, screen=seat.screen, stop=stop)


def _failure(run: ContainerRun, *, cut: bool) -> TaskFailed:
    """Return the failure of a run. A timeout ``cut`` short of the task's own limit is a node error."""
    if run.failure is FailureCategory.TIMEOUT and cut:
        return TaskFailed(
            FailureCategory.NODE_ERROR,
            f"{START} was ended because the attempt is nearly due",
            remedy="send what there is now, or hand the task back",
        )
    ending = "was interrupted" if run.exit_code == INTERRUPTED else run.message
    return TaskFailed(run.failure or FailureCategory.TASK_ERROR, f"{START} {ending}")


def _keep_logs(workspace: Workspace, folder: TaskFolder) -> None:
    with host_errors(folder.logs):
        remove_tree(folder.logs)
        shutil.copytree(workspace.logs, folder.logs)
