"""Each port's adapters are constructed in one module only, where a new adapter is added."""

import ast
from pathlib import Path

import pytest

from node_runtime.errors import InputError, StorageError
from node_runtime.stores import existing_store, open_store
from tests.unit.package_source import parsed_modules


def places(called: str) -> list[str]:
    """Return the modules that call this name, or an attribute of it, e.g. of ``LocalStore`` its classmethods."""
    last = called.rpartition(".")[-1]
    return [
        module
        for module, tree in parsed_modules(rf"\b{last}\b").items()
        if any(f"{call}.".startswith(f"{called}.") for call in _calls(tree))
    ]


def _calls(tree: ast.Module) -> set[str]:
    """Return what a module calls, as it writes it, e.g. ``LocalStore.create``."""
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize(
    ("adapter", "door"),
    [
        ("LocalStore", "stores/__init__.py"),
        ("MemoryStore", "stores/__init__.py"),
        ("ObjectStore", "stores/__init__.py"),
        ("DockerEngine", "engines/__init__.py"),
        ("MemoryEngine", "engines/__init__.py"),
    ],
)
def test_an_adapter_is_made_by_its_door_alone(adapter: str, door: str) -> None:
    assert places(adapter) == [door]


def test_the_worker_imports_no_command_line() -> None:
    imports = [
        module
        for module, tree in parsed_modules(r"\bcli\b").items()
        if module.startswith("worker/")
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("node_runtime.cli")
    ]
    assert imports == []


def test_gpus_are_looked_for_in_one_place() -> None:
    imports = [
        module
        for module, tree in parsed_modules("pynvml").items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import) and any(name.name == "pynvml" for name in node.names)
    ]
    assert imports == ["platform/gpus.py"]


def test_a_storage_of_an_unknown_kind_is_refused_by_both_doors() -> None:
    for door in (open_store, existing_store):
        with pytest.raises(InputError, match=r"storage ftp://bucket: nothing is known"):
            door("ftp://bucket")


def test_each_storage_in_memory_is_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    first, second = open_store("memory:"), open_store("memory:")
    digest = first.put(tmp_path / "file")
    assert (first.has(digest), second.has(digest)) == (True, False)
    with pytest.raises(StorageError):
        existing_store("memory:")


def test_only_a_writer_creates_a_storage_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there is no storage"):
        existing_store(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    open_store(tmp_path / "new")
    existing_store(str(tmp_path / "new"))


def test_files_are_locked_and_replaced_in_one_place_each() -> None:
    assert places("fcntl") == ["platform/locks.py"]
    assert places("tempfile.NamedTemporaryFile") == []
