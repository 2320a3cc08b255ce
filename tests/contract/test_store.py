"""The contract of the port `AssetStore`, run against each adapter."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetUnavailable, StorageError
from node_runtime.ports.store import AssetStore
from node_runtime.stores.local import LocalStore
from node_runtime.stores.tree.walk import manifest_of
from tests.background import LIMIT, all_at_once
from tests.contract.stores import ADAPTERS, new_store

NOTHING = Digest("0" * 64)


@pytest.fixture(params=ADAPTERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> AssetStore:
    return new_store(request.param, tmp_path / "store", request)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "a" / "deep").mkdir(parents=True)
    (folder / "a" / "deep" / "größe.txt").write_text("äöü")
    (folder / "a-file").write_bytes(b"")
    (folder / "b").write_bytes(os.urandom(3 << 20))
    (folder / "run.sh").write_text("#!/bin/sh\n")
    (folder / "run.sh").chmod(0o755)
    return folder


def contents(folder: Path) -> dict[str, tuple[bytes, bool]]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_bytes(), os.access(path, os.X_OK)) for path in files}


def test_a_folder_comes_back_as_it_was_stored(store: AssetStore, tree: Path, tmp_path: Path) -> None:
    digest = store.put(tree)
    store.fetch(digest, tmp_path / "back")
    assert [name for name, (_, executable) in contents(tmp_path / "back").items() if executable] == ["run.sh"]
    assert contents(tmp_path / "back") == contents(tree)


def test_a_store_in_order_has_no_obstacle(store: AssetStore) -> None:
    assert store.unable() is None


def test_a_trees_files_are_listed_in_the_order_of_its_manifest(store: AssetStore, tree: Path) -> None:
    files = store.files(store.put(tree))
    assert [(one.path, one.size) for one in files] == [
        ("a-file", 0),
        ("a/deep/größe.txt", 6),
        ("b", 3 << 20),
        ("run.sh", 10),
    ]
    with pytest.raises(AssetUnavailable):
        store.files(NOTHING)


def test_a_trees_only_file_is_read_unless_it_is_larger_than_asked_for(store: AssetStore, tmp_path: Path) -> None:
    file = tmp_path / "task.json"
    file.write_bytes(b"x" * 100)
    digest = store.put(file)
    assert store.read_file(digest, "task.json", limit=100) == b"x" * 100
    for name, limit in (("task.json", 99), ("other.json", 100)):
        with pytest.raises(StorageError):
            store.read_file(digest, name, limit=limit)
    with pytest.raises(AssetUnavailable):
        store.read_file(NOTHING, "task.json", limit=100)


def test_the_digest_is_the_sha256_of_the_manifest(store: AssetStore, tmp_path: Path) -> None:
    file = tmp_path / "one.txt"
    file.write_bytes(b"hello")
    manifest = f'[["one.txt","-",5,"{hashlib.sha256(b"hello").hexdigest()}"]]'
    assert store.put(file) == hashlib.sha256(manifest.encode()).hexdigest()


def test_a_single_file_comes_back_as_a_folder_with_that_file(store: AssetStore, tmp_path: Path) -> None:
    (tmp_path / "opener.py").write_text("x = 1\n")
    store.fetch(store.put(tmp_path / "opener.py"), tmp_path / "back")
    assert contents(tmp_path / "back") == {"opener.py": (b"x = 1\n", False)}


def test_a_file_and_a_folder_with_only_that_file_are_the_same_tree(store: AssetStore, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "model").write_text("1")
    assert store.put(tmp_path / "folder") == store.put(tmp_path / "folder" / "model")


def test_an_empty_folder_is_a_tree_without_files(store: AssetStore, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    store.fetch(store.put(tmp_path / "empty"), tmp_path / "back")
    assert list((tmp_path / "back").iterdir()) == []


def test_empty_folders_come_back_and_count_for_the_digest(store: AssetStore, tree: Path, tmp_path: Path) -> None:
    without = store.put(tree)
    (tree / "a" / "assets").mkdir()
    (tree / "variables" / "none").mkdir(parents=True)
    digest = store.put(tree)
    assert digest != without
    store.fetch(digest, tmp_path / "back")
    folders = {str(path.relative_to(tmp_path / "back")) for path in (tmp_path / "back").rglob("*") if path.is_dir()}
    assert folders == {"a", "a/deep", "a/assets", "variables", "variables/none"}
    assert contents(tmp_path / "back") == contents(tree)
    assert store.put(tmp_path / "back") == digest
    assert store.has(digest)
    assert store.size(digest) == store.size(without)


def test_folders_alone_are_a_tree(store: AssetStore, tmp_path: Path) -> None:
    (tmp_path / "folders" / "only").mkdir(parents=True)
    store.fetch(store.put(tmp_path / "folders"), tmp_path / "back")
    assert list((tmp_path / "back").rglob("*")) == [tmp_path / "back" / "only"]


def test_an_empty_folder_is_no_file_to_read(store: AssetStore, tmp_path: Path) -> None:
    (tmp_path / "folder" / "task.json").mkdir(parents=True)
    with pytest.raises(StorageError, match=r"has no task\.json"):
        store.read_file(store.put(tmp_path / "folder"), "task.json", limit=100)


def test_storing_again_is_success(store: AssetStore, tree: Path) -> None:
    assert store.put(tree) == store.put(tree)


def test_storing_that_is_not_wanted_any_more_ends_and_stores_nothing(store: AssetStore, tree: Path) -> None:
    class Second(threading.Event):
        """Set after the first file is read."""

        def is_set(self) -> bool:
            asked.append(None)
            return len(asked) > 3

    asked: list[None] = []
    with pytest.raises(StorageError, match="was cancelled"):
        store.put(tree, stop=Second())
    assert len(asked) == 4
    assert not store.has(manifest_of(tree).digest)
    assert store.has(store.put(tree, stop=threading.Event()))


def test_a_tree_of_more_files_than_wanted_is_refused_before_one_is_written(
    store: AssetStore, tree: Path, tmp_path: Path
) -> None:
    digest = store.put(tree)
    with pytest.raises(StorageError, match="has 4 files, more than 3"):
        store.fetch(digest, tmp_path / "back", most=3)
    assert not (tmp_path / "back").exists()
    store.fetch(digest, tmp_path / "back", most=4)


def test_has_tells_what_is_stored(store: AssetStore, tree: Path) -> None:
    assert not store.has(NOTHING)
    assert store.has(store.put(tree))


def test_what_is_not_stored_is_unavailable_and_leaves_nothing(store: AssetStore, tmp_path: Path) -> None:
    with pytest.raises(AssetUnavailable, match=NOTHING):
        store.fetch(NOTHING, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_fetching_onto_something_is_refused(store: AssetStore, tree: Path, tmp_path: Path) -> None:
    digest = store.put(tree)
    (tmp_path / "back").mkdir()
    with pytest.raises(StorageError, match="already there"):
        store.fetch(digest, tmp_path / "back")


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, "0" * 63])
def test_what_is_not_a_digest_is_refused(store: AssetStore, digest: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not a digest"):
        store.fetch(Digest(digest), tmp_path / "back")
    with pytest.raises(StorageError, match="not a digest"):
        store.has(Digest(digest))


def test_links_are_refused_with_their_place(store: AssetStore, tree: Path) -> None:
    (tree / "a" / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(StorageError, match="tree/a/passwd is a symbolic link"):
        store.put(tree)


def test_a_link_to_a_folder_is_refused(store: AssetStore, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree)
    with pytest.raises(StorageError, match="link is a symbolic link"):
        store.put(tmp_path / "link")


def test_pipes_and_sockets_are_refused(store: AssetStore, tmp_path: Path) -> None:
    pipes, sockets = tmp_path / "pipes", tmp_path / "sockets"
    pipes.mkdir()
    sockets.mkdir()
    os.mkfifo(pipes / "p")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(sockets / "s"))
        with pytest.raises(StorageError, match="pipes/p is a pipe"):
            store.put(pipes)
        with pytest.raises(StorageError, match="sockets/s is a socket"):
            store.put(sockets)


def test_what_is_not_there_cannot_be_stored(store: AssetStore, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="not there"):
        store.put(tmp_path / "missing")


def test_the_uri_fits_on_chain(store: AssetStore, tree: Path) -> None:
    uri = store.uri(store.put(tree))
    assert ":" in uri
    assert len(uri.encode()) <= 256


def test_many_threads_store_and_fetch_the_same_tree(store: AssetStore, tree: Path, tmp_path: Path) -> None:
    def there_and_back(number: int) -> bool:
        target = tmp_path / f"back-{number}"
        store.fetch(store.put(tree), target)
        return contents(target) == contents(tree)

    assert all(all_at_once(partial(there_and_back, number) for number in range(16)))


def test_several_processes_store_the_same_tree(tree: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from node_runtime.stores.local import LocalStore;"
        "print(LocalStore(Path(sys.argv[1])).put(Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "store"), str(tree)]
    printed = set(all_at_once([lambda: subprocess.check_output(command, text=True, timeout=LIMIT).strip()] * 4))
    LocalStore(tmp_path / "store").fetch(Digest(printed.pop()), tmp_path / "back")
    assert not printed
    assert contents(tmp_path / "back") == contents(tree)


def test_a_removed_tree_is_not_there_and_can_be_stored_again(store: AssetStore, tree: Path, tmp_path: Path) -> None:
    digest = store.put(tree)
    for _ in range(2):
        store.remove(digest)
        assert not store.has(digest)
    with pytest.raises(AssetUnavailable):
        store.fetch(digest, tmp_path / "back")
    assert store.put(tree) == digest
    assert store.has(digest)
