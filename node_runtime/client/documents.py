"""The documents of a task file as Python objects, a class for each kind: ``Training``, ``Scoring``, ``Objective`` …

A class is the kind's own YAML model (`TaskSpec` in `node_runtime.kinds`), so its arguments are the keys of the YAML,
with the same values, checks and messages. Where the YAML refers to another document by name, an argument may also be
that document, a task on chain, or an asset. Classes are made from the registry of kinds on first access, by `kinds`.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from inspect import Parameter, Signature
from pathlib import Path
from types import new_class
from typing import Any, Literal

from pydantic import PrivateAttr, ValidationError
from pydantic.fields import FieldInfo

from node_runtime.creator.permissions import permissions_of
from node_runtime.domain.assets import Digest
from node_runtime.domain.permissions import Permissions
from node_runtime.errors import InputError, SpecError
from node_runtime.spec.bounds import packaged_bounds
from node_runtime.spec.entries import AnySpec, SpecEntry
from node_runtime.spec.fields import Part
from node_runtime.spec.permissions import SampleRightsSpec
from node_runtime.spec.plan import ExtendedPlan
from node_runtime.spec.read import AMOUNTS, MAX_DOCUMENTS, SpecFile, check_entries, yaml_models
from node_runtime.spec.schema import MEANING
from node_runtime.spec.yaml_source import explain

from .arguments import Arguments, plain_value
from .messages import in_python


class YamlDocument(Part):
    """A document made in Python. Relative paths are of the working directory at that moment.

    Raises `SpecError` naming every wrong argument, e.g. ``Training('digits').limits['memory']``.
    """

    _arguments: Arguments = PrivateAttr()

    def __init__(self, /, **arguments: Any) -> None:
        _fill(self, arguments, Path.cwd())

    @property
    def arguments(self) -> Arguments:
        """The arguments that it was made with, as plain values."""
        return self._arguments


@in_python
def _fill(document: YamlDocument, given: dict[str, Any], folder: Path) -> None:
    model = type(document)
    arguments = Arguments(
        made=model.__name__, value={"kind": model.model_fields["kind"].default, **given}, folder=folder
    )
    try:
        arguments.value.update(plain_value(given))
        values = arguments.value | {key: str(given[key]) for key in AMOUNTS if type(given.get(key)) in (int, float)}
        model.__pydantic_validator__.validate_python(values, self_instance=document, context=folder)
    except ValidationError as error:
        raise SpecError("\n".join(explain(error, arguments, model))) from None
    except ValueError as error:
        raise SpecError(f"{arguments.at(())}: {error}") from None
    document._arguments = arguments


@cache
def _class(kind: str, model: type[AnySpec]) -> type[YamlDocument]:
    keys = "\n".join(f"{key}: {MEANING.get(key, '')}" for key in model.model_fields if key != "kind")
    body = {
        "__module__": f"{__package__}.kinds",  # where it is found by its name, e.g. when it is unpickled
        "__doc__": f"A document of kind {kind}. Its arguments are the keys of the YAML:\n\n{keys}",
        "__annotations__": {"kind": Literal[kind]},
        "kind": kind,
    }
    made: Any = new_class(class_name(kind), (YamlDocument, model), exec_body=lambda space: space.update(body))
    made.model_rebuild()  # else the first use would set pydantic's signature, which has every type in full
    made.__signature__ = Signature([_parameter(key, field) for key, field in model.model_fields.items()])
    found: type[YamlDocument] = made
    return found


def _parameter(key: str, field: FieldInfo) -> Parameter:
    """Return the parameter as a notebook shows it; what it is by default stands in the documents of the YAML."""
    required = field.is_required() and key != "kind"
    return Parameter(key, Parameter.KEYWORD_ONLY, default=Parameter.empty if required else ...)


def permissions_in(given: Mapping[str, object]) -> Permissions:
    """Read an asset's permissions; programs are named by digest, key or asset. Raises `SpecError`."""
    arguments = Arguments(made="permissions", value=plain_value(given), folder=Path.cwd())
    try:
        read = SampleRightsSpec.model_validate(arguments.value, context=arguments.folder)
    except ValidationError as error:
        raise SpecError("\n".join(explain(error, arguments, SampleRightsSpec))) from None
    return permissions_of(read, _no_path)


def _no_path(program: Path) -> Digest:
    raise SpecError(f"permissions.algos: {program} is a path; name a program by its digest, or by the asset")


def class_name(kind: str) -> str:
    return "".join(part.capitalize() for part in kind.split("_"))


def class_of(kind: str) -> type[YamlDocument]:
    """Return the class of a kind's documents. Raises `KeyError`."""
    return _class(kind, yaml_models()[kind])


def class_names() -> dict[str, str]:
    """Return the kinds by the names of their classes."""
    return {class_name(kind): kind for kind in yaml_models()}


def document_in(folder: Path, kind: str, arguments: dict[str, Any]) -> YamlDocument:
    """Make a document whose relative paths are of that folder."""
    model = class_of(kind)
    document = model.__new__(model)
    _fill(document, arguments, folder)
    return document


def spec_file(documents: Sequence[object], *, extends: ExtendedPlan | None = None) -> SpecFile:
    """Check documents that belong together, as those of a file, in this order; their tasks may extend a plan.

    Raises `SpecError`, `InputError`.
    """
    checked = list[YamlDocument]()
    for one in documents:
        if not isinstance(one, YamlDocument):  # a notebook has no type checker
            told = f"{str(one)[:80]!r} is a {type(one).__name__}, not a document"
            raise InputError(told, remedy="make one, e.g. client.Training(name='digits', …), or client.read_yaml(path)")
        checked.append(one)
    if len(checked) > MAX_DOCUMENTS:
        raise SpecError(f"{checked[MAX_DOCUMENTS].arguments.at(())}: more than {MAX_DOCUMENTS} documents at once")
    return check_entries([SpecEntry(spec=_spec(one), document=one.arguments) for one in checked], extends=extends)


def _spec(document: YamlDocument) -> AnySpec:
    spec: Any = document  # each class is its kind's model too
    found: AnySpec = spec
    return found


@in_python
def check(*documents: YamlDocument) -> tuple[str, ...]:
    """Make all checks that need no chain, as `node-runtime check` does; return the warnings.

    Raises `SpecError` naming every mistake.
    """
    file = spec_file(documents)
    check_entries(file.entries, bounds=packaged_bounds())
    return file.warnings
