"""Any invalid value at any key of a task YAML is reported in terms of the YAML, at its place."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from node_runtime.errors import SpecError
from node_runtime.kinds import KINDS
from node_runtime.spec.objective import ObjectiveSpec
from node_runtime.spec.read import read_specs

FILES = Path(__file__).parent / "spec" / "files"
WHOLE = {
    "objective": {"name": "o", "metric": "metric/", "opener": "opener.py", "samples": "[test-0]"},
    "training": {"name": "a", "algo": "algo/", "data": "[train-0]", "reward": "1"},
    "scoring": {"name": "s", "algo": "algo/", "model": "{task: 1}", "objective": "o", "reward": "1"},
}
MODELS: dict[str, type[BaseModel]] = {"objective": ObjectiveSpec, **{name: kind.spec for name, kind in KINDS.items()}}
VALUES: tuple[str, ...] = (
    "3",
    "1.5",
    "-1",
    "0",
    "99999999999999999999",
    "1e300",
    "1e400",
    ".nan",
    "true",
    "null",
    "''",
)
VALUES += ("text", "0m", "0MiB", "'9999999TiB'", "-5s", "'٣'", "[]", "[1]", "[[]]", "{}", "{a: 1}")
# terms of the validation library, of Python, and of this project's classes
LEAKED = re.compile(r"[Ii]nput should|valid (tuple|dictionary|integer|string)|instance of|[A-Z]\w+Spec\b|than or equal")


def locations(model: type[BaseModel], inside: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, info in model.model_fields.items():
        yield (*inside, name)
        for part in parts(info.annotation):
            yield from locations(part, (*inside, name))


def parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from parts(argument)


@pytest.mark.parametrize(
    ("kind", "location"), [(kind, location) for kind in WHOLE for location in locations(MODELS[kind])]
)
def test_no_message_names_internals(kind: str, location: tuple[str, ...], tmp_path: Path) -> None:
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    others = {"kind": kind, **WHOLE[kind]}
    others.pop(location[0], None)
    for value in VALUES:
        for key in reversed(location[1:]):
            value = f"{{{key}: {value}}}"
        file = tmp_path / "task.yaml"
        file.write_text("".join(f"{key}: {each}\n" for key, each in others.items()) + f"{location[0]}: {value}\n")
        for output in mistakes(file):
            assert re.match(r".*task\.yaml:\d+:\d+: ", output), output
            assert not LEAKED.search(output), output


def mistakes(file: Path) -> list[str]:
    try:
        read_specs(file)
    except SpecError as error:
        return str(error).splitlines()
    return []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("limits: {timeout: 0m}", "limits.timeout: at least 2s, not '0m'"),
        ("limits: {memory: 1kB}", "limits.memory: at least 16 MiB, not '1kB'"),
        ("validation: {manual: {window: 99d}}", "validation.manual.window: at most 30d, not '99d'"),
        ("limits: {cpus: 1000}", "limits.cpus: at most 256, not 1000"),
        ("max_failures: 0", "max_failures: at least 1, not 0"),
        ("models: 12", "models: must be a list, e.g. [a, b], not 12"),
        ("objectives: [a, b, c, d, e]", "objectives: at most 4 can stand here, there are 5"),
        ("limits: many", "limits: must be keys with values, e.g. {key: value}, not 'many'"),
    ],
)
def test_a_bound_is_reported_in_the_unit_of_the_file(text: str, told: str, tmp_path: Path) -> None:
    shutil.copytree(FILES, tmp_path, dirs_exist_ok=True)
    file = tmp_path / "task.yaml"
    lines = [f"{key}: {value}" for key, value in WHOLE["training"].items()]
    file.write_text("\n".join(["kind: training", *lines, text, ""]))
    (event,) = mistakes(file)
    assert event.split(": ", 1)[1] == told
