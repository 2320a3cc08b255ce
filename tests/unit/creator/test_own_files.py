"""Does a folder stay the same asset after somebody ran its code?"""

from pathlib import Path

from node_runtime.creator.own_files import put_own_files
from node_runtime.storage.local import LocalStore
from node_runtime.task import AssetKind


def test_what_python_compiled_is_no_part_of_an_algo_but_of_data(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    folder = tmp_path / "algo"
    (folder / "inner").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM python:3.11-slim\n")
    (folder / "inner" / "algo.py").write_text("print()\n")
    before = put_own_files(folder, AssetKind.ALGO, store)
    (folder / "inner" / "__pycache__").mkdir()
    (folder / "inner" / "__pycache__" / "algo.cpython-311.pyc").write_bytes(b"compiled")
    assert put_own_files(folder, AssetKind.ALGO, store) == before
    assert put_own_files(folder, AssetKind.DATA_SAMPLE, store) != before
