"""Uploads leave out ``__pycache__`` and ``.git``: stable digests, no disclosed history."""

from pathlib import Path

from node_runtime.creator.upload import put_own_files
from node_runtime.domain.assets import AssetKind
from node_runtime.stores.local import LocalStore


def test_compiled_python_is_left_out_of_an_algo_but_kept_in_data(tmp_path: Path) -> None:
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


def test_the_git_repository_is_left_out(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "store")
    folder = tmp_path / "bundle"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "config").write_text("[remote]\nurl = https://user:password@example.org/\n")
    (folder / "start_task.sh").write_text("exit 0\n")
    store.fetch(put_own_files(folder, AssetKind.BUNDLE, store), tmp_path / "stored")
    assert [path.name for path in (tmp_path / "stored").iterdir()] == ["start_task.sh"]
