"""What an object storage adds to the contract of `AssetStore`: copies by account, resumption, foreign bytes, errors."""

import io
import threading
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import obstore
import obstore.store
import pytest

from node_runtime.domain.assets import Account, Digest
from node_runtime.errors import AssetMismatch, AssetUnavailable, HostError, InputError, StorageError
from node_runtime.ports.store import AssetStore
from node_runtime.stores import open_store
from node_runtime.stores.copies import copies_in
from node_runtime.stores.object_client import Objects
from node_runtime.stores.objects import ObjectStore
from node_runtime.stores.pieces import PIECE
from node_runtime.stores.tree.manifest import Entry, TreeRefused, manifest
from node_runtime.stores.tree.reading import write_tree
from tests.contract.stores import ALICE
from tests.object_storage import S3Server

BOB = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
EVE = Account("5HGjWAeFDfFCWPsjFQdVV2Msvz2XtMktvgocEZcCj68kUMaw")


CRC = "00000000"


class Counted(Objects):
    """Objects in memory that tell what was sent; ``broken_after`` so many no more is taken."""

    def __init__(self) -> None:
        self.memory = obstore.store.MemoryStore()
        super().__init__("memory:", self.memory)
        self.sent: list[str] = []
        self.broken_after: int | None = None
        self._lock = threading.Lock()

    def put(self, name: str, content: bytes | bytearray) -> None:
        with self._lock:
            if self.broken_after is not None and len(self.sent) >= self.broken_after:
                raise StorageError("the storage is gone")
            self.sent.append(name)
        super().put(name, content)

    def names(self) -> list[str]:
        return sorted(name for name, _ in self.below("trees/"))


@pytest.fixture
def objects() -> Counted:
    return Counted()


def fetched(store: AssetStore, digest: Digest, target: Path) -> dict[str, bytes]:
    store.fetch(digest, target)
    return {path.name: path.read_bytes() for path in target.iterdir()}


def test_a_tree_that_was_sent_in_part_is_not_there_and_goes_on(objects: Counted, large: Path, tmp_path: Path) -> None:
    store = ObjectStore(objects, writer=ALICE)
    objects.broken_after = 3
    with pytest.raises(StorageError, match="gone"):
        store.put(large)
    objects.broken_after, before = None, list(objects.sent)
    (digest,) = {Digest(name.split("/")[1]) for name in before}
    assert not store.has(digest)
    with pytest.raises(AssetUnavailable, match="nothing is stored under"):
        store.fetch(digest, tmp_path / "early")
    assert store.put(large) == digest
    assert len(objects.sent) == 6
    assert set(objects.sent[len(before) :]).isdisjoint(before), "nothing is sent twice"
    assert fetched(store, digest, tmp_path / "back") == {path.name: path.read_bytes() for path in large.iterdir()}


def test_what_is_stored_is_not_sent_again(objects: Counted, large: Path) -> None:
    store = ObjectStore(objects, writer=ALICE)
    store.put(large)
    sent = len(objects.sent)
    store.put(large)
    assert len(objects.sent) == sent == 6


def test_many_small_files_are_few_objects(objects: Counted, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(2000):
        (folder / f"{number:05}").write_text(str(number))
    store = ObjectStore(objects, writer=ALICE)
    digest = store.put(folder)
    assert len(objects.sent) == 1
    assert len(store.files(digest)) == 2000


def tamper(objects: Counted, account: Account, digest: Digest) -> None:
    (name,) = [name for name in objects.names() if f"/{digest}/{account}/" in name and "/2-" in name]
    content = bytearray(obstore.get(objects.memory, name).bytes())
    content[-1] ^= 1
    obstore.put(objects.memory, name, bytes(content), use_multipart=False)


def test_another_accounts_wrong_copy_is_passed_over(objects: Counted, large: Path, tmp_path: Path) -> None:
    digest = ObjectStore(objects, writer=ALICE).put(large)
    ObjectStore(objects, writer=BOB).put(large)
    tamper(objects, BOB, digest)
    for reader in (None, BOB, EVE):
        assert len(fetched(ObjectStore(objects, writer=reader), digest, tmp_path / f"by-{reader}")) == 2


def test_a_wrong_copy_alone_is_told_with_its_account_and_never_written(
    objects: Counted, large: Path, tmp_path: Path
) -> None:
    digest = ObjectStore(objects, writer=BOB).put(large)
    tamper(objects, BOB, digest)
    with pytest.raises(AssetMismatch, match=rf"{digest} that {BOB} stored in memory:.* another sha256"):
        ObjectStore(objects, writer=EVE).fetch(digest, tmp_path / "back")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large"]


def test_ones_own_damaged_copy_is_removed_so_that_it_can_be_stored_again(
    objects: Counted, large: Path, tmp_path: Path
) -> None:
    store = ObjectStore(objects, writer=ALICE)
    digest = store.put(large)
    tamper(objects, ALICE, digest)
    with pytest.raises(AssetMismatch):
        store.fetch(digest, tmp_path / "back")
    assert not store.has(digest)
    store.put(large)
    assert len(fetched(store, digest, tmp_path / "back")) == 2


def test_another_accounts_copy_does_not_stand_for_ones_own(objects: Counted, large: Path) -> None:
    digest = ObjectStore(objects, writer=BOB).put(large)
    alice = ObjectStore(objects, writer=ALICE)
    assert alice.has(digest)
    assert not alice.has(digest, own=True)
    alice.put(large)
    assert alice.has(digest, own=True)


def test_what_was_sent_of_a_source_that_changed_is_never_taken_for_the_tree(
    objects: Counted, large: Path, tmp_path: Path
) -> None:
    before = (large / "two").read_bytes()
    store = ObjectStore(objects, writer=ALICE)

    class Changing(Counted):
        def put(self, name: str, content: bytes | bytearray) -> None:
            (large / "two").write_bytes(bytes(len(before)))
            objects.put(name, content)

    with pytest.raises(TreeRefused, match="changed while it was"):
        ObjectStore(Changing(), writer=ALICE).put(large)
    (large / "two").write_bytes(before)
    digest = store.put(large)
    assert len(fetched(store, digest, tmp_path / "back")) == 2
    assert len(objects.names()) == 6, "what was of other bytes is removed"


def test_a_piece_left_of_other_bytes_is_replaced(objects: Counted, large: Path, tmp_path: Path) -> None:
    store = ObjectStore(objects, writer=ALICE)
    digest = store.put(large)
    first = next(name for name in objects.names() if "/0-" in name)
    obstore.delete(objects.memory, first)
    obstore.put(objects.memory, f"{first[:-8]}{CRC}", bytes(PIECE), use_multipart=False)
    obstore.delete(objects.memory, next(name for name in objects.names() if "/3-" in name))
    store.put(large)
    assert first in objects.names()
    assert len(objects.names()) == 6
    assert len(fetched(store, digest, tmp_path / "back")) == 2


def test_a_copy_that_cannot_be_read_is_passed_over(objects: Counted, large: Path, tmp_path: Path) -> None:
    class Archived(Counted):
        def get(self, name: str, *, size: int) -> memoryview:
            if f"/{BOB}/" in name:
                raise AssetUnavailable("it is archived")
            return objects.get(name, size=size)

        folders_below = objects.folders_below
        each_below = objects.each_below

    digest = ObjectStore(objects, writer=BOB).put(large)
    with pytest.raises(AssetUnavailable, match="archived"):
        ObjectStore(Archived(), writer=EVE).size(digest)
    ObjectStore(objects, writer=ALICE).put(large)
    assert len(fetched(ObjectStore(Archived(), writer=EVE), digest, tmp_path / "back")) == 2


def test_a_piece_that_was_replaced_by_a_larger_one_is_not_read(
    objects: Counted, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = ObjectStore(objects, writer=BOB).put(large)
    listed = dict(objects.below("trees/"))
    monkeypatch.setattr(objects, "each_below", lambda prefix: (each for each in listed.items() if each[0] > prefix))
    name = next(name for name in listed if "/0-" in name)
    obstore.put(objects.memory, name, bytes(PIECE + 1), use_multipart=False)
    with pytest.raises(AssetMismatch, match=f"a piece has {PIECE + 1} bytes instead of {PIECE}"):
        ObjectStore(objects, writer=None).size(digest)


def test_of_an_account_two_copies_are_looked_at() -> None:
    digest = Digest("ab" * 32)
    names = [(f"trees/{digest}/{EVE}/{total}/0-{CRC}", total) for total in range(1, 30_000)]
    found = copies_in(iter(names), digest, EVE)
    assert [one.total for one in found] == [1, 2]


@pytest.mark.peers
@pytest.mark.parametrize("odd", ["%7F", "a\nb"])
@pytest.mark.parametrize("kind", ["s3", "minio"])
def test_odd_names_of_a_stranger_stop_nobody(
    request: pytest.FixtureRequest, kind: str, odd: str, large: Path, tmp_path: Path
) -> None:
    server: S3Server = request.getfixturevalue(kind)
    uri = server.new_bucket()
    store = open_store(uri, writer=ALICE, access=server.access)
    digest = store.put(large)
    live = f"live/{ALICE}/1-1/0"
    store.live.put(live, b"x")
    for name in (f"trees/{digest}/{EVE}/{odd}", f"live/{EVE}/1-1/{odd}"):
        server.client().put_object(uri.split("/")[2], f"network/{name}", io.BytesIO(b"x"), 1)
    assert store.unable() is None
    assert store.live.list("live/") == (live,)
    assert len(fetched(open_store(uri, access=server.access), digest, tmp_path / "back")) == 2


def test_only_ones_own_copy_is_removed(objects: Counted, large: Path) -> None:
    alice, bob = ObjectStore(objects, writer=ALICE), ObjectStore(objects, writer=BOB)
    digest = alice.put(large)
    bob.put(large)
    bob.remove(digest)
    bob.remove(digest)
    assert alice.has(digest)
    assert not any(BOB in name for name in objects.names())


@pytest.mark.parametrize(
    "odd",
    [
        *(f"{ALICE}/12/0-{CRC}/x", f"{ALICE}/012/0-{CRC}", f"{ALICE}/12/00-{CRC}", f"{ALICE}/0/0-{CRC}"),
        *(f"x y/12/0-{CRC}", f"{ALICE}/12", "0", f"{ALICE}/12/0", f"{ALICE}/13/0-{CRC}", f"{ALICE}/11/0-{CRC}"),
    ],
)
def test_other_names_and_sizes_below_a_tree_are_no_pieces(objects: Counted, odd: str) -> None:
    digest = Digest("ab" * 32)
    obstore.put(objects.memory, f"trees/{digest}/{odd}", b"x" * 12)
    assert not ObjectStore(objects, writer=None).has(digest)


def test_a_claim_of_5_tib_reads_nothing(objects: Counted, tmp_path: Path) -> None:
    digest = Digest("cd" * 32)
    obstore.put(objects.memory, f"trees/{digest}/{EVE}/{5 << 40}/0-{CRC}", b"[]\n")
    with pytest.raises(AssetUnavailable, match="nothing is stored under"):
        ObjectStore(objects, writer=ALICE).fetch(digest, tmp_path / "back")


def test_a_manifest_that_claims_5_tib_reserves_neither_memory_nor_disk(objects: Counted, tmp_path: Path) -> None:
    claimed = manifest([Entry(path="model", executable=False, size=5 << 40, sha256="0" * 64)])
    content = claimed.encoded + b"\n"
    name = f"trees/{claimed.digest}/{EVE}/{len(content)}/0-{zlib.crc32(content):08x}"
    obstore.put(objects.memory, name, content, use_multipart=False)
    with reserves_little(tmp_path), pytest.raises(AssetMismatch, match=rf"{EVE}.* it has 97 B, .* says 5 TiB"):
        ObjectStore(objects, writer=ALICE).fetch(claimed.digest, tmp_path / "back")
    with reserves_little(tmp_path), pytest.raises(HostError, match="has 5 TiB, more than are free at"):
        write_tree(io.BytesIO(), claimed, tmp_path / "back")  # as `fetch_link` does with a stranger's list


@contextmanager
def reserves_little(folder: Path) -> Iterator[None]:
    """Check that the block takes less than 4 MiB at any moment, and leaves nothing in the folder."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
        assert list(folder.iterdir()) == []
    finally:
        tracemalloc.stop()


def test_without_an_account_a_store_is_read_only(objects: Counted, large: Path) -> None:
    store = ObjectStore(objects, writer=None)
    for change in (lambda: store.put(large), lambda: store.remove(Digest("ab" * 32))):
        with pytest.raises(StorageError, match="no account is named"):
            change()


@pytest.mark.parametrize("uri", ["s3://", "s3:///network", "s3://key@bucket/x", "s3://bucket/x?y"])
def test_an_address_without_a_bucket_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match="no bucket and prefix"):
        open_store(uri)
