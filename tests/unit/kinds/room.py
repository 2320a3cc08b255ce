"""Helpers to run a task of any kind without an engine: inputs in folders, outputs written in place of containers."""

from pathlib import Path
from typing import cast

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.document import Document
from node_runtime.domain.task import TaskId
from node_runtime.kinds import Inputs, Keeps, Stage, Writable, inputs_of
from node_runtime.kinds.perf import performance_file
from node_runtime.ports.engine import ContainerEngine
from node_runtime.runner.workspace import AttemptId, Workspace

WORKER = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")


def inputs_in(folder: Path, document: Document, bundle: dict[str, str]) -> Inputs:
    """Create each input as a folder with the files of `bundle`, models with the single file ``model``."""

    def folder_of(digest: Digest) -> Path:
        place = folder / digest
        for name, content in bundle.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_text(content)
        return place

    models = [Digest(f"{number:064x}") for number, _ in enumerate(document.models)]
    for digest in models:
        (folder / digest).mkdir(parents=True)
        (folder / digest / "model").write_text("weights")
    return inputs_of(
        document,
        models=models,
        folder_of=lambda digest: folder / digest if digest in models else folder_of(digest),
        worker=WORKER,
    )


def workspace_in(folder: Path) -> Workspace:
    """Create a workspace whose containers never run."""
    attempt = AttemptId(task=TaskId(1), epoch=1)
    return Workspace(folder, attempt=attempt, engine=cast(ContainerEngine, None), node="unit")


def leave(workspace: Workspace, stage: Stage, writable: Writable, files: dict[str, str]) -> None:
    """Write the output of the stage's container; file names are relative to the entry, "" is the entry itself."""
    folder = workspace.output_folder(stage.name, writable.name)
    entry = folder / writable.entry
    if writable.keeps is Keeps.NUMBERS:
        folder.mkdir(parents=True)
        for one in writable.performances:
            (folder / performance_file(one)).write_text('{"all": 0.5}')
        return
    for name, content in files.items():
        place = entry / name if name else entry
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
