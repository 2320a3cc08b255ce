"""YAML files are read safely, and every mistake is reported with its place."""

from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from node_runtime.errors import InputError
from node_runtime.spec.yaml_source import explain, load_documents


class Limits(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    memory: int = 1
    cpus: float = 1.0

    @field_validator("cpus")
    @classmethod
    def few(cls, value: float) -> float:
        if value > 64:
            raise ValueError("more CPUs than any machine has")
        return value


class Training(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    kind: Literal["training"]
    name: str
    limits: Limits = Limits()
    data: list[Limits] = []


class Scoring(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    kind: Literal["scoring"]
    model: str


Either = Annotated[Training | Scoring, Field(discriminator="kind")]


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "task.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal(folder: Path, text: str | bytes) -> str:
    with pytest.raises(InputError) as caught:
        load_documents(written(folder, text))
    return str(caught.value).removeprefix(f"{folder}/")


def mistakes(folder: Path, text: str, model: Any = Either) -> list[str]:
    (document,) = load_documents(written(folder, text))
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(model).validate_python(document.value)
    return [line.removeprefix(f"{folder}/") for line in explain(caught.value, document, model)]


def test_several_documents_keep_their_lines(tmp_path: Path) -> None:
    first, second = load_documents(written(tmp_path, "name: a\n---\nkind: training\nlimits:\n  cpus: 2.5\n---\n"))
    assert (first.value, second.value) == ({"name": "a"}, {"kind": "training", "limits": {"cpus": 2.5}})
    assert second.position(("training", "limits", "cpus")) == (5, 9)
    assert second.position(("limits", "cpus"), key=True) == (5, 3)


@pytest.mark.parametrize(
    ("text", "value"),
    [("no", "no"), ("on", "on"), ("010", "010"), ("1:30", "1:30"), ("2026-01-01", "2026-01-01"), ("1_000", "1_000"),
     ("15", 15), ("-1", -1), ("0.5", 0.5), ("1e3", 1000.0), ("true", True), ("null", None), ("", None), ("1h", "1h")],
)  # fmt: skip
def test_scalars_are_parsed_by_their_syntax(tmp_path: Path, text: str, value: object) -> None:
    (document,) = load_documents(written(tmp_path, f"key: {text}\n"))
    assert document.value["key"] == value
    assert type(document.value["key"]) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: 2\na: 3\n", "task.yaml:3:1: key 'a' is there twice"),
        ("a: 1\n\tb: 2\n", "task.yaml:2:1: a tab can't indent YAML; use spaces"),
        ("- a\n", "task.yaml:1:1: a document must be keys with values"),
        ("", "task.yaml:1:1: the file is empty"),
        ("---\n# nothing\n", "task.yaml:1:1: the file is empty"),
        ("a: !!python/object/apply:os.system [id]\n", "task.yaml:1:4: the tag"),
        ("a: !odd text\n", "task.yaml:1:4: the tag"),
        ("1: a\n", "task.yaml:1:1: a key must be text"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "task.yaml:3:3: merge keys"),
        ("a: [1\nb: 2\n", "task.yaml:2:2: "),
        ("a: 1\nb: [2\n", "task.yaml:3:1: the file ends before a bracket or a quote is closed, opened in line 2"),
        ("a: 'b\n", "task.yaml:2:1: the file ends before a bracket or a quote is closed, opened in line 1"),
        (b"a: 1\nb: \xff\n", "task.yaml:2:4: not UTF-8 text"),
        ("a: \x00\n", "task.yaml:1:1: not readable as YAML"),
        ("a: &a [*a]\n", "task.yaml:1:"),
        ("a: " + "[" * 100 + "]" * 100, "task.yaml:1:68: nested too deeply"),
        ("a: " + "[" * 5000, "task.yaml:1:68: nested too deeply"),
        ("{a: " + "[" * 5000, "task.yaml:1:69: nested too deeply"),
        ("a:\n" + "- " * 5000, "task.yaml:1:1: nested too deeply"),
        ("a: " + "x" * 300_000, "task.yaml: larger than 256 KiB"),
    ],
)
def test_unsafe_or_unclear_files_are_refused_with_the_place(tmp_path: Path, text: str | bytes, message: str) -> None:
    assert refusal(tmp_path, text).startswith(message)


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    assert "values, aliases written out" in refusal(tmp_path, "\n".join(lines))


def test_an_alias_reads_as_its_anchor(tmp_path: Path) -> None:
    (document,) = load_documents(written(tmp_path, "a: &x {b: 1}\nc: *x\n"))
    assert document.value == {"a": {"b": 1}, "c": {"b": 1}}


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        load_documents(tmp_path / "nothing.yaml")


def test_an_unknown_key_names_the_nearest_one(tmp_path: Path) -> None:
    text = "kind: training\nname: a\nlimits:\n  memry: 3\n"
    assert mistakes(tmp_path, text) == ["task.yaml:4:3: unknown key 'memry' in limits; did you mean 'memory'?"]


def test_an_unknown_key_of_a_union_is_looked_up_in_its_own_member(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "kind: scoring\nmodel: a\nmodl: b\n") == [
        "task.yaml:3:1: unknown key 'modl'; did you mean 'model'?"
    ]
    assert mistakes(tmp_path, "kind: scoring\nmodel: a\nzzz: b\n") == [
        "task.yaml:3:1: unknown key 'zzz'; known are: kind, model"
    ]


def test_a_missing_key_is_reported_at_its_mapping(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "# first\nkind: training\n") == ["task.yaml:2:1: key 'name' is missing"]


def test_a_wrong_value_is_reported_with_its_path(tmp_path: Path) -> None:
    text = "kind: training\nname: a\ndata:\n  - memory: 1\n  - memory: lots\n    cpus: 65.0\n"
    assert mistakes(tmp_path, text) == [
        "task.yaml:5:13: data[1].memory: must be a whole number, not 'lots'",
        "task.yaml:6:11: data[1].cpus: more CPUs than any machine has",
    ]
