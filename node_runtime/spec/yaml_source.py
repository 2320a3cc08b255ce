"""Safe YAML reader that keeps the line and column of every value, and its error messages."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from yaml.scanner import ScannerError

from node_runtime.errors import InputError

from .messages import Location, WrittenDocument, describe_error, nearest

MAX_BYTES = 256 * 1024  # the parser takes about 10 µs per byte
MAX_VALUES = 50_000  # counted after alias expansion, which bounds nested aliases
MAX_DEPTH = 64
_HALF = re.compile("[\ud800-\udfff]")  # a surrogate, which no UTF-8 has
_TOO_DEEP = f"nested too deeply, at most {MAX_DEPTH} levels are read"
_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("map", "seq", "str", "null", "bool", "int", "float"))


class CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core schema: `no` and `on` are text, `010` and `1:30` aren't numbers in another base."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's attribute

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:
        """Refuse brackets nested too deeply at once: for each token the scanner looks at every open bracket."""
        in_root = self.indent < 0  # the document itself is in brackets; its level isn't counted
        if self.flow_level >= MAX_DEPTH + in_root:
            raise ScannerError(None, None, _TOO_DEEP, self.get_mark())
        super().fetch_flow_collection_start(TokenClass)


for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|)$", "~n\0"),
    ("bool", r"^(?:true|false)$", "tf"),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", "-+0123456789"),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$", "-+.0123456789"),
    ("merge", r"^<<$", "<"),
):
    for _character in _first:
        CoreLoader.yaml_implicit_resolvers.setdefault(_character.strip("\0"), []).append(
            (f"tag:yaml.org,2002:{_tag}", re.compile(_pattern))
        )


@dataclass(frozen=True, kw_only=True)
class MarkedDocument:
    """One YAML document: `value` is plain Python with a mapping at its root, `path` the file as the caller named it."""

    path: Path
    value: dict[str, Any]
    root: yaml.MappingNode = field(repr=False)

    def position(self, location: Location, *, key: bool = False) -> tuple[int, int]:
        """Return line and column, both from 1, of the value at a pydantic error location, or of its key.

        Steps absent from the document (a union's tag, a missing key) are skipped, so a missing key is reported at the
        mapping that lacks it.
        """
        node: yaml.Node = self.root
        mark = node.start_mark
        for step in location:
            found = _child(node, step)
            if found is None:
                continue
            key_node, node = found
            mark = (key_node if key else node).start_mark
        return mark.line + 1, mark.column + 1

    def at(self, location: Location, *, key: bool = False) -> str:
        """Format the position for a message: ``file:line:column``."""
        line, column = self.position(location, key=key)
        return f"{self.path}:{line}:{column}"

    def keys(self, location: Location) -> tuple[str, ...]:
        """Return the keys of a pydantic error location without union tags, e.g. ``limits``, ``[2]``."""
        node: yaml.Node | None = self.root
        names: list[str] = []
        for step in location:
            found = _child(node, step) if node is not None else None
            if found is not None:
                node = found[1]
                names.append(f"[{step}]" if isinstance(step, int) else step)
        return tuple(names)


def load_documents(path: Path) -> list[MarkedDocument]:
    """Load all non-empty documents of a YAML file. Raises `InputError` starting with ``file:line:column``.

    Duplicate keys, non-text keys, merge keys, tags, multiplying aliases, nesting deeper than 64, files above 256 KiB
    and documents other than mappings are refused. Scalars follow YAML 1.2's core schema.
    """
    nodes = _composed(path, _read(path))
    if not nodes:
        raise InputError(f"{path}:1:1: the file is empty", remedy="write at least one document into it")
    values = _Values(path)
    return [MarkedDocument(path=path, value=values.root(root), root=root) for root in map(values.mapping, nodes)]


def load_value(text: str) -> Any:
    """Load a single value by the same rules, e.g. from an environment variable. Raises `InputError`."""
    node = next(iter(_composed(Path("value"), text)), None)
    return None if node is None else _Values(Path("value")).value(node)


def explain(error: ValidationError, document: WrittenDocument, model: Any) -> tuple[str, ...]:
    """Format each mistake as ``file:line:column: reason``, with the nearest valid key for an unknown one.

    Documents of other origin have places of their own. `model` is the model, or the union of models, that the document
    was validated against.
    """
    every = (one for mistake in error.errors(include_url=False) for one in _each(mistake))
    return tuple(explain_mistake(mistake, document, model) for mistake in every)


def _each(mistake: Any) -> Iterator[Any]:
    """Yield a mistake for each reason of an error that has several."""
    reasons = getattr(mistake.get("ctx", {}).get("error"), "reasons", None)
    yield from [mistake] if reasons is None else ({**mistake, "msg": reason} for reason in reasons)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", remedy="check the file's name and permissions") from None
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: larger than {MAX_BYTES // 1024} KiB", remedy="refer to folders instead of files")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        raise InputError(f"{path}:{line}:{column}: not UTF-8 text") from None


def _composed(path: Path, text: str) -> list[yaml.Node]:
    try:
        return [node for node in yaml.compose_all(text, CoreLoader) if not _empty(node)]
    except yaml.MarkedYAMLError as error:
        raise InputError(_syntax(path, error)) from None
    except yaml.YAMLError as error:
        raise InputError(f"{path}:1:1: not readable as YAML: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise InputError(f"{path}:1:1: {_TOO_DEEP}") from None


def _syntax(path: Path, error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else f"{path}:1:1"
    problem = error.problem or "not readable as YAML"
    if "'\\t'" in problem:
        problem = "a tab can't indent YAML; use spaces"
    elif "stream" in problem:  # PyYAML's message for an unexpected end of the file
        opened = f", opened in line {error.context_mark.line + 1}" if error.context_mark else ""
        problem = f"the file ends before a bracket or a quote is closed{opened}"
    return f"{place}: {problem}"


def _empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"


def _child(node: yaml.Node, step: int | str) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == step), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step]
    return None


class _Values:
    """Convert nodes to plain values, with one budget of values for the whole file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._budget = MAX_VALUES
        self._scalars = yaml.constructor.SafeConstructor()

    def mapping(self, node: yaml.Node) -> yaml.MappingNode:
        if not isinstance(node, yaml.MappingNode):
            raise self._refused(node, "a document must be keys with values, e.g. 'kind: training'")
        return node

    def root(self, node: yaml.MappingNode) -> dict[str, Any]:
        return self._mapping(node, 1)

    def value(self, node: yaml.Node) -> Any:
        return self._value(node, 1)

    def _value(self, node: yaml.Node, depth: int) -> Any:
        self._budget -= 1
        if self._budget < 0:
            raise self._refused(node, f"more than {MAX_VALUES} values, aliases written out")
        if depth > MAX_DEPTH:
            raise self._refused(node, _TOO_DEEP)
        if node.tag not in _TAGS:
            raise self._refused(node, f"the tag '{node.tag}' isn't read; write the plain value")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, depth + 1)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, depth + 1) for item in node.value]
        try:
            found = self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            raise self._refused(node, f"can't read '{str(node.value)[:40]}' as {node.tag}") from None
        if isinstance(found, str) and _HALF.search(found):
            raise self._refused(node, "an escape stands for half a character; write the character itself")
        if isinstance(found, float) and not math.isfinite(found):
            raise self._refused(node, f"'{str(node.value)[:40]}' is beyond what a number can be")
        return found

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        mapping: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                raise self._refused(key, "merge keys ('<<') aren't read; write the keys out")
            if key.tag != "tag:yaml.org,2002:str":
                raise self._refused(key, "a key must be text; put quotes around it")
            if _HALF.search(key.value):
                raise self._refused(key, "an escape stands for half a character; write the character itself")
            if key.value in mapping:
                raise self._refused(key, f"key '{key.value}' is there twice")
            mapping[key.value] = self._value(value, depth)
        return mapping

    def _refused(self, node: yaml.Node, reason: str) -> InputError:
        mark = node.start_mark
        return InputError(f"{self._path}:{mark.line + 1}:{mark.column + 1}: {reason}")


def explain_mistake(mistake: Any, document: WrittenDocument, model: Any) -> str:
    """Format one of pydantic's error details; see `explain`."""
    location, kind = mistake["loc"], mistake["type"]
    inside = ".".join(document.keys(location[:-1])).replace(".[", "[")
    where = f" in {inside}" if inside else ""
    if kind == "extra_forbidden":
        hint = nearest(str(location[-1]), tuple(_valid_keys(model, location[:-1])))
        return f"{document.at(location, key=True)}: unknown key '{location[-1]}'{where}" + (f"; {hint}" if hint else "")
    if kind == "missing":
        return f"{document.at(location)}: key '{location[-1]}' is missing{where}"
    name = ".".join(document.keys(location)).replace(".[", "[")
    return f"{document.at(location)}: {name + ': ' if name else ''}{describe_error(mistake)}"


def _valid_keys(model: Any, location: Location) -> Iterator[str]:
    """Yield the keys of the models that are possible at `location`."""
    candidates = list(_parts(model))
    for step in location:
        named = [part for candidate in candidates for part in _step(candidate, step)]
        tagged = [candidate for candidate in candidates if _has_tag(candidate, step)]
        candidates = named or tagged or candidates
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            yield from (info.alias or name for name, info in candidate.model_fields.items())


def _parts(annotation: Any) -> Iterator[Any]:
    """Yield the members of an annotation: models from unions and aliases, containers unchanged."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        return
    annotation = getattr(annotation, "__value__", annotation)  # a `type` alias
    origin = getattr(annotation, "__origin__", None)
    if origin in (list, tuple, dict):
        yield annotation
        return
    for argument in get_args(annotation):
        yield from _parts(argument)


def _step(candidate: Any, step: int | str) -> Iterator[Any]:
    if isinstance(candidate, type) and issubclass(candidate, BaseModel):
        for name, info in candidate.model_fields.items():
            if step in (name, info.alias):
                yield from _parts(info.annotation)
    elif isinstance(step, int) or getattr(candidate, "__origin__", None) is dict:
        for argument in get_args(candidate):
            yield from _parts(argument)


def _has_tag(candidate: Any, tag: int | str) -> bool:
    """Return whether `tag` names this member of a union: by its class's name or a literal in one of its fields."""
    if not (isinstance(candidate, type) and issubclass(candidate, BaseModel)):
        return False
    literals = (get_args(info.annotation) for info in candidate.model_fields.values())
    return candidate.__name__ == tag or any(tag in values for values in literals)
