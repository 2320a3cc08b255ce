"""The cache keeps trees pinned by any process and evicts the least recently used of the others."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from node_runtime.domain.assets import Digest
from node_runtime.errors import HostError
from tests.background import ended
from tests.unit.stores.cache_room import SIZE, CountingStore, cache_in, is_here, touch


def test_what_was_used_longest_ago_goes_first(tmp_path: Path, store: CountingStore, trees: list[Digest]) -> None:
    cache = cache_in(tmp_path, limit=3 * SIZE)
    for digest in (trees[0], trees[1], trees[2], trees[0], trees[3]):
        touch(cache, digest, store)
    assert cache.size() == 3 * SIZE
    left = {path.name for path in (tmp_path / "cache" / "trees").iterdir()}
    assert left == {trees[0], trees[2], trees[3]}


def test_what_is_held_stays_though_the_limit_is_passed(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    cache = cache_in(tmp_path, limit=SIZE)
    with cache.pin(trees[0], fetch=store) as first, cache.pin(trees[1], fetch=store) as second:
        touch(cache, trees[2], store)
        touch(cache, trees[3], store)
        assert (first / "run").exists()
        assert (second / "run").exists()
        assert cache.size() == 2 * SIZE
    assert cache.size() == SIZE
    cache.shrink(0)
    assert list((tmp_path / "cache" / "trees").iterdir()) == []


def test_the_last_of_several_pins_of_one_holder_counts(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    cache = cache_in(tmp_path)
    with cache.pin(trees[0], fetch=store, holder="task-1-epoch-1") as folder:
        with cache.pin(trees[0], fetch=store, holder="task-1-epoch-1"):
            pass
        cache.shrink(0)
        assert folder.exists()
    assert cache.holders() == ()


def test_another_process_does_not_remove_what_this_one_holds(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    program = "import sys; from pathlib import Path; from node_runtime.stores.cache import Cache;"
    program += "Cache(Path(sys.argv[1]), limit=0).shrink(0)"
    cache = cache_in(tmp_path)
    touch(cache, trees[1], store)
    with cache.pin(trees[0], fetch=store) as folder:
        subprocess.run([sys.executable, "-c", program, str(tmp_path / "cache")], check=True)
        assert folder.exists()
    assert not (tmp_path / "cache" / "trees" / trees[1]).exists()


HOLD_UNTIL_KILLED = """
import sys, time
from pathlib import Path
from node_runtime.stores.cache import Cache
from node_runtime.stores.local import LocalStore
root, digest = Path(sys.argv[1]), sys.argv[2]
with Cache(root / "cache", limit=0).pin(digest, fetch=LocalStore(root / "store"), holder=sys.argv[3] or None):
    print("held", flush=True)
    time.sleep(600)
"""


def hold_and_kill(root: Path, digest: Digest, holder: str) -> None:
    command = [sys.executable, "-c", HOLD_UNTIL_KILLED, str(root), digest, holder]
    with ended(subprocess.Popen(command, stdout=subprocess.PIPE, text=True)) as process:  # which kills it
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"


def test_what_an_attempt_holds_outlives_its_process_until_it_is_released(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    hold_and_kill(tmp_path, trees[0], "task-7-epoch-1")
    cache = cache_in(tmp_path, limit=0)
    cache.shrink(0)
    assert is_here(cache, trees[0], store)
    assert cache.holders() == ("task-7-epoch-1",)
    cache.release("task-7-epoch-1")
    cache.shrink(0)
    assert not is_here(cache, trees[0], store)


def test_what_a_process_held_for_itself_goes_with_it(tmp_path: Path, store: CountingStore, trees: list[Digest]) -> None:
    hold_and_kill(tmp_path, trees[0], "")
    cache = cache_in(tmp_path, limit=0)
    cache.shrink(0)
    assert not is_here(cache, trees[0], store)


def test_a_pin_that_could_not_be_written_holds_nothing_later(
    tmp_path: Path, store: CountingStore, trees: list[Digest]
) -> None:
    cache = cache_in(tmp_path)
    with sqlite3.connect(tmp_path / "cache" / "index.db") as other:
        other.execute("ALTER TABLE pins RENAME TO elsewhere")
    with pytest.raises(HostError):
        touch(cache, trees[0], store)
    with sqlite3.connect(tmp_path / "cache" / "index.db") as other:
        other.execute("ALTER TABLE elsewhere RENAME TO pins")
    touch(cache, trees[0], store)
    assert cache.holders() == ()
