"""How is each value of a task YAML written? Units, accounts, names, and folders that have to be there.

Paths are relative to the YAML's folder, which is the validation context. What is wrong raises `ValueError` in words for
a person; `spec.py` adds the place.
"""

import os
import re
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, PlainSerializer, PlainValidator, ValidationInfo

from node_runtime.document import MOST_IN_BUNDLE
from node_runtime.task import Account, AssetRef, Digest
from node_runtime.units import read_amount, read_duration, read_size

_ASSET_KEY = re.compile(r"([1-9A-HJ-NP-Za-km-z]{40,60})/([0-9a-f]{64})")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")
_MAX_LOOKED_AT = 10_000  # folders and files looked at until a file is found

Source: TypeAlias = Path | AssetRef
"""A file or folder here, or an asset that is registered already."""


def _in_words(read: Callable[[str], int], example: str) -> Callable[[Any], int]:
    def from_yaml(value: Any) -> int:
        if not isinstance(value, str):
            raise ValueError(f"{value!r} has no unit; write e.g. {example}")
        return read(value)

    return from_yaml


def _amount(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("not an amount; write UNIT as a number, e.g. 10 or 0.25")
    return read_amount(str(value))


def read_account(value: Any) -> Account:
    """An SS58 address of this network. Raises `ValueError`."""
    from scalecodec.utils.ss58 import is_valid_ss58_address  # slow to import, and rarely needed

    if not isinstance(value, str) or not is_valid_ss58_address(value, valid_ss58_format=42):
        raise ValueError(f"{str(value)[:60]!r} is not an account's address, or has a slip in it; copy it again, whole")
    return Account(value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(
            f"{str(value)[:40]!r} is no name; it starts with a letter, then letters, digits, '.', '_' and '-', "
            "64 characters at most"
        )
    return value


def _name_or_number(value: Any) -> str | int:
    if type(value) is int:
        if value < 1:
            raise ValueError(f"{value} is no number on chain; they start at 1")
        return value
    return _name(value)


def _only(label: str, reason: str) -> Callable[[Any], str]:
    def from_yaml(value: Any) -> str:
        if value != label:
            raise ValueError(f"must be '{label}': {reason}")
        return label

    return from_yaml


def source(value: Any, folder: Path) -> Source:
    """What a string names: an asset by its key ``owner/digest``, or a path relative to `folder`, which must exist."""
    if isinstance(value, Path | AssetRef):
        return value
    if not isinstance(value, str) or not value.strip():
        raise ValueError("write the path of a file or folder, or an asset's key")
    key = _ASSET_KEY.fullmatch(value)
    if key:
        return AssetRef(owner=read_account(key[1]), digest=Digest(key[2]))
    path = Path(os.path.normpath(folder / Path(value).expanduser()))
    try:
        path.stat()
    except FileNotFoundError:
        raise ValueError(f"{value} doesn't exist{_maker(path, folder)}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{value} can't be read: {error}") from None
    return path


def _maker(path: Path, folder: Path) -> str:
    """The examples' data isn't kept with them; who comes upon that is told what makes it."""
    script = folder / "make_data.py"
    return f"; run 'python {script}' to make it" if script.is_file() and folder / "data" in path.parents else ""


def _checked(check: Callable[[Path], None]) -> Callable[[Any, ValidationInfo], Source]:
    def from_yaml(value: Any, info: ValidationInfo) -> Source:
        folder = info.context
        assert isinstance(folder, Path)
        found = source(value, folder)
        if isinstance(found, Path):
            check(found)
        return found

    return from_yaml


def _image_folder(path: Path) -> None:
    if not path.is_dir():
        raise ValueError(f"{path} is a file; name a folder with a Dockerfile")
    if not (path / "Dockerfile").is_file():
        raise ValueError(f"{path} has no Dockerfile; put one into the folder")


def _bundle(path: Path) -> None:
    if not path.is_dir():
        raise ValueError(f"{path} is a file; name a folder with a start_task.sh")
    if not (path / "start_task.sh").is_file():
        raise ValueError(f"{path} has no start_task.sh; put the script that does the work into the folder")
    if next(islice(path.rglob("*"), MOST_IN_BUNDLE, None), None) is not None:
        raise ValueError(f"{path} has more than {MOST_IN_BUNDLE} files and folders; make several tasks of it")


def _opener(path: Path) -> None:
    if path.is_dir() and not (path / "__init__.py").is_file():
        raise ValueError(f"{path} has no __init__.py; name a .py file, or a folder that is a Python package")
    if path.is_file() and path.suffix != ".py":
        raise ValueError(f"{path} is not a .py file")


def _sample(path: Path) -> None:
    if not path.is_dir():
        raise ValueError(f"{path} is a file; a data sample is a folder")
    _not_empty(path)


def _not_empty(path: Path) -> None:
    if path.is_file():
        return
    for looked_at, (_, _, files) in enumerate(os.walk(path)):
        if files or looked_at > _MAX_LOOKED_AT:
            return
    raise ValueError(f"{path} is empty; put the files into it first")


_AS_TEXT = PlainSerializer(str)

Name = Annotated[str, PlainValidator(_name)]
NameOrNumber = Annotated[str | int, PlainValidator(_name_or_number)]
"""Of a task or an objective: its name in this file or on chain, or its number on chain."""
TrainLabel = Annotated[str, PlainValidator(_only("train", "samples labelled test belong to an objective"))]
TestLabel = Annotated[str, PlainValidator(_only("test", "a model that has seen its samples can't be measured"))]
Amount = Annotated[int, BeforeValidator(_amount)]
"""Base units."""
Duration = Annotated[int, BeforeValidator(_in_words(read_duration, "15m, 2h or 1d"))]
"""Milliseconds."""
Size = Annotated[int, BeforeValidator(_in_words(read_size, "256MiB or 1GiB"))]
"""Bytes."""
AccountAddress = Annotated[Account, PlainValidator(read_account)]
ImageFolder = Annotated[Source, PlainValidator(_checked(_image_folder)), _AS_TEXT]
BundleFolder = Annotated[Source, PlainValidator(_checked(_bundle)), _AS_TEXT]
OpenerSource = Annotated[Source, PlainValidator(_checked(_opener)), _AS_TEXT]
SampleFolder = Annotated[Source, PlainValidator(_checked(_sample)), _AS_TEXT]
ModelTree = Annotated[Source, PlainValidator(_checked(_not_empty)), _AS_TEXT]
