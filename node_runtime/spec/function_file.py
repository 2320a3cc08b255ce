"""Reader of function.yaml, in which a function's folder declares its inputs and outputs.

The declaration is a file of the folder, so that the function's digest covers it: whoever trusts a function with data
trusts what leaves it as well, and all tasks of one function agree.
"""

from collections.abc import Iterator
from pathlib import Path

from pydantic import ValidationError

from node_runtime.domain.function import FILE_NAME, Signature
from node_runtime.errors import InputError
from node_runtime.platform.archive import ArchiveRefused, is_archive

from .own_files import image_folder


class SignatureRefused(ValueError):
    """A function.yaml that can't be used; ``reasons`` have their ``file:line:column``."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons


def declares_function(path: Path) -> bool:
    """Whether the folder or archive has a function.yaml."""
    try:
        with image_folder(path) as folder:
            return (folder / FILE_NAME).is_file()
    except ArchiveRefused:  # told where it is named
        return False


def read_signature(path: Path) -> Signature:
    """Read the function.yaml of a folder or archive. Raises `SignatureRefused` with every mistake."""
    try:
        with image_folder(path) as folder:
            return _signature(folder)
    except SignatureRefused as refused:
        raise SignatureRefused(*(one.replace(str(folder), str(path)) for one in refused.reasons)) from refused
    except ArchiveRefused as refused:
        raise SignatureRefused(str(refused)) from refused


def _signature(folder: Path) -> Signature:
    from .yaml_source import explain, load_documents  # slow to import, and most commands read no YAML

    path = folder / FILE_NAME
    if not path.is_file():
        raise SignatureRefused(f"{folder} has no {FILE_NAME}; declare the function's inputs and outputs in it")
    try:
        documents = load_documents(path)
    except InputError as error:
        raise SignatureRefused(error.message) from error
    if len(documents) > 1:
        raise SignatureRefused(f"{documents[1].at(())}: a second document; a folder is one function")
    (document,) = documents
    try:
        signature = Signature.model_validate(document.value)
    except ValidationError as error:
        raise SignatureRefused(*explain(error, document, Signature)) from error
    faults = [f"{document.at(place)}: {reason}" for place, reason in signature.faults()]
    if faults:
        raise SignatureRefused(*faults)
    return signature


def signature_faults(path: Path) -> Iterator[str]:
    """Yield the mistakes in the function.yaml of a folder or archive; none for another file, told where it is named."""
    if not path.is_dir() and not is_archive(path):
        return
    try:
        read_signature(path)
    except SignatureRefused as refused:
        yield from refused.reasons
