"""How does a person take a task? Look whether it can be worked on, claim it, lay everything it needs into a folder.

Nothing of a bundle is executed here.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from node_runtime.admission import admitted_document, check_roles, model_digests
from node_runtime.contributor.folder import OWN, TaskFolder, default_folder
from node_runtime.contributor.holds import AGAIN, check_live, existing_task
from node_runtime.document import Document, asset_ref
from node_runtime.errors import AssetUnavailable, HostError, InputError
from node_runtime.ports import AssetStore, Chain, Say
from node_runtime.stages.bundle import OUTPUTS, START, check_bundle, environment
from node_runtime.stages.inputs import Inputs, input_in, model_entry
from node_runtime.storage.removal import remove_tree
from node_runtime.task import Assignment, Digest, Task, TaskId, TaskState, Visibility
from node_runtime.trouble import host_trouble
from node_runtime.units import amount, size


@dataclass(frozen=True, kw_only=True)
class Assigned:
    """A task that this account holds, and the folder to work on it. ``models`` are its in-models' digests."""

    folder: Path
    task: Task
    assignment: Assignment
    document: Document
    models: tuple[Digest, ...]


def assign(
    chain: Chain, store: AssetStore, number: TaskId, *, into: Path | None = None, say: Say = lambda _: None
) -> Assigned:
    """Take the task unless this account holds it already, and fetch its bundle, data and models, verified.

    The folder is ``into``, else ``task-NUMBER`` here. May be repeated: what is missing is completed, what the person
    has changed stays. Raises `InputError`, `TaskFailed` for a task that can't be worked on, `ChainRefused`,
    `StorageError`, `HostError`.
    """
    folder = TaskFolder(into or default_folder(number))
    task, spec = existing_task(chain, number)
    document = admitted_document(task, spec, store)
    check_for_people(document, number)
    hold = chain.assignment(chain.account, number)
    if hold is None or hold.state in AGAIN:
        check_free(folder, number)
        _look(chain, store, task, document, folder.path)
        hold = _claim(chain, task, say)
    check_live(hold)
    if folder.hold() is None:
        check_free(folder, number)
    folder.check_is_of(hold)
    models = model_digests(document, chain)
    _fill(folder, store, document, models, hold)
    return Assigned(folder=folder.path, task=task, assignment=hold, document=document, models=models)


def check_for_people(document: Document, number: TaskId) -> None:
    if document.bundle is None or document.layout != "bundle":
        raise InputError(
            f"task {number} has no bundle that a person could open: its {document.kind} is for a node",
            remedy="run a node that takes it, see 'node-runtime init'",
        )


def check_free(folder: TaskFolder, number: TaskId) -> None:
    """Raise `InputError` where something lies already: it may be dear to somebody."""
    if folder.is_free():
        return
    of = folder.hold()
    what = f"is the folder of an attempt at task {of.task} that is over" if of else "is there and not empty"
    raise InputError(f"{folder.path} {what}", remedy=f"name a new folder: node-runtime assign {number} --into FOLDER")


def _look(chain: Chain, store: AssetStore, task: Task, document: Document, target: Path) -> None:
    """What can be known before a bond is put down: the assets play their parts, are there, and have room."""
    if task.state is not TaskState.OPEN or task.free_slots < 1:
        return  # the chain says in its own words why it can't be taken
    check_roles(document, chain)
    for ref in map(asset_ref, document.asset_keys()):
        asset = chain.asset(ref)
        if asset is not None and asset.visibility is Visibility.PRIVATE:
            raise InputError(
                f"task {task.id} uses private data of {ref.owner}, which never leaves its node",
                remedy="leave it to that node",
            )
    models = model_digests(document, chain)
    digests = {*(asset_ref(key).digest for key in document.asset_keys()), *models}
    for digest in digests:
        if not store.has(digest):
            raise AssetUnavailable(
                f"task {task.id} needs {digest}, and storage doesn't have it", remedy="ask its creator to store it"
            )
    _check_room(sum(map(store.size, digests)), target)
    _check_bundle(store, document, models)


def _check_room(needed: int, target: Path) -> None:
    place = next(parent for parent in target.absolute().parents if parent.is_dir())
    free = shutil.disk_usage(place).free
    if needed > free:
        raise HostError(
            f"the task's files are {size(needed)}, in {place} are {size(free)} free",
            remedy="name a folder on a larger disk as --into",
        )


def _check_bundle(store: AssetStore, document: Document, models: tuple[Digest, ...]) -> None:
    with tempfile.TemporaryDirectory(prefix="node-runtime-") as scratch:
        digest = bundle_digest(document)
        place = Path(scratch) / "bundle"
        store.fetch(digest, place)
        _check_fetched(place, document, models)


def _check_fetched(bundle: Path, document: Document, models: tuple[Digest, ...]) -> None:
    """As a node would find it, and without what acts on who merely goes into its folder."""
    found = input_in(bundle, bundle_digest(document))
    check_bundle(found, data=bool(document.data), models=bool(document.models))
    laid = [*(f"data/{asset_ref(key).digest}" for key in document.data), *(f"models/{model}" for model in models)]
    for own in (*(name for name in (OWN, *laid) if os.path.lexists(bundle / name)), *_repositories(bundle)):
        raise InputError(f"the bundle has a {own} of its own", remedy="ask the task's creator to leave it out")


def _repositories(bundle: Path) -> Iterator[str]:
    """Git runs commands that a repository's configuration names, and many a shell's prompt asks git in each folder."""
    for place, folders, files in os.walk(bundle):
        names = {*folders, *files}
        if ".git" in names or {"HEAD", "objects", "refs"} <= names:
            yield f"git repository ({Path(place).relative_to(bundle)})"


def _claim(chain: Chain, task: Task, say: Say) -> Assignment:
    """The hold, in a finalised block."""
    terms = task.terms
    say(
        f"taking task {task.id}: it pays {amount(terms.reward)} for an accepted result; "
        f"{amount(terms.bond)} of yours are held as bond until it is accepted or you hand it back"
    )
    return chain.assign_task(task.id)


def _fill(
    folder: TaskFolder, store: AssetStore, document: Document, models: tuple[Digest, ...], hold: Assignment
) -> None:
    """Everything into the folder. What arrived before a crash isn't fetched again."""
    if folder.ready:
        return
    folder.begin(hold)
    incoming = folder.own / "incoming"
    with host_trouble(folder.path):
        remove_tree(incoming)
        if not (folder.path / START).exists():
            store.fetch(bundle_digest(document), incoming)
            _check_fetched(incoming, document, models)
            _unpack(incoming, folder.path)
        (folder.path / START).chmod(0o755)  # bundles that came through an archive or a web page have lost that
        for digest in dict.fromkeys(asset_ref(key).digest for key in document.data):
            _lay(store, digest, incoming, folder.path / "data" / digest, as_model=False)
        for digest in dict.fromkeys(models):
            _lay(store, digest, incoming, folder.path / "models" / digest, as_model=True)
    told = environment(document, Inputs(worker=hold.worker))
    folder.finish(tuple((name, value) for name, value in told if name != "HOME"))


def _unpack(bundle: Path, target: Path) -> None:
    """Its files move to the top of the folder, the script that says that they are there comes last.

    Outputs that it brings along, e.g. as an example, would be taken for the person's own.
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
    """Of a task for people: see `check_for_people`."""
    assert document.bundle is not None
    return asset_ref(document.bundle).digest
