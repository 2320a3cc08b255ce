"""How does a person work on a task in its container? In a copy of their folder, at their terminal, without network.

What earlier work left in ``outputs/`` is there again, and what this work leaves comes back, however it ends; anything
else that is written in the container is gone afterwards.
"""

import os
import shutil
import stat
import tempfile
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

from node_runtime.contributor.assign import Assigned, bundle_digest
from node_runtime.contributor.folder import OWN, TaskFolder
from node_runtime.contributor.holds import check_live
from node_runtime.contributor.outputs_back import bring_back, lay_out, rescue
from node_runtime.contributor.send import Witnessed
from node_runtime.document import Document, asset_ref
from node_runtime.errors import InputError, TaskFailed
from node_runtime.ports import AssetStore, ContainerEngine, ContainerRun, ContainerSpec, Say
from node_runtime.stages import Input, Inputs, Stage, stages_of
from node_runtime.stages.bundle import OUTPUTS, START
from node_runtime.stages.inputs import input_in
from node_runtime.storage.removal import remove_tree
from node_runtime.task import Assignment, Digest
from node_runtime.trouble import host_trouble
from node_runtime.workspace import AttemptId, Workspace, Workspaces

TIME_TO_SEND = 10_000  # ms before its due at which the container is ended
INTERRUPTED = 130  # the exit code of a program that Ctrl-C ended
# at the top of a person's folder, and of no use in the container
PERSONAL = frozenset({OWN, OUTPUTS, ".git", ".venv", "venv"})


@dataclass(frozen=True, kw_only=True)
class Seat:
    """A person's terminal, by the descriptors of what they type and of what they see."""

    keyboard: int
    screen: int


@dataclass(frozen=True, kw_only=True)
class Workbench:
    """What working in a container needs. ``seat`` is None where nobody sits: then it runs unattended."""

    store: AssetStore
    engine: ContainerEngine
    workspaces: Workspaces
    seat: Seat | None
    say: Say


@dataclass(frozen=True, kw_only=True)
class Worked:
    """What came of it; the outputs and logs lie in the task's folder. ``failure`` is None when it ended well."""

    witnessed: Witnessed
    failure: TaskFailed | None


def work(assigned: Assigned, bench: Workbench, *, stop: threading.Event) -> Worked:
    """Run ``start_task.sh`` in the task's container until it ends, or `stop` is set.

    Raises `TaskFailed` for an image that can't be had, `ChainRefused` when the attempt is over, `HostError`.
    """
    check_live(assigned.assignment)
    folder, attempt = TaskFolder(assigned.folder), attempt_of(assigned.assignment)
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as scratch:
        (stage,) = stages_of(assigned.document, _inputs(assigned, bench.store, Path(scratch)))
        rescue(bench.workspaces, attempt, stage, folder, say=bench.say)
        workspace = bench.workspaces.open(attempt)
        container = _prepared(workspace, stage, folder, assigned, bench, stop)
        try:
            run = _run(container, bench, stop)
        finally:  # also for who is interrupted; what can't be brought back, on a full disk, the next `work` rescues
            spoiled = bring_back(workspace, stage, folder)
            _keep_logs(workspace, folder)
            workspace.close()
    failure = spoiled if run.failure is None else TaskFailed(run.failure, f"{START} {_ending(run)}")
    return Worked(witnessed=Witnessed(runs=((stage, run),), logs=folder.logs), failure=failure)


def _prepared(
    workspace: Workspace, stage: Stage, folder: TaskFolder, assigned: Assigned, bench: Workbench, stop: threading.Event
) -> ContainerSpec:
    """The container to run, with earlier outputs in it. Nothing of the attempt stays when that fails."""
    try:
        image = bench.engine.image(stage.image, log=bench.say, stop=stop)
        container = workspace.prepare(stage, image=image)
        lay_out(workspace, stage, folder)
    except BaseException:
        workspace.close()
        raise
    return _until_due(container, assigned.assignment)


def attempt_of(hold: Assignment) -> AttemptId:
    return AttemptId(task=hold.task, epoch=hold.epoch)


def _inputs(assigned: Assigned, store: AssetStore, scratch: Path) -> Inputs:
    """As a node has them, but for the bundle, which is as the person left it. Images go by the algo's own digest."""
    document, folder = assigned.document, assigned.folder
    return Inputs(
        worker=assigned.assignment.worker,
        algo=_algo(document, store, scratch / "algo"),
        bundle=_as_it_is(assigned, scratch / "bundle"),
        data=tuple(_laid(folder / "data", asset_ref(key).digest) for key in document.data),
        models=tuple(_laid(folder / "models", digest) for digest in assigned.models),
    )


def _algo(document: Document, store: AssetStore, target: Path) -> Input | None:
    if document.algo is None:
        return None
    digest = asset_ref(document.algo.source).digest
    store.fetch(digest, target)
    return input_in(target, digest)


def _laid(parent: Path, digest: Digest) -> Input:
    """What `assign` laid there. Its entry was chosen then: nothing in it is looked at."""
    place = parent / digest
    if not place.exists():
        raise InputError(f"{place} is not there any more", remedy="assign again with --into, into a new folder")
    return Input(digest=digest, folder=place, files=(), folders=())


def _as_it_is(assigned: Assigned, target: Path) -> Input:
    """A copy of the person's folder without inputs, outputs, links, and what a container has no use for."""
    folder = assigned.folder
    inputs = {*(asset_ref(key).digest for key in assigned.document.data), *assigned.models}
    for place, folders, files in os.walk(folder):
        here = Path(place)
        inside = here.relative_to(folder)
        left_out = {Path(): PERSONAL, Path("data"): inputs, Path("models"): inputs}.get(inside, frozenset())
        folders[:] = [name for name in folders if name not in left_out]
        (target / inside).mkdir(parents=True, exist_ok=True)
        for name in files:
            found = (here / name).lstat()
            if stat.S_ISREG(found.st_mode) and name not in left_out:
                shutil.copyfile(here / name, target / inside / name, follow_symlinks=False)
                (target / inside / name).chmod(0o755 if found.st_mode & stat.S_IXUSR else 0o644)
    return input_in(target, bundle_digest(assigned.document))


def _until_due(container: ContainerSpec, hold: Assignment) -> ContainerSpec:
    """It ends while there is still time to send what it brought."""
    left = (hold.due - TIME_TO_SEND) / 1000 - time.time()
    return replace(container, timeout=max(1.0, min(container.timeout, left)))


def _run(container: ContainerSpec, bench: Workbench, stop: threading.Event) -> ContainerRun:
    seat = bench.seat
    if seat is None:
        return bench.engine.run(container, stop=stop)
    return bench.engine.run_with_terminal(container, keyboard=seat.keyboard, screen=seat.screen, stop=stop)


def _ending(run: ContainerRun) -> str:
    return "was interrupted" if run.exit_code == INTERRUPTED else run.message


def _keep_logs(workspace: Workspace, folder: TaskFolder) -> None:
    with host_trouble(folder.logs):
        remove_tree(folder.logs)
        shutil.copytree(workspace.logs, folder.logs)
