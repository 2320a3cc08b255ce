"""The operators' page names every key of node.yaml, and the exit codes of errors."""

import re
from pathlib import Path

from node_runtime import errors
from node_runtime.config import NodeConfig, _locations
from node_runtime.errors import NodeRuntimeError

PAGE = (Path(__file__).parents[3] / "docs" / "operators.md").read_text()


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def test_each_key_of_the_configuration_has_its_row_and_no_other() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \| [^|]+ \| [^|]+ \|$", section("Keys of node.yaml"), re.MULTILINE)
    assert sorted(rows) == sorted(".".join(location) for location in _locations(NodeConfig, ()))


def test_defaults_that_are_a_plain_value_are_the_configurations() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| ([^|]+) \|", section("Keys of node.yaml"), re.MULTILINE))
    for location in _locations(NodeConfig, ()):
        model = NodeConfig
        for part in location[:-1]:
            model = model.model_fields[part].annotation  # type: ignore[assignment]
        field = model.model_fields[location[-1]]
        told = rows[".".join(location)]
        assert (told == "required") is field.is_required(), location
        if isinstance(field.default, bool | str):
            assert told == str(field.default).lower(), location


def test_each_exit_code_of_an_error_is_listed() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", section("Exit codes"), re.MULTILINE)}
    known = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, NodeRuntimeError)
    ]
    assert {one.exit_code for one in known} <= listed
