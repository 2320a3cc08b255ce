"""The cache fetches each tree once, detects damage, and removes unfinished fetches."""

import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from functools import partial
from pathlib import Path

import pytest

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetUnavailable, HostError
from node_runtime.stores.cache_index import fingerprint_of
from node_runtime.stores.local import LocalStore
from tests.background import LIMIT, all_at_once
from tests.unit.stores.cache_room import SIZE, CountingStore, cache_in, is_here, touch


def modes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mode & 0o777 for path in [folder, *folder.rglob("*")]}


def test_a_tree_is_read_only_below_a_closed_root(tmp_path: Path, store: CountingStore, trees: list[Digest]) -> None:
    with cache_in(tmp_path).pin(trees[0], fetch=store) as folder:
        assert modes(folder) == {".": 0o555, "sub": 0o555, "sub/data": 0o444, "run": 0o555}
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_a_single_file_is_a_folder_with_that_file(tmp_path: Path, store: CountingStore) -> None:
    (tmp_path / "opener.py").write_text("x = 1")
    with cache_in(tmp_path).pin(store.put(tmp_path / "opener.py"), fetch=store) as folder:
        assert [path.name for path in folder.iterdir()] == ["opener.py"]


def test_the_second_pin_fetches_nothing_not_even_in_another_process_life(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    cache = cache_in(tmp_path)
    touch(cache, trees[0], store)
    assert is_here(cache, trees[0], store)
    assert (cache.hits, cache.misses) == (1, 1)
    cache.close()
    assert is_here(cache_in(tmp_path), trees[0], store)


def test_many_threads_that_ask_at_once_fetch_once(tmp_path: Path, store: CountingStore, trees: list[Digest]) -> None:
    cache = cache_in(tmp_path)
    start = threading.Barrier(8)

    def ask() -> None:
        start.wait(LIMIT)
        touch(cache, trees[0], store)

    all_at_once([ask] * 8)
    assert store.fetched == [trees[0]]


def test_many_processes_that_ask_at_once_fetch_once(tmp_path: Path, trees: list[Digest]) -> None:
    program = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from node_runtime.stores.cache import Cache
        from node_runtime.stores.local import LocalStore

        class Telling(LocalStore):
            def fetch(self, digest, target, *, stop=None):
                print("fetched", flush=True)
                super().fetch(digest, target, stop=stop)

        root, digest = Path(sys.argv[1]), sys.argv[2]
        with Cache(root / "cache", limit=1 << 30).pin(digest, fetch=Telling(root / "store")) as folder:
            assert (folder / "run").is_file()
        """
    )
    command = [sys.executable, "-c", program, str(tmp_path), trees[0]]
    printed = all_at_once([lambda: subprocess.check_output(command, text=True, timeout=LIMIT)] * 4)
    assert "".join(printed) == "fetched\n"
    assert list((tmp_path / "cache" / "incoming").iterdir()) == []


def test_a_failed_fetch_leaves_nothing_and_the_next_one_may_succeed(tmp_path: Path, store: CountingStore) -> None:
    cache = cache_in(tmp_path)
    (tmp_path / "late").write_text("late")
    digest = LocalStore(tmp_path / "elsewhere").put(tmp_path / "late")
    with pytest.raises(AssetUnavailable):
        touch(cache, digest, store)
    assert cache.holders() == ()
    store.put(tmp_path / "late")
    touch(cache, digest, store)
    assert [path.name for path in (tmp_path / "cache" / "trees").iterdir()] == [digest]


@pytest.mark.parametrize("restored", [False, True], ids=["plainly", "with the old size and time"])
def test_a_changed_copy_is_noticed_and_fetched_anew(
    tmp_path: Path, store: CountingStore, trees: list[Digest], restored: bool
) -> None:
    cache = cache_in(tmp_path)
    with cache.pin(trees[0], fetch=store) as folder:
        data = folder / "sub" / "data"
    before = data.stat()
    while data.stat().st_ctime_ns == before.st_ctime_ns:  # file timestamps are coarse
        data.chmod(0o600)
    data.write_bytes(b"e" * (SIZE - 10) if restored else b"evil")
    if restored:
        data.chmod(0o444)
        os.utime(data, ns=(before.st_atime_ns, before.st_mtime_ns))
    with cache.pin(trees[0], fetch=store) as folder:
        assert (folder / "sub" / "data").read_bytes() == bytes(SIZE - 10)
    assert store.fetched == [trees[0]] * 2


@pytest.mark.parametrize("name", ["added", "sub/added"])
def test_an_added_file_is_noticed(tmp_path: Path, store: CountingStore, trees: list[Digest], name: str) -> None:
    cache = cache_in(tmp_path)
    with cache.pin(trees[0], fetch=store) as folder:
        pass
    (folder / name).parent.chmod(0o755)
    (folder / name).symlink_to("/etc/passwd")
    with cache.pin(trees[0], fetch=store) as folder:
        assert not (folder / name).is_symlink()


def test_a_copy_whose_times_changed_but_not_its_bytes_is_kept(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    cache = cache_in(tmp_path)
    with cache.pin(trees[0], fetch=store) as folder:
        os.utime(folder / "sub" / "data", (1, 1))
    assert is_here(cache, trees[0], store)


def test_after_a_new_start_of_the_machine_all_bytes_are_read_again(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    """A power cut can leave other bytes with the same sizes and times; here the fingerprint is of an earlier boot."""
    cache = cache_in(tmp_path)
    with cache.pin(trees[0], fetch=store) as folder:
        pass
    (folder / "sub" / "data").chmod(0o600)
    (folder / "sub" / "data").write_bytes(b"e" * (SIZE - 10))
    (folder / "sub" / "data").chmod(0o444)
    fingerprint = fingerprint_of(folder)
    assert fingerprint is not None
    with sqlite3.connect(tmp_path / "cache" / "index.db") as database:
        database.execute("UPDATE trees SET print = ?, boot = 'an earlier one'", (fingerprint.digest,))
    with cache.pin(trees[0], fetch=store) as folder:
        assert (folder / "sub" / "data").read_bytes() == bytes(SIZE - 10)


def test_what_a_killed_process_was_fetching_is_swept_away(tmp_path: Path, trees: list[Digest]) -> None:
    cache_in(tmp_path).close()
    incoming = tmp_path / "cache" / "incoming"
    for name in (f"{trees[0]}.0123", f".{trees[0]}.0123.4567"):
        (incoming / name / "sub").mkdir(parents=True)
    cache_in(tmp_path)
    assert list(incoming.iterdir()) == []


def test_what_another_process_is_fetching_is_left_alone(tmp_path: Path, trees: list[Digest]) -> None:
    """A second cache opens in the middle of the first one's fetch."""

    class OpeningStore(LocalStore):
        def fetch(
            self, digest: Digest, target: Path, *, stop: threading.Event | None = None, most: int | None = None
        ) -> None:
            (target.parent / f".{target.name}.beside").mkdir()
            cache_in(tmp_path).close()
            (target.parent / f".{target.name}.beside").rmdir()
            super().fetch(digest, target, stop=stop, most=most)

    touch(cache_in(tmp_path), trees[0], OpeningStore(tmp_path / "store"))


def test_trees_unknown_to_the_index_are_swept_away(tmp_path: Path, store: CountingStore, trees: list[Digest]) -> None:
    cache = cache_in(tmp_path)
    touch(cache, trees[0], store)
    cache.close()
    for path in (tmp_path / "cache").glob("index.db*"):
        path.unlink()
    cache = cache_in(tmp_path)
    assert cache.size() == 0
    assert list((tmp_path / "cache" / "trees").iterdir()) == []
    assert not is_here(cache, trees[0], store)


def test_an_index_that_is_no_database_is_told_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "index.db").write_bytes(b"not a database" * 100)
    with pytest.raises(HostError, match=r"index\.db.*remove that file"):
        cache_in(tmp_path)


def test_threads_that_fetch_and_evict_at_once_always_see_whole_trees(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    cache = cache_in(tmp_path, limit=SIZE)

    def look(turn: int) -> bool:
        number = turn % len(trees)
        with cache.pin(trees[number], fetch=store) as folder:
            return (folder / "sub" / "data").read_bytes() == bytes([number]) * (SIZE - 10)

    def look_often(first: int) -> bool:
        return all(look(turn) for turn in range(first, first + 25))

    assert all(all_at_once(partial(look_often, first) for first in range(8)))
    assert list((tmp_path / "cache" / "locks").iterdir()) == []


def test_a_cache_whose_folder_of_locks_is_gone_is_an_error_of_this_machine(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    cache = cache_in(tmp_path)
    (tmp_path / "cache" / "locks").rmdir()
    with pytest.raises(HostError, match=f"working in {tmp_path}/cache/locks/{trees[0]} failed"):
        touch(cache, trees[0], store)
