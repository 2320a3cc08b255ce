"""What registered functions declare, read from storage so that a file's tasks can be checked by it."""

from dataclasses import replace
from functools import cache

from node_runtime.domain.assets import AssetRef
from node_runtime.domain.function import Signature
from node_runtime.errors import StorageError
from node_runtime.platform.files import scratch_folder
from node_runtime.ports.store import AssetStore
from node_runtime.spec.function_file import SignatureRefused, read_signature
from node_runtime.spec.read import SpecFile, check_entries, refuse

_REMEDY = "name the storage that has it by --storage, or the folder that 'node-runtime asset fetch' wrote"


def with_declarations(file: SpecFile, store: AssetStore) -> SpecFile:
    """Return the file with what its registered functions declare, checked by that.

    Raises `SpecError` with the place of each function whose declaration can't be read, and of each mistake.
    """
    if all(spec.undeclared is None for _, spec in file.tasks):
        return file

    @cache
    def declared(ref: AssetRef) -> Signature:
        return _declared(ref, store)

    entries, mistakes = [], []
    for entry in file.entries:
        task = entry.task
        if task is not None and task.undeclared is not None:
            try:
                entries.append(replace(entry, spec=task.with_signature(declared(task.undeclared))))
            except StorageError as error:
                mistakes.append(
                    f"{entry.place('function')}: what it declares can't be read: {error.message}; {_REMEDY}"
                )
            except SignatureRefused as refused:
                mistakes += [f"{entry.place('function')}: {reason}" for reason in refused.reasons]
        else:
            entries.append(entry)
    refuse(mistakes, file.path)
    return check_entries(entries, path=file.path, extends=file.extends)


def _declared(ref: AssetRef, store: AssetStore) -> Signature:
    with scratch_folder() as scratch:
        store.fetch(ref.digest, scratch / "tree")
        try:
            return read_signature(scratch / "tree")
        except SignatureRefused as refused:
            told = (one.replace(str(scratch / "tree"), str(ref)) for one in refused.reasons)
            raise SignatureRefused(*told) from refused
