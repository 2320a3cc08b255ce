"""`make types`: the types of documents in Python, ``node_runtime/client/kinds.pyi``, from the YAML's JSON schema."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from node_runtime import client
from node_runtime.client.documents import class_name
from node_runtime.spec.schema import MEANING, task_schema

STUB = Path(client.__file__).with_name("kinds.pyi")
_PLAIN = {"number": "float", "integer": "int", "boolean": "bool", "null": "None", "string": "str"}
_PATH = r"\S"  # the pattern of a file's or folder's path
_HEAD = '''\
# Written by `make types` from the kinds' YAML models.
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Required, TypeAlias, TypedDict

from pydantic import JsonValue

from node_runtime.domain.assets import Asset, AssetRef
from node_runtime.domain.assets import Objective as ObjectiveOnChain
from node_runtime.domain.task import Submission

from .documents import YamlDocument
from .handles import TaskHandle

Place: TypeAlias = str | Path | Asset | AssetRef
"""A file or folder, or a registered asset."""
Named: TypeAlias = str | int | YamlDocument | TaskHandle | ObjectiveOnChain
"""A name among the documents or on chain, a number on chain, or the object itself."""
'''


def stub_text() -> str:
    """Return the text of the stub, formatted."""
    schema = task_schema()
    definitions: dict[str, Any] = schema["$defs"]
    kinds = {one["$ref"].rsplit("/", 1)[-1] for one in schema["oneOf"]}
    parts = [_HEAD, f"__all__ = {sorted(class_name(definitions[name]['title']) for name in kinds)}"]
    for name, part in definitions.items():
        if name in kinds:
            parts.append(_class(part, definitions))
        elif part.get("type") == "object":
            parts.append(_typed_dict(name, part, definitions))
    command = [sys.executable, "-m", "ruff", "format", "--quiet", "--stdin-filename", str(STUB), "-"]
    return subprocess.run(command, input="\n\n".join(parts), capture_output=True, text=True, check=True).stdout


def _class(part: dict[str, Any], definitions: dict[str, Any]) -> str:
    keys = {key: value for key, value in part["properties"].items() if key != "kind"}
    meanings = "\n".join(f"    {key}: {MEANING[key]}" for key in keys)
    required = set(part["required"])
    arguments = ", ".join(
        f"{key}: {_type(value, definitions)}" + ("" if key in required else " = ...") for key, value in keys.items()
    )
    return (
        f"class {class_name(part['title'])}(YamlDocument):\n"
        f'    """A document of kind {part["title"]}.\n\n{meanings}\n    """\n\n'
        f"    name: str\n    def __init__(self, *, {arguments}) -> None: ...\n"
    )


def _typed_dict(name: str, part: dict[str, Any], definitions: dict[str, Any]) -> str:
    required = set(part.get("required", ()))
    members = [
        f"    {key}: {f'Required[{_type(value, definitions)}]' if key in required else _type(value, definitions)}"
        for key, value in part.get("properties", {}).items()
    ]
    return f"class {name}(TypedDict, total=False):\n" + ("\n".join(members) or "    pass") + "\n"


def _type(value: dict[str, Any], definitions: dict[str, Any]) -> str:
    return " | ".join(sorted(dict.fromkeys(_types(value, definitions)), key="None".__eq__))  # None last


def _types(value: dict[str, Any], definitions: dict[str, Any]) -> Iterator[str]:
    if "anyOf" in value:
        yield from _union(value["anyOf"], definitions)
    elif "$ref" in value:
        name = value["$ref"].rsplit("/", 1)[-1]
        enum = definitions[name].get("enum")
        yield _literal(enum) if enum else name
    elif "const" in value or "enum" in value:
        yield _literal(value.get("enum", [value.get("const")]))
    elif value["type"] == "array":
        yield f"Sequence[{_type(value['items'], definitions)}]"
    elif value["type"] == "object":
        members = [value.get("additionalProperties"), *value.get("patternProperties", {}).values()]
        yield f"Mapping[str, {next(_type(one, definitions) for one in members if one)}]"
    else:
        yield "Place" if value.get("pattern") == _PATH else _PLAIN[value["type"]]


def _union(members: list[dict[str, Any]], definitions: dict[str, Any]) -> Iterator[str]:
    properties = [definitions[one["$ref"].rsplit("/", 1)[-1]].get("properties", {}) for one in members if "$ref" in one]
    types = [_type(one, definitions) for one in members]
    if types[:2] == ["str", "int"]:  # a name or a number
        types[:2] = ["Named"]
    if types[0] == "str" and any("source" in one for one in properties):  # the short form of {source: path}
        types[0] = "Place"
    yield from types
    if any("task" in one for one in properties):
        yield from ("YamlDocument", "TaskHandle", "Submission")


def _literal(values: list[object]) -> str:
    return f"Literal[{', '.join(map(repr, values))}]"


if __name__ == "__main__":
    STUB.write_text(stub_text(), encoding="utf-8")
