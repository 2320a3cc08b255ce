"""`LocalStore` with tampered bytes, a full disk, killed writers and hostile files."""

import errno
import hashlib
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetMismatch, AssetUnavailable, HostError
from node_runtime.stores.local import ABANDONED, LocalStore
from node_runtime.stores.tree.walk import manifest_of
from tests.background import ended


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "one").write_bytes(os.urandom(100_000))
    (folder / "two").write_bytes(b"2" * 100)
    return folder


def stored_file(root: Path) -> Path:
    return next(path for path in (root / "trees").rglob("*") if path.is_file())


def damage(path: Path, at: int) -> None:
    """Change the byte at a position, counted from the end when negative."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.chmod(0o600)
    path.write_bytes(content)


@pytest.mark.parametrize("at", [5, 1000, -1], ids=["manifest", "first file", "last file"])
def test_a_tampered_byte_is_noticed_put_aside_and_can_be_stored_again(
    root: Path, tree: Path, tmp_path: Path, at: int
) -> None:
    store = LocalStore(root)
    digest = store.put(tree)
    damage(stored_file(root), at)
    with pytest.raises(AssetMismatch, match=digest):
        store.fetch(digest, tmp_path / "back")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "tree"], "nothing of it is left"
    assert len(list((root / "quarantine").iterdir())) == 1
    with pytest.raises(AssetUnavailable):
        store.fetch(digest, tmp_path / "back")
    store.put(tree)
    store.fetch(digest, tmp_path / "back")


@pytest.mark.parametrize("kind", ["pipe", "device", "terminal", "folder"])
def test_what_can_be_no_tree_in_a_trees_place_holds_nobody_up(
    root: Path, tree: Path, tmp_path: Path, kind: str
) -> None:
    """Opening a pipe would block, and reading an endless device would never end."""
    store = LocalStore(root)
    digest = store.put(tree)
    place = stored_file(root)
    place.unlink()
    match kind:
        case "pipe":
            os.mkfifo(place)
        case "device":
            place.symlink_to("/dev/zero")
        case "terminal":
            place.symlink_to("/dev/ptmx")
        case _:
            place.mkdir()
    assert not store.has(digest)
    for look in (lambda: store.size(digest), lambda: store.fetch(digest, tmp_path / "back")):
        with pytest.raises(AssetMismatch, match="not a regular file"):
            look()
    assert store.put(tree) == digest
    store.fetch(digest, tmp_path / "back")


def test_a_pipe_among_what_killed_writers_left_keeps_no_store_from_opening(root: Path) -> None:
    LocalStore(root)
    pipe = root / "incoming" / "left"
    os.mkfifo(pipe)
    os.utime(pipe, (0, 0))
    LocalStore(root)
    assert not os.path.lexists(pipe)


@pytest.mark.parametrize("change", [-1, 1], ids=["cut short", "grown"])
def test_another_length_is_noticed_at_the_latest_when_it_is_stored_again(
    root: Path, tree: Path, tmp_path: Path, change: int
) -> None:
    store = LocalStore(root)
    digest = store.put(tree)
    file = stored_file(root)
    file.chmod(0o600)
    os.truncate(file, file.stat().st_size + change)
    store.put(tree)
    store.fetch(digest, tmp_path / "back")
    assert len(list((root / "quarantine").iterdir())) == 1


def test_a_copy_that_is_cut_short_does_not_count_as_stored(root: Path, tree: Path) -> None:
    store = LocalStore(root)
    digest = store.put(tree)
    file = stored_file(root)
    file.chmod(0o600)
    os.truncate(file, file.stat().st_size - 1)
    assert not store.has(digest)


def test_bytes_after_the_end_are_refused(root: Path, tree: Path, tmp_path: Path) -> None:
    store = LocalStore(root)
    digest = store.put(tree)
    file = stored_file(root)
    file.chmod(0o600)
    with file.open("ab") as grown:
        grown.write(b"more")
    with pytest.raises(AssetMismatch, match="more bytes"):
        store.fetch(digest, tmp_path / "back")


def test_storing_what_is_there_writes_nothing(root: Path, tree: Path) -> None:
    store = LocalStore(root)
    store.put(tree)
    before = stored_file(root).stat()
    store.put(tree)
    after = stored_file(root).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_copy_that_another_stored_in_between_stays_where_it_is(root: Path, tree: Path, tmp_path: Path) -> None:
    class Overtaken(LocalStore):
        def has(self, digest: Digest, *, own: bool = False) -> bool:
            answer = super().has(digest, own=own)
            LocalStore(root).put(tree)  # as by another process, concurrently
            return answer

    assert Overtaken(root).put(tree) == LocalStore(root).put(tree)
    assert not list((root / "quarantine").iterdir())
    assert not list((root / "incoming").iterdir())
    LocalStore(root).fetch(LocalStore(root).put(tree), tmp_path / "back")


def test_a_store_made_by_us_is_closed_to_others(root: Path, tree: Path) -> None:
    LocalStore(root).put(tree)
    assert root.stat().st_mode & 0o777 == 0o700
    assert stored_file(root).stat().st_mode & 0o777 == 0o444


def test_a_disk_that_is_full_leaves_nothing_half_written(root: Path, tree: Path) -> None:
    """RLIMIT_FSIZE makes a write fail midway, as a full disk does."""
    program = textwrap.dedent(
        f"""
        import resource, signal, sys
        from pathlib import Path
        from node_runtime.errors import HostError
        from node_runtime.stores.local import LocalStore
        store = LocalStore(Path({str(root)!r}))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
        try:
            store.put(Path({str(tree)!r}))
        except HostError as error:
            print(error)
        """
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert os.strerror(errno.EFBIG) in run.stdout
    assert "free disk space" in run.stdout
    assert [path for path in root.rglob("*") if path.is_file()] == []


def test_a_fetch_that_cannot_be_written_leaves_nothing(root: Path, tree: Path, tmp_path: Path) -> None:
    store = LocalStore(root)
    digest = store.put(tree)
    with pytest.raises(HostError, match="failed"):
        store.fetch(digest, tmp_path / "no such folder" / "back")
    assert not (tmp_path / "no such folder").exists()


def test_a_writer_that_is_killed_leaves_no_half_tree(root: Path, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(os.urandom(32 << 20))
    program = "import sys; from pathlib import Path; from node_runtime.stores.local import LocalStore;"
    program += "LocalStore(Path(sys.argv[1])).put(Path(sys.argv[2]))"
    store = LocalStore(root)
    with ended(subprocess.Popen([sys.executable, "-c", program, str(root), str(tmp_path / "large")])) as writer:
        while writer.poll() is None and not any((root / "incoming").iterdir()):
            pass
    digest = manifest_of(tmp_path / "large").digest
    assert store.has(digest) == any(path.is_file() for path in (root / "trees").rglob("*"))
    assert store.put(tmp_path / "large") == digest
    store.fetch(digest, tmp_path / "back")
    assert (tmp_path / "back" / "large").read_bytes() == (tmp_path / "large").read_bytes()


def test_what_a_killed_writer_left_is_swept_away(root: Path) -> None:
    LocalStore(root)
    dead, alive = root / "incoming" / "dead", root / "incoming" / "alive"
    dead.write_text("half")
    alive.write_text("half")
    long_ago = alive.stat().st_mtime - ABANDONED - 1
    os.utime(dead, (long_ago, long_ago))
    LocalStore(root)
    assert alive.exists()
    assert not dead.exists()


def test_what_is_still_being_written_stays_however_long_ago_it_began(root: Path, tree: Path, tmp_path: Path) -> None:
    class Hours(threading.Event):
        """Between two chunks, hours pass and another process opens the store."""

        def is_set(self) -> bool:
            for file in (root / "incoming").iterdir():
                os.utime(file, (0, 0))
                seen.append(file)
            LocalStore(root)
            return False

    seen: list[Path] = []
    store = LocalStore(root)
    store.fetch(store.put(tree, stop=Hours()), tmp_path / "back")
    assert seen


def test_who_cannot_tidy_up_can_still_read(root: Path, tree: Path, tmp_path: Path) -> None:
    digest = LocalStore(root).put(tree)
    odd = root / "incoming" / "odd"  # a folder: unlink fails
    odd.mkdir()
    os.utime(odd, (0, 0))
    LocalStore(root).fetch(digest, tmp_path / "back")
    (root / "lock").unlink()
    (root / "lock").mkdir()
    damage(stored_file(root), -1)
    with pytest.raises(AssetMismatch, match="another sha256"):
        LocalStore(root).fetch(digest, tmp_path / "again")


def test_what_a_hostile_store_names_never_leaves_the_target(root: Path, tmp_path: Path) -> None:
    """An attacker with write access stores a well-formed file with a matching digest and a path outside the tree."""
    manifest = f'[["../evil","-",1,"{hashlib.sha256(b"x").hexdigest()}"]]'.encode()
    digest = Digest(hashlib.sha256(manifest).hexdigest())
    store = LocalStore(root)
    (root / "trees" / digest[:2]).mkdir()
    (root / "trees" / digest[:2] / digest).write_bytes(manifest + b"\nx")
    with pytest.raises(AssetMismatch, match="not a tree"):
        store.fetch(digest, tmp_path / "back")
    assert not (tmp_path / "evil").exists()


def test_a_root_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError, match="check that folder"):
        LocalStore(tmp_path / "file")


def test_a_huge_tree_is_refused_before_it_is_written(root: Path, tmp_path: Path) -> None:
    manifest = f'[["big","-",{1 << 60},"{"0" * 64}"]]'.encode()
    digest = Digest(hashlib.sha256(manifest).hexdigest())
    store = LocalStore(root)
    (root / "trees" / digest[:2]).mkdir()
    (root / "trees" / digest[:2] / digest).write_bytes(manifest + b"\n")
    with pytest.raises(HostError, match="more than are free"):
        store.fetch(digest, tmp_path / "back")


def test_a_fetch_that_is_not_wanted_any_more_ends_and_leaves_nothing(root: Path, tree: Path, tmp_path: Path) -> None:
    store, stop = LocalStore(root), threading.Event()
    digest = store.put(tree)
    (tmp_path / "fetched").mkdir()
    stop.set()
    with pytest.raises(AssetUnavailable, match="was cancelled"):
        store.fetch(digest, tmp_path / "fetched" / "tree", stop=stop)
    assert list((tmp_path / "fetched").iterdir()) == []


def test_a_folder_that_is_gone_or_read_only_is_told_and_not_named(root: Path) -> None:
    store = LocalStore(root)
    root.rename(root.with_name("unmounted"))
    assert store.unable() == "its folder isn't there"
    root.with_name("unmounted").rename(root)
    assert store.unable() is None
    shutil.rmtree(root / "incoming")
    assert store.unable() == "its folder can't be written to"
