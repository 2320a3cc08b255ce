"""Claim of a task by a person: check the task, claim it, download its inputs into a folder.

No file of the bundle is executed.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from node_runtime.contributor.folder import OWN, TaskFolder, default_folder
from node_runtime.domain.admission import admit, admitted_document
from node_runtime.domain.assets import Account, AssetKind, Digest, Visibility
from node_runtime.domain.document import Document, asset_ref
from node_runtime.domain.parameters import FILE_NAME as PARAMETERS
from node_runtime.domain.parameters import encode_parameters
from node_runtime.domain.permissions import Right
from node_runtime.domain.permitted import keeping
from node_runtime.domain.task import Assignment, Task, TaskId, TaskState
from node_runtime.domain.units import amount, size
from node_runtime.errors import AssetUnavailable, HostError, InputError
from node_runtime.kinds.layouts.bundle import OUTPUTS, START, check_bundle, environment
from node_runtime.kinds.stage import Inputs, input_in, model_entry
from node_runtime.platform.files import host_errors, scratch_folder, write_atomically
from node_runtime.platform.printable import Say
from node_runtime.ports.chain import ChainReads, TaskRecord, WorkerCalls
from node_runtime.ports.store import AssetStore
from node_runtime.stores.tree.folders import remove_tree

from .attempts import AGAIN, check_live, existing_task


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """A task assigned to this account, and its folder. ``models`` are the digests of its in-models."""

    folder: Path
    task: Task
    assignment: Assignment
    document: Document
    models: tuple[Digest, ...]


def assign(
    chain: WorkerCalls, store: AssetStore, number: TaskId, *, into: Path | None = None, say: Say = lambda _: None
) -> Assigned:
    """Claim the task unless it is assigned to this account; download and verify its bundle, data and models.

    The folder is ``into``, by default ``task-NUMBER`` in the working directory. Idempotent: missing inputs are
    completed, changed files are kept. Raises `InputError`, `TaskFailed` for an invalid task, `ChainRefused`,
    `StorageError`, `HostError`.
    """
    folder = TaskFolder(into or default_folder(number))
    record = existing_task(chain, number)
    task, document = record.task, admitted_document(record.task, record.spec, store)
    check_for_people(document, number)
    assignment = chain.assignment(chain.account, number)
    if assignment is None or assignment.state in AGAIN:
        check_free(folder, number, chain.account)
        _check_claimable(chain, store, record, document, folder.path)
        assignment = _claim(chain, task, say)
    check_live(assignment, chain)
    if folder.attempt() is None:
        check_free(folder, number, chain.account)
    folder.check_is_of(assignment)
    models = admit(document, record, chain).models
    _fill(folder, store, document, models, assignment)
    return Assigned(folder=folder.path, task=task, assignment=assignment, document=document, models=models)


def check_for_people(document: Document, number: TaskId) -> None:
    """Raise `InputError` unless the task has a bundle that a person can work on."""
    if document.asset_of(AssetKind.BUNDLE) is None or document.layout != "bundle":
        raise InputError(
            f"task {number} has no bundle that a person could open: its {document.kind} is for a node",
            remedy="run a node that takes it, see 'node-runtime init'",
        )


def check_sharable(chain: ChainReads, record: TaskRecord) -> None:
    """Raise `InputError` for a task whose outputs or logs aren't everyone's: those of people are stored."""
    for right in (Right.DOWNLOAD, Right.LOGS):
        if not record.output_rights.is_public(right):
            why = keeping(chain, record.spec, right) or f"not everyone has the right '{right}' on what it makes"
            raise InputError(
                f"task {record.task.id} isn't for people: {why}, and a person's result goes into the storage",
                remedy="leave it to a node, which keeps outputs and logs",
            )


def check_free(folder: TaskFolder, number: TaskId, account: Account) -> None:
    """Raise `InputError` if the folder is in use, so that no file is overwritten."""
    if folder.is_free():
        return
    of = folder.attempt()
    if of is None:
        what = "is there and not empty"
    elif of.worker != account:
        what = f"is the folder of another account's attempt at task {of.task}, of {of.worker}"
    elif of.task != number:
        what = f"is the folder of your attempt at task {of.task}"
    else:
        what = f"is the folder of an attempt at task {of.task} that is over"
    raise InputError(f"{folder.path} {what}", remedy=f"name a new folder: node-runtime assign {number} --into FOLDER")


def _check_claimable(
    chain: WorkerCalls, store: AssetStore, record: TaskRecord, document: Document, target: Path
) -> None:
    """Check, before the bond is reserved, that the assets are admitted, available, valid, and fit on the disk."""
    task = record.task
    if task.state is not TaskState.OPEN or task.free_slots < 1:
        return  # the chain refuses the claim with its own reason
    check_sharable(chain, record)
    admitted = admit(document, record, chain)
    for ref, asset in admitted.assets.items():
        if asset.visibility is Visibility.PRIVATE:
            raise InputError(
                f"task {task.id} uses private data of {ref.owner}, which never leaves its node",
                remedy="leave it to that node",
            )
    digests = {*(asset_ref(key).digest for key in document.asset_keys()), *admitted.models}
    for digest in digests:
        if not store.has(digest):
            raise AssetUnavailable(
                f"task {task.id} needs {digest}, and storage doesn't have it", remedy="ask its creator to store it"
            )
    _check_disk(sum(map(store.size, digests)), target)
    _check_bundle(store, document, admitted.models)


def _check_disk(needed: int, target: Path) -> None:
    place = next(parent for parent in target.absolute().parents if parent.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise HostError(
            f"the task's files are {size(needed)}, in {place} are {size(free)} free",
            remedy="name a folder on a larger disk as --into",
        )


def _check_bundle(store: AssetStore, document: Document, models: tuple[Digest, ...]) -> None:
    with scratch_folder() as scratch:
        digest = bundle_digest(document)
        place = scratch / "bundle"
        store.fetch(digest, place)
        _check_fetched(place, document, models)


def _check_fetched(bundle: Path, document: Document, models: tuple[Digest, ...]) -> None:
    """Check the bundle as a node does, and refuse paths of ours and git repositories in it."""
    found = input_in(bundle, bundle_digest(document))
    check_bundle(found, data=bool(document.data), models=bool(document.models))
    laid = [*(f"data/{asset_ref(key).digest}" for key in document.data), *(f"models/{model}" for model in models)]
    laid += [PARAMETERS] if document.parameters is not None else []
    for own in (*(name for name in (OWN, *laid) if os.path.lexists(bundle / name)), *_repositories(bundle)):
        raise InputError(f"the bundle has a {own} of its own", remedy="ask the task's creator to leave it out")


def _repositories(bundle: Path) -> Iterator[str]:
    """Yield git repositories: git runs commands from their configuration, and shell prompts call git on each cd."""
    for place, folders, files in os.walk(bundle):
        names = {*folders, *files}
        if ".git" in names or {"HEAD", "objects", "refs"} <= names:
            yield f"git repository ({Path(place).relative_to(bundle)})"


def _claim(chain: WorkerCalls, task: Task, say: Say) -> Assignment:
    """Claim the task; return the assignment from a finalised block."""
    terms = task.terms
    say(
        f"taking task {task.id}: it pays {amount(terms.reward)} for an accepted result; "
        f"{amount(terms.bond)} of yours are held as bond until then. Giving it up costs up to a quarter of that, by "
        "the time you held it; bringing nothing in time costs all of it"
    )
    return chain.assign_task(task.id)


def _fill(
    folder: TaskFolder, store: AssetStore, document: Document, models: tuple[Digest, ...], assignment: Assignment
) -> None:
    """Download all inputs into the folder; resume after a crash without repeating complete downloads."""
    if folder.ready:
        return
    folder.begin(assignment)
    incoming = folder.own / "incoming"
    with host_errors(folder.path):
        remove_tree(incoming)
        if not (folder.path / START).exists():
            store.fetch(bundle_digest(document), incoming)
            _check_fetched(incoming, document, models)
            _unpack(incoming, folder.path)
        (folder.path / START).chmod(0o755)  # archives and web uploads drop the executable bit
        for digest in dict.fromkeys(asset_ref(key).digest for key in document.data):
            _lay(store, digest, incoming, folder.path / "data" / digest, as_model=False)
        for digest in dict.fromkeys(models):
            _lay(store, digest, incoming, folder.path / "models" / digest, as_model=True)
        if document.parameters is not None:
            write_atomically(folder.path / PARAMETERS, encode_parameters(document.parameters))
    told = environment(document, Inputs(worker=assignment.worker))
    folder.finish(tuple((name, value) for name, value in told if name != "HOME"))


def _unpack(bundle: Path, target: Path) -> None:
    """Move the bundle's files to the top of the folder, start_task.sh last as the marker of completion.

    Remove outputs in the bundle, e.g. examples, which would be mistaken for the person's own.
    """
    remove_tree(bundle / OUTPUTS)
    for entry in sorted(bundle.iterdir(), key=lambda one: one.name == START):
        remove_tree(target / entry.name)
        entry.rename(target / entry.name)
    bundle.rmdir()


def _lay(store: AssetStore, digest: Digest, incoming: Path, target: Path, *, as_model: bool) -> None:
    if target.exists():
        return
    store.fetch(digest, incoming)
    target.parent.mkdir(exist_ok=True)
    (model_entry(input_in(incoming, digest)) if as_model else incoming).rename(target)
    remove_tree(incoming)


def bundle_digest(document: Document) -> Digest:
    """Return the digest of the bundle; requires `check_for_people`."""
    bundle = document.asset_of(AssetKind.BUNDLE)
    assert bundle is not None
    return asset_ref(bundle).digest
