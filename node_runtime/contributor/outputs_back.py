"""How do outputs get into a container and back into a person's folder, however the command in between ends?

Nothing is lost that was there before, and nothing of a container is followed or kept that couldn't be sent.
"""

import os
from pathlib import Path

from node_runtime.contributor.folder import TaskFolder
from node_runtime.errors import InputError, TaskFailed
from node_runtime.outputs import output_refused
from node_runtime.ports import Say
from node_runtime.stages import Stage
from node_runtime.stages.bundle import OUTPUTS, START
from node_runtime.storage.manifest import TreeMissing, TreeRefused
from node_runtime.storage.removal import remove_tree
from node_runtime.storage.walk import FOUND_AFTER_RUN, manifest_of, tree_files
from node_runtime.trouble import host_trouble
from node_runtime.workspace import AttemptId, Workspace, Workspaces

_FRESH, _BEFORE = "outputs-fresh", "outputs-before"
_LAID = "laid"  # in the workspace: the digest of the outputs that it began with


def lay_out(workspace: Workspace, stage: Stage, folder: TaskFolder) -> None:
    """Earlier outputs are there again. Raises `InputError` for what can't be: links, or more than the limit."""
    if folder.outputs.is_dir():
        try:
            _copy(folder.outputs, _left(workspace, stage), most=stage.limits.outputs)
        except TreeRefused as error:
            raise InputError(error.message, remedy=error.remedy) from error
    with host_trouble(workspace.folder):
        (workspace.folder / _LAID).write_text(_digest(folder.outputs))


def bring_back(workspace: Workspace, stage: Stage, folder: TaskFolder) -> TaskFailed | None:
    """What the container left takes the place of the outputs before, unless it can't be sent: then they stay."""
    fresh, before = folder.own / _FRESH, folder.own / _BEFORE
    with host_trouble(folder.own):
        remove_tree(fresh)
        remove_tree(before)
        try:
            with output_refused(START):
                _copy(_left(workspace, stage), fresh, most=stage.limits.outputs)
        except TaskFailed as error:
            remove_tree(fresh)
            return error
        if os.path.lexists(folder.outputs):
            folder.outputs.rename(before)
        fresh.rename(folder.outputs)
        remove_tree(before)
    return None


def rescue(workspaces: Workspaces, attempt: AttemptId, stage: Stage, folder: TaskFolder, *, say: Say) -> None:
    """After a command that was killed, its outputs come back, unless the person has changed theirs since.

    Raises `HostError` when that can't be done, and nothing is lost.
    """
    with host_trouble(folder.own):
        if not os.path.lexists(folder.outputs) and (folder.own / _BEFORE).is_dir():  # killed between two names
            (folder.own / _BEFORE).rename(folder.outputs)
    if attempt not in workspaces.left():
        return
    workspace = workspaces.open(attempt)
    workspace.remove_containers()
    wanted = _left(workspace, stage).is_dir() and _is_unchanged(workspace, folder)
    if wanted and bring_back(workspace, stage, folder) is None:
        say(f"what an earlier 'work' left in {OUTPUTS}/, and didn't bring back, is there again")
    workspace.close()


def _is_unchanged(workspace: Workspace, folder: TaskFolder) -> bool:
    try:
        return (workspace.folder / _LAID).read_text() == _digest(folder.outputs)
    except (FileNotFoundError, TreeRefused):
        return False


def _digest(outputs: Path) -> str:
    try:
        return manifest_of(outputs, caps=FOUND_AFTER_RUN).digest
    except TreeMissing:
        return ""


def _left(workspace: Workspace, stage: Stage) -> Path:
    return workspace.output_folder(stage.name, stage.writes[0].name) / OUTPUTS


def _copy(source: Path, target: Path, *, most: int) -> None:
    """Regular files only, nothing is followed. Raises `TreeRefused` for anything else, or more than ``most`` bytes."""
    with host_trouble(target):
        target.mkdir(exist_ok=True)
        for file in tree_files(source, caps=FOUND_AFTER_RUN.with_bytes(most)):
            place = target / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as copied:
                for chunk in file.chunks():
                    copied.write(chunk)
            place.chmod(0o755 if file.executable else 0o644)
