"""Synchronisation of outputs between a person's folder and a container, also after a crash.

Earlier outputs are replaced only by a complete copy. Links in a container's outputs are not followed, and outputs that
could not be sent are discarded.
"""

import os
from pathlib import Path

from node_runtime.contributor.folder import TaskFolder
from node_runtime.errors import InputError, TaskFailed
from node_runtime.kinds import Stage
from node_runtime.kinds.layouts.bundle import OUTPUTS, START
from node_runtime.platform.files import host_errors
from node_runtime.platform.printable import Say
from node_runtime.runner.untrusted import output_refused
from node_runtime.runner.workspace import AttemptId, Workspace, Workspaces
from node_runtime.stores.tree.folders import remove_tree
from node_runtime.stores.tree.manifest import TreeMissing, TreeRefused
from node_runtime.stores.tree.walk import FOUND_AFTER_RUN, EmptyFolder, manifest_of, tree_entries

_FRESH, _BEFORE = "outputs-fresh", "outputs-before"
_LAID = "laid"  # in the workspace: the digest of the outputs at the start


def lay_out(workspace: Workspace, stage: Stage, folder: TaskFolder) -> None:
    """Copy earlier outputs into the workspace. Raises `InputError` for links, or more bytes than the limit."""
    if folder.outputs.is_dir():
        try:
            _copy(folder.outputs, _left(workspace, stage), most=stage.limits.outputs)
        except TreeRefused as error:
            raise InputError(error.message, remedy=error.remedy) from error
    with host_errors(workspace.folder):
        (workspace.folder / _LAID).write_text(_digest(folder.outputs))


def bring_back(workspace: Workspace, stage: Stage, folder: TaskFolder) -> TaskFailed | None:
    """Replace the folder's outputs by the container's; if those can't be sent, keep the folder's and return why."""
    fresh, before = folder.own / _FRESH, folder.own / _BEFORE
    with host_errors(folder.own):
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
    """Recover the outputs of a killed command, unless the person has changed the folder's since.

    Raises `HostError` on failure and keeps both copies.
    """
    with host_errors(folder.own):
        if not os.path.lexists(folder.outputs) and (folder.own / _BEFORE).is_dir():  # killed between the two renames
            (folder.own / _BEFORE).rename(folder.outputs)
    if attempt not in workspaces.attempts():
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
    """Copy a folder. Raises `TreeRefused` for links and special files, or more than ``most`` bytes."""
    with host_errors(target):
        target.mkdir(exist_ok=True)
        for file in tree_entries(source, caps=FOUND_AFTER_RUN.with_bytes(most)):
            place = target / file.path
            place.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(file, EmptyFolder):
                place.mkdir()
                continue
            with place.open("xb") as copied:
                for chunk in file.chunks():
                    copied.write(chunk)
            place.chmod(0o755 if file.executable else 0o644)
