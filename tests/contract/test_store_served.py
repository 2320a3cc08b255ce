"""Object storage on real servers: refused keys, links without a key, certificates."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trustme

from node_runtime.domain.assets import Digest
from node_runtime.errors import AssetMismatch, AssetUnavailable, InputError, StorageError
from node_runtime.ports.store import AssetStore
from node_runtime.stores import open_store
from node_runtime.stores.links import fetch_link
from node_runtime.stores.object_client import Objects, open_objects
from node_runtime.stores.objects import ObjectStore
from node_runtime.stores.provision import administration
from tests.contract.stores import ALICE
from tests.object_storage import S3Server, free_port, s3_server


def refusals(server: S3Server, uri: str) -> Sequence[tuple[AssetStore, str, str]]:
    wrong = replace(server.access, secret_key="another")
    unknown = replace(server.access, access_key="nobody")
    gone = replace(server.access, endpoint=f"http://127.0.0.1:{free_port()}")
    opened = [open_store(uri, writer=ALICE, access=access) for access in (wrong, unknown, gone)]
    no_bucket = open_store("s3://nothing-here/x", writer=ALICE, access=server.access)
    return [
        (opened[0], r"refuses this key \(SignatureDoesNotMatch\)", "check the secret key"),
        (opened[1], r"refuses this key \(InvalidAccessKeyId\)", "check the access key"),
        (opened[2], "doesn't answer", "check that it runs"),
        (no_bucket, "NoSuchBucket", "storage init"),
    ]


@pytest.mark.peers
def test_what_the_server_refuses_is_told_with_its_remedy(s3: S3Server, large: Path, tmp_path: Path) -> None:
    for store, reason, remedy in refusals(s3, s3.new_bucket()):
        for call in (partial(store.put, large), partial(store.fetch, Digest("ab" * 32), tmp_path / "x")):
            with pytest.raises(StorageError, match=reason) as told:
                call()
            assert remedy in told.value.remedy


@pytest.fixture(params=["s3", "minio"])
def served(request: pytest.FixtureRequest) -> tuple[ObjectStore, Objects]:
    """A store on a real server."""
    server: S3Server = request.getfixturevalue(request.param)
    objects = open_objects(server.new_bucket(), server.access)
    return ObjectStore(objects, writer=ALICE), objects


@pytest.mark.peers
def test_a_link_fetches_a_tree_without_a_key(served: tuple[ObjectStore, Objects], large: Path, tmp_path: Path) -> None:
    store, _ = served
    link = store.link(store.put(large), seconds=60)
    assert fetch_link(link, tmp_path / "back") == store.put(large)
    assert {path.name: path.read_bytes() for path in (tmp_path / "back").iterdir()} == {
        path.name: path.read_bytes() for path in large.iterdir()
    }


@pytest.mark.peers
def test_a_link_ends_and_its_list_is_removed_with_the_next(
    served: tuple[ObjectStore, Objects], large: Path, tmp_path: Path
) -> None:
    store, objects = served
    digest = store.put(large)
    link = store.link(digest, seconds=1)
    time.sleep(3)
    with pytest.raises(AssetUnavailable, match="the link has ended") as told:
        fetch_link(link, tmp_path / "back")
    assert told.value.remedy == "ask who made the link for a new one"
    store.link(digest, seconds=60)
    assert len([name for name, _ in objects.below("trees/") if "/links/" in name]) == 1
    store.remove(digest)
    assert objects.below("trees/") == []


@pytest.mark.peers
def test_a_link_to_something_else_writes_nothing(
    served: tuple[ObjectStore, Objects], large: Path, tmp_path: Path
) -> None:
    store, objects = served
    link = store.link(store.put(large), seconds=60)
    elsewhere = json.dumps({"version": 1, "pieces": ["http://127.0.0.1:1/piece"]}).encode()
    for listed in (b"", b"[]", b'{"version": 1}', elsewhere):
        objects.put("trees/list", listed)
        (other,) = objects.signed(["trees/list"], 60)
        with pytest.raises(AssetMismatch, match="leads to no list"):
            fetch_link(f"{other}#{'ab' * 32}", tmp_path / "back")
    with pytest.raises(AssetMismatch):
        fetch_link(f"{link.partition('#')[0]}#{'ab' * 32}", tmp_path / "back")
    with pytest.raises(InputError, match="has no digest"):
        fetch_link(link.partition("#")[0], tmp_path / "back")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["large"]


@pytest.mark.peers
def test_a_certificate_is_trusted_by_its_authority_only(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    pem = authority.cert_pem.bytes().decode()
    with s3_server(tmp_path / "s3", certificate=(tmp_path / "cert.pem", tmp_path / "key.pem")) as server:
        trusting = replace(server.access, ca=pem)
        administration("s3://tasks/network", trusting).make_bucket()
        open_store("s3://tasks/network", writer=ALICE, access=trusting).put(tmp_path / "cert.pem")
        with pytest.raises(StorageError, match="certificate of an unknown authority") as told:
            open_store("s3://tasks/network", writer=ALICE, access=server.access).put(tmp_path / "cert.pem")
        assert "as `ca` in the storage access file" in told.value.remedy
        with pytest.raises(StorageError, match="certificate of an unknown authority") as told:
            administration("s3://tasks/network", server.access)
        assert "as `ca` in the storage access file" in told.value.remedy
        with pytest.raises(AssetUnavailable, match="certificate of an unknown authority") as told:
            fetch_link(f"https://{server.address}/tasks/list#{'ab' * 32}", tmp_path / "back")
        assert "as `ca` in the storage access file" in told.value.remedy
