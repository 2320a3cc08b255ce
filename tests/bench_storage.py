"""`make bench-storage`: 1 GiB and 10,000 small files through an S3 server, against plain clients in the same run.

The server is Versity's gateway on this machine, so what is compared is work of processors and disk, not a network. Ours
hashes the tree before it sends and verifies what it fetches; the plain clients, obstore and minio-py with their
defaults, move one file and check nothing. All read the same file and write one beside it, and none waits until it is on
the disk. They take turns, so that each round's three figures are of the same minute; the medians of `ROUNDS` are told.
FOLDER as an argument is where server and files are, e.g. /dev/shm to leave the disk out.
"""

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from statistics import median

import obstore
from minio import Minio
from obstore.store import S3Store

from node_runtime.domain.assets import Account, Digest
from node_runtime.stores import open_store
from node_runtime.stores.tree.folders import remove_tree
from tests.object_storage import S3Server, s3_server

SIZE = 1 << 30  # bytes
BLOCK = 1 << 20
FILES = 10_000
ROUNDS = 6  # each client is twice the first, who pays for memory that nobody has used yet
ALICE = Account("5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY")


def main() -> None:
    parent = sys.argv[1] if len(sys.argv) > 1 else Path.cwd()
    with tempfile.TemporaryDirectory(prefix="node-runtime-bench-", dir=parent) as folder:
        place = Path(folder)
        with s3_server(place / "s3", within=3600) as server:
            large(server, place)
            small(server, place)


def large(server: S3Server, place: Path) -> None:
    uri, back = server.new_bucket(), place / "back"
    file = place / "large"
    with file.open("wb") as opened:
        for _ in range(SIZE // BLOCK):
            opened.write(os.urandom(BLOCK))
    plain, minio, bucket = _obstore(server, uri), server.client(), uri.split("/")[2]
    ours = open_store(uri, writer=ALICE, access=server.access)
    digest = ours.put(file)

    ups: list[tuple[str, Callable[[], object]]] = [
        ("ours", lambda: ours.put(file)),
        ("obstore", lambda: obstore.put(plain, "plain", file)),
        ("minio-py", lambda: minio.fput_object(bucket, "minio", str(file))),
    ]
    downs: list[tuple[str, Callable[[], object]]] = [
        ("ours", lambda: ours.fetch(digest, back)),
        ("obstore", lambda: _streamed(plain, back)),
        ("minio-py", lambda: minio.fget_object(bucket, "minio", str(back))),
    ]
    up, down = defaultdict[str, list[float]](list), defaultdict[str, list[float]](list)
    for turn in range(ROUNDS):
        first = turn % len(ups)
        for name, call in ups[first:] + ups[:first]:
            if name == "ours":
                ours.remove(digest)  # else nothing is sent
            up[name].append(_seconds(call))
        for name, call in downs[first:] + downs[:first]:
            down[name].append(_fetched(call, back))
    print(f"1 GiB, one file, medians of {ROUNDS} rounds; seconds, and the faster plain client's by ours")
    for name, found in (("up", up), ("down", down)):
        told = "   ".join(f"{client} {median(seconds):.2f}" for client, seconds in found.items())
        plains = zip(found["obstore"], found["minio-py"], strict=True)
        ratios = [min(plain) / own for plain, own in zip(plains, found["ours"], strict=True)]
        print(f"  {name:<6}{told}   ratio {median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})")


def small(server: S3Server, place: Path) -> None:
    uri, folder, back = server.new_bucket(), place / "small", place / "back"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:05}").write_bytes(os.urandom(1000))
    minio, bucket = server.client(), uri.split("/")[2]
    ours = open_store(uri, writer=ALICE, access=server.access)
    found: list[Digest] = []
    up = _seconds(lambda: found.append(ours.put(folder)))
    down = _fetched(lambda: ours.fetch(found[0], back), back)
    one_by_one = _seconds(lambda: _each(minio, bucket, folder))
    back.mkdir()
    got = _fetched(lambda: [minio.fget_object(bucket, f"n/{n:05}", str(back / f"{n:05}")) for n in range(FILES)], back)
    print(f"{FILES:,} files of 1 kB; seconds: ours, one by one with minio-py")
    print(f"  up    {up:.2f}   {one_by_one:.2f}   {one_by_one / up:.0f} times")
    print(f"  down  {down:.2f}   {got:.2f}   {got / down:.0f} times")


def _each(minio: Minio, bucket: str, folder: Path) -> None:
    for path in folder.iterdir():
        minio.fput_object(bucket, f"n/{path.name}", str(path))


def _obstore(server: S3Server, uri: str) -> S3Store:
    access = server.access
    return S3Store(
        uri.split("/")[2],
        endpoint=access.endpoint,
        region=access.region,
        access_key_id=access.access_key,
        secret_access_key=access.secret_key,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True, "timeout": "300s"},
    )


def _streamed(store: S3Store, target: Path) -> None:
    with target.open("wb") as opened:
        for chunk in obstore.get(store, "plain").stream():
            opened.write(chunk)


def _seconds(call: Callable[[], object]) -> float:
    os.sync()  # else one waits for what the one before has written
    started = time.monotonic()
    call()
    return time.monotonic() - started


def _fetched(call: Callable[[], object], target: Path) -> float:
    """Return the seconds of a fetch, whose files are removed afterwards."""
    seconds = _seconds(call)
    remove_tree(target)
    return seconds


if __name__ == "__main__":
    main()
