"""Functions that are registered already, named by their keys: what they declare is read from the storage."""

import json
from pathlib import Path
from typing import Any

import pytest

from node_runtime.creator.submit import submit
from node_runtime.domain.assets import Asset, AssetKind, AssetRef, Visibility
from node_runtime.domain.task import OutputRole
from node_runtime.errors import SpecError
from node_runtime.kinds.function import FunctionDocument
from node_runtime.stores.local import LocalStore
from tests.scenarios.conftest import Desk


def registered(desk: Desk, folder: str) -> AssetRef:
    """Register a folder as somebody else's function."""
    ref = AssetRef(owner=desk.worker.account, digest=desk.store.put(desk.folder / folder))
    uri = desk.store.uri(ref.digest)
    asset = Asset(ref=ref, kind=AssetKind.FUNCTION, label=None, visibility=Visibility.SHARED, uri=uri)
    desk.worker.register_assets([asset])
    return ref


def task(name: str, function: object, **keys: Any) -> dict[str, Any]:
    return {"kind": "function", "name": name, "function": str(function), "reward": 1} | keys


def text(*tasks: dict[str, Any]) -> str:
    return "\n---\n".join(map(json.dumps, tasks))


TRAINS: dict[str, Any] = {"opener": "opener.py", "data": ["train-0"]}


def test_a_plan_takes_what_registered_functions_declare(desk: Desk) -> None:
    trains, of_two = registered(desk, "function"), registered(desk, "function-of-two")
    first, second = desk.submit(
        text(
            task("first", trains, **TRAINS),
            task("second", of_two, data=["train-1"], inputs={"one": {"task": "first", "output": "shared"}}),
        )
    ).tasks
    spec = desk.chain.spec(second.id)
    assert spec is not None
    assert spec.roles is not None
    assert spec.roles.outputs == (OutputRole(name="out", kind=spec.roles.outputs[0].kind),)
    assert [(one.parent, one.output) for one in spec.roles.takes] == [(first.id, 1)]
    content = json.loads(desk.store.read_file(spec.digest, "task.json", limit=1 << 20))
    assert FunctionDocument.model_validate(content).algo.source == str(of_two)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"data": ["train-1"]}, "task.yaml:3:1: the function's input 'one' is missing; name a model for it"),
        (
            {"data": ["train-1"], "inputs": {"one": {"task": "first", "output": "sharde"}}},
            "task.yaml:3:123: the task 'first' makes no model 'sharde'; did you mean 'shared'?",
        ),
        (
            {"data": ["train-1"], "inputs": {"one": {"task": "first"}}},
            "the task 'first' makes several models; name one: {task: first, output: local}",
        ),
    ],
)
def test_mistakes_by_a_registered_declaration_are_told_at_their_place(
    desk: Desk, keys: dict[str, Any], told: str
) -> None:
    trains = registered(desk, "function")
    second = task("second", "function-of-two") | keys
    with pytest.raises(SpecError) as refused:
        desk.submit(text(task("first", trains, **TRAINS), second))
    assert told in str(refused.value).replace(f"{desk.folder}/", "")


def test_a_function_that_the_storage_does_not_have_is_told_before_anything_is_stored(
    desk: Desk, tmp_path: Path
) -> None:
    trains = registered(desk, "function")
    file = desk.write(text(task("first", trains, **TRAINS)))
    elsewhere = tmp_path / "elsewhere"
    with pytest.raises(SpecError) as refused:
        submit(file, desk.chain, LocalStore(elsewhere), say=print)
    assert str(refused.value).replace(f"{desk.folder}/", "") == (
        f"task.yaml:1:51: what it declares can't be read: nothing is stored under {trains.digest} in {elsewhere}; "
        "name the storage that has it by --storage, or the folder that 'node-runtime asset fetch' wrote"
    )


def test_a_registered_folder_without_a_declaration_is_no_function(desk: Desk) -> None:
    algo = registered(desk, "algo")
    with pytest.raises(SpecError) as refused:
        desk.submit(text(task("first", algo, **TRAINS)))
    assert str(refused.value).replace(f"{desk.folder}/", "") == (
        f"task.yaml:1:51: {algo} has no function.yaml; declare the function's inputs and outputs in it"
    )
