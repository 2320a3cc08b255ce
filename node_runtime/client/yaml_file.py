"""Documents read from a task file, and written to one."""

import os
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from node_runtime.errors import InputError
from node_runtime.platform.files import host_errors, write_atomically
from node_runtime.spec.folders import sources_in
from node_runtime.spec.messages import Location
from node_runtime.spec.read import exact_values, read_specs
from node_runtime.spec.yaml_source import CoreLoader, MarkedDocument

from .documents import YamlDocument, document_in, spec_file
from .messages import in_python


class _Dumper(yaml.SafeDumper):
    """Quotes the texts that the reader would take for something else."""


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write a text with control characters or line ends in double quotes: PyYAML loses some of them in others."""
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if text.isprintable() else '"')


_Dumper.yaml_implicit_resolvers = CoreLoader.yaml_implicit_resolvers
_Dumper.add_representer(str, _represent_text)


@in_python
def read_yaml(path: str | Path) -> tuple[YamlDocument, ...]:
    """Read the documents of a task file. Raises `SpecError` naming every mistake with its ``file:line:column``."""
    file = Path(path)
    read = {id(entry.document): entry.document for entry in read_specs(file).entries}  # a swept document once
    documents = [one for one in read.values() if isinstance(one, MarkedDocument)]
    folder = file.absolute().parent
    return tuple(document_in(folder, one.value["kind"], _values(one)) for one in documents)


def _values(document: MarkedDocument) -> dict[str, Any]:
    """Return the values, with the text of an amount where a number loses digits of it."""
    exact = exact_values(document)
    return {key: value if str(value) == exact[key] else exact[key] for key, value in document.value.items()}


@in_python
def write_yaml(path: str | Path, *documents: YamlDocument) -> None:
    """Write documents to a task file, for `node-runtime submit` and for people. Paths are relative to the file.

    Raises `SpecError` for mistakes, `InputError` where the file exists.
    """
    target = Path(path)
    text = yaml_text(documents, target.absolute().parent)
    if os.path.lexists(target):
        raise InputError(f"{target} is there already", remedy="name a new file, or remove that one")
    with host_errors(target):
        write_atomically(target, text.encode())


def yaml_text(documents: Sequence[YamlDocument], folder: Path) -> str:
    """Return the text of a task file in that folder."""
    spec_file(documents)
    values = [_relocated(one, folder) for one in documents]
    return yaml.dump_all(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


def _relocated(document: YamlDocument, folder: Path) -> dict[str, Any]:
    """Return the document's values; paths that mean another place from that folder are written anew."""
    values = deepcopy(document.arguments.value)
    for location, source in sources_in(document):
        if isinstance(source, Path):
            holder, key = _holder(values, location)
            if Path(os.path.normpath(folder / Path(holder[key]).expanduser())) != source:
                holder[key] = os.path.relpath(source, folder)
    return values


def _holder(values: Any, location: Location) -> tuple[Any, Any]:
    """Return what holds the value at this place, and its key there; a short form has fewer steps than its model."""
    holder, key, found = None, None, values
    for step in location:
        if isinstance(found, dict | list):
            holder, key, found = found, step, found[step]  # type: ignore[index]
    return holder, key
