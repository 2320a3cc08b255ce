"""Field types of the task YAML, and the base of its models: units, accounts, names, and folders that must exist.

Paths are relative to the YAML's folder, which is the validation context. Invalid values raise `ValueError` with a
message for the file's author; `yaml_source` adds the place.
"""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    PlainSerializer,
    PlainValidator,
    ValidationInfo,
)

from node_runtime.domain.assets import Account, AssetKind, AssetRef, Digest
from node_runtime.domain.document import MOST_IN_BUNDLE, NUMBERS
from node_runtime.domain.parameters import encode_parameters
from node_runtime.domain.units import (
    AMOUNT_PATTERN,
    DURATION_PATTERN,
    SIZE_PATTERN,
    read_amount,
    read_duration,
    read_size,
)
from node_runtime.platform.archive import is_archive

from .bounds import packaged_bounds
from .folders import folder_faults
from .own_files import image_folder, included_in

_ASSET_KEY = re.compile(r"([1-9A-HJ-NP-Za-km-z]{40,60})/([0-9a-f]{64})")
_LONGEST_NAME = packaged_bounds().max_name  # characters, of one byte each
_NAME = re.compile(rf"[A-Za-z][A-Za-z0-9._-]{{0,{_LONGEST_NAME - 1}}}")
MAX_VARIANTS = 256  # of a swept document
_MAX_LOOKED_AT = 10_000  # entries visited in the search for a file


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)


Source: TypeAlias = Path | AssetRef
"""A local file or folder, or a registered asset."""


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
    """Parse an SS58 address of this network. Raises `ValueError`."""
    from scalecodec.utils.ss58 import is_valid_ss58_address  # slow to import, and rarely needed

    if not isinstance(value, str) or not is_valid_ss58_address(value, valid_ss58_format=42):
        raise ValueError(f"{str(value)[:60]!r} is not an account's address, or has a slip in it; copy it again, whole")
    return Account(value)


def read_asset(text: str) -> AssetRef:
    """Parse an asset's key ``owner/digest``. Raises `ValueError`."""
    key = _ASSET_KEY.fullmatch(text)
    if key is None:
        raise ValueError(f"{text[:120]!r} is no asset's key, an address and a digest like 5Grwva…/1f2e…")
    return AssetRef(owner=read_account(key[1]), digest=Digest(key[2]))


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(
            f"{str(value)[:40]!r} is no name; it starts with a letter, then letters, digits, '.', '_' and '-', "
            f"{_LONGEST_NAME} characters at most"
        )
    return value


def _name_or_number(value: Any) -> str | int:
    if type(value) is int:
        if not 1 <= value < NUMBERS:
            raise ValueError(f"{str(value)[:40]} is no number on chain; they start at 1")
        return value
    return _name(value)


def _only(label: str, reason: str) -> Callable[[Any], str]:
    def from_yaml(value: Any) -> str:
        if value != label:
            raise ValueError(f"must be '{label}': {reason}")
        return label

    return from_yaml


def source(value: Any, folder: Path) -> Source:
    """Resolve a string to an asset by its key ``owner/digest``, or to an existing path relative to `folder`."""
    if isinstance(value, Path | AssetRef):
        return value
    if not isinstance(value, str) or not value.strip():
        raise ValueError("write the path of a file or folder, or an asset's key")
    if _ASSET_KEY.fullmatch(value):
        return read_asset(value)
    path = Path(os.path.normpath(folder / Path(value).expanduser()))
    try:
        path.stat()
    except FileNotFoundError:
        raise ValueError(f"{value} doesn't exist{_maker(path, folder)}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"{value} can't be read: {error}") from None
    return path


def _maker(path: Path, folder: Path) -> str:
    """Return a hint at the script that generates an example's data, which the repository does not contain."""
    script = folder / "make_data.py"
    return f"; run 'python {script}' to make it" if script.is_file() and folder / "data" in path.parents else ""


class Faults(ValueError):
    """Several mistakes in one value, each a message of its own."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = tuple(reasons)


def _checked(check: Callable[[Path], None], kind: AssetKind) -> Callable[[Any, ValidationInfo], Source]:
    def from_yaml(value: Any, info: ValidationInfo) -> Source:
        folder = info.context
        assert isinstance(folder, Path)
        found = source(value, folder)
        if isinstance(found, Path) and (reasons := [*_unfit(check, found), *folder_faults(found, kind)]):
            raise Faults(reasons)
        return found

    return from_yaml


def _unfit(check: Callable[[Path], None], path: Path) -> Iterator[str]:
    try:
        check(path)
    except ValueError as error:
        yield str(error)


def check_image(path: Path) -> None:
    """Raise `ValueError` unless an image can be built from the folder or archive, judged by its Dockerfile's text."""
    if not path.is_dir() and not is_archive(path):
        raise ValueError(f"{path} is a file; name a folder with a Dockerfile, or a zip, tar or tar.gz of one")
    with image_folder(path) as folder:
        _check_dockerfile(path, folder)


def _check_dockerfile(path: Path, folder: Path) -> None:
    from node_runtime.engines.docker.dockerfile import check_dockerfile  # slow to import, and only creators need it

    if not (folder / "Dockerfile").is_file():
        below = next(folder.glob("*/Dockerfile"), None) if folder != path else None
        if below is None:
            raise ValueError(f"{path} has no Dockerfile; put one into the folder")
        raise ValueError(
            f"{path} has no Dockerfile at its top, but in {below.parent.name}/; pack that folder's content alone"
        )
    try:
        check_dockerfile(folder / "Dockerfile")
    except ValueError as error:
        raise ValueError(f"{path / 'Dockerfile'}: {error}") from error
    if folder != path:
        included_in(folder, AssetKind.ALGO)


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


def _some_values(values: tuple[JsonValue, ...]) -> tuple[JsonValue, ...]:
    if not values:
        raise ValueError("empty; name at least one value")
    encoded = [encode_parameters(value) for value in values]
    for index, one in enumerate(encoded):
        if one in encoded[:index]:
            raise ValueError(f"the value {one.decode()[:40]} is named twice; once is enough")
    return values


def _some_keys(sweep: dict[str, tuple[JsonValue, ...]]) -> dict[str, tuple[JsonValue, ...]]:
    if not sweep:
        raise ValueError("empty; name a parameter with its values, e.g. {depth: [4, 6, 8]}")
    return sweep


# what stands in the YAML, for the JSON schema
_Name = Annotated[str, Field(pattern=f"^{_NAME.pattern}$")]
_Place = Annotated[str, Field(pattern=r"\S")]
_Amount = Annotated[float, Field(ge=0)] | Annotated[str, Field(pattern=AMOUNT_PATTERN)]
_Duration = Annotated[str, Field(pattern=DURATION_PATTERN)]
_Size = Annotated[str, Field(pattern=SIZE_PATTERN)]
_Address = Annotated[str, Field(pattern="^[1-9A-HJ-NP-Za-km-z]{40,60}$")]

_AS_TEXT = PlainSerializer(str)

Name = Annotated[str, PlainValidator(_name, json_schema_input_type=_Name)]
NameOrNumber = Annotated[
    str | int, PlainValidator(_name_or_number, json_schema_input_type=_Name | Annotated[int, Field(ge=1)])
]
"""A task's or an objective's name, in this file or on chain, or its number on chain."""
TrainLabel = Annotated[
    str,
    PlainValidator(
        _only("train", "samples labelled test belong to an objective"), json_schema_input_type=Literal["train"]
    ),
]
TestLabel = Annotated[
    str,
    PlainValidator(
        _only("test", "a model that has seen its samples can't be measured"), json_schema_input_type=Literal["test"]
    ),
]
Amount = Annotated[int, BeforeValidator(_amount, json_schema_input_type=_Amount)]
"""Base units."""
Duration = Annotated[int, BeforeValidator(_in_words(read_duration, "15m, 2h or 1d"), json_schema_input_type=_Duration)]
"""Milliseconds."""
Size = Annotated[int, BeforeValidator(_in_words(read_size, "256MiB or 1GiB"), json_schema_input_type=_Size)]
"""Bytes."""
AccountAddress = Annotated[Account, PlainValidator(read_account, json_schema_input_type=_Address)]
ImageFolder = Annotated[
    Source, PlainValidator(_checked(check_image, AssetKind.ALGO), json_schema_input_type=_Place), _AS_TEXT
]
FunctionFolder = Annotated[
    Source, PlainValidator(_checked(check_image, AssetKind.FUNCTION), json_schema_input_type=_Place), _AS_TEXT
]
BundleFolder = Annotated[
    Source, PlainValidator(_checked(_bundle, AssetKind.BUNDLE), json_schema_input_type=_Place), _AS_TEXT
]
OpenerSource = Annotated[
    Source, PlainValidator(_checked(_opener, AssetKind.OPENER), json_schema_input_type=_Place), _AS_TEXT
]
SampleFolder = Annotated[
    Source, PlainValidator(_checked(_sample, AssetKind.DATA_SAMPLE), json_schema_input_type=_Place), _AS_TEXT
]
ModelTree = Annotated[
    Source, PlainValidator(_checked(_not_empty, AssetKind.MODEL), json_schema_input_type=_Place), _AS_TEXT
]
Sweep = Annotated[
    dict[str, Annotated[tuple[JsonValue, ...], Field(max_length=MAX_VARIANTS), AfterValidator(_some_values)]],
    AfterValidator(_some_keys),
]
"""Values of each swept parameter."""
