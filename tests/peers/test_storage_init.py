"""`storage init` and `storage check` on real S3 servers: an account's key stores its own copies and nothing else."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import md5
from pathlib import Path
from typing import Any

import compose_prepare
import pytest
import yaml
from minio import MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import S3Error

from node_runtime.config.storage_access import storage_access
from node_runtime.domain.assets import Account
from node_runtime.errors import StorageError
from node_runtime.stores import open_store
from node_runtime.stores.local import LocalStore
from node_runtime.stores.object_client import open_objects
from tests.contract.stores import ALICE
from tests.object_storage import S3Kind, S3Server, s3_server

pytestmark = pytest.mark.peers

BOB = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
Storage = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def uri(request: pytest.FixtureRequest) -> str:
    """A bucket that isn't there yet, of the test's own name."""
    return f"s3://b{abs(hash(request.node.nodeid)):x}/network"


@pytest.fixture(params=S3Kind)
def s3(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[S3Server]:
    with s3_server(tmp_path / "s3", request.param) as server:
        yield server


@pytest.fixture
def run(s3: S3Server, uri: str, tmp_path: Path) -> Storage:
    """Run ``node-runtime storage`` with the administrator's access, or that of a file."""
    access = {"endpoint": f"http://{s3.address}", "access_key": "root", "secret_key": s3.secret}
    (tmp_path / "root.yaml").write_text(yaml.safe_dump(access))

    def storage(*arguments: str, by: str = "root.yaml", **changed: str) -> subprocess.CompletedProcess[str]:
        named = {"NODE_RUNTIME_STORAGE": uri, "NODE_RUNTIME_STORAGE_ACCESS": str(tmp_path / by), "COLUMNS": "80"}
        named |= changed
        command = [sys.executable, "-m", "node_runtime", "storage", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, env=os.environ | named, capture_output=True, text=True, timeout=120, check=False
        )

    return storage


def test_each_account_stores_its_own_copies_and_nothing_else(run: Storage, uri: str, tmp_path: Path) -> None:
    done = run("init", "--for", ALICE, "--for", BOB)
    assert done.returncode == 0, done.stderr
    assert "is made, with versioning" in done.stdout
    files = {account: tmp_path / "keys" / f"{account}.yaml" for account in (ALICE, BOB)}
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files.values())
    (tmp_path / "model").write_text("a model")
    alice, bob = (open_store(uri, writer=one, access=storage_access(files[one])) for one in (ALICE, BOB))
    digest = alice.put(tmp_path / "model")
    bob.fetch(digest, tmp_path / "back")
    objects = open_objects(uri, storage_access(files[BOB]))
    ((name, _),) = objects.below("trees/")
    for change in (partial(objects.put, name, b"evil"), partial(objects.delete, [name])):
        with pytest.raises(StorageError, match=r"refuses this key \(AccessDenied\)"):
            change()
    for inside in (f"{name}/{BOB}/x", f"trees/{digest}/{BOB}", f"trees/x/{BOB}/1/0", f"trees/{digest[1:]}/{BOB}/1/0"):
        with pytest.raises(StorageError, match="refuses this key"):
            objects.put(inside, b"evil")
    alice.fetch(digest, tmp_path / "again")
    live = f"live/{BOB}/1-1/0"
    bob.live.put(live, b"x")
    with pytest.raises(StorageError, match="refuses this key"):
        alice.live.put(live, b"y")
    assert alice.live.read(live) == b"x"


def test_old_versions_of_the_live_area_end_where_the_server_has_lifecycle_rules(
    run: Storage, s3: S3Server, uri: str
) -> None:
    bucket, client = uri.split("/")[2], s3.client()
    client.make_bucket(bucket)
    if "this server has no lifecycle rules" in run("init").stdout:
        with pytest.raises(S3Error, match="NotImplemented"):
            client.get_bucket_lifecycle(bucket)
        return
    beside = {"NODE_RUNTIME_STORAGE": f"s3://{bucket}/another"}
    for changed in (dict[str, str](), beside, beside):
        done = run("init", **changed)
        assert done.returncode == 0
        assert "lifecycle" not in done.stdout
    found = client.get_bucket_lifecycle(bucket)
    assert found is not None
    areas = {rule.rule_filter.prefix: rule.noncurrent_version_expiration for rule in found.rules if rule.rule_filter}
    assert len(found.rules) == 2
    assert {area: ending and ending.noncurrent_days for area, ending in areas.items()} == {
        "network/live/": 1,
        "another/live/": 1,
    }


MINE = """<Rule><ID>mine</ID><Status>Enabled</Status><Filter><And><Prefix>mine/</Prefix>
<ObjectSizeGreaterThan>1000000</ObjectSizeGreaterThan></And></Filter><Expiration><Days>9</Days></Expiration></Rule>"""
UNKNOWN = "<Rule><ID>all</ID><Status>Enabled</Status><Filter></Filter><Expiration><Days>9</Days></Expiration></Rule>"
LIVE = """<Rule><ID>added</ID><Status>Enabled</Status><Filter><Prefix>network/live/</Prefix></Filter>
<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration></Rule>"""


@pytest.mark.parametrize("s3", [S3Kind.MINIO], indirect=True)
@pytest.mark.parametrize(
    ("rules", "reason"),
    [(MINE, "has other lifecycle rules"), (UNKNOWN, "of a kind that isn't known"), (MINE + LIVE, None)],
)
def test_lifecycle_rules_of_others_stay_as_they_are(
    run: Storage, s3: S3Server, uri: str, tmp_path: Path, rules: str, reason: str | None
) -> None:
    bucket, client = uri.split("/")[2], s3.client()
    client.make_bucket(bucket)
    body = f"<LifecycleConfiguration>{rules}</LifecycleConfiguration>".encode()
    sum_of_body = b64encode(md5(body, usedforsecurity=False).digest()).decode()
    client._execute("PUT", bucket, body=body, headers={"Content-MD5": sum_of_body}, query_params={"lifecycle": ""})

    def stored() -> bytes:
        return client._execute("GET", bucket, query_params={"lifecycle": ""}).data

    before = stored()
    done = run("init", "--for", ALICE)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "keys" / f"{ALICE}.yaml").exists()
    assert stored() == before
    told = " ".join(done.stdout.split())
    if reason is None:
        assert "lifecycle" not in told
    else:
        assert reason in told
        assert "noncurrent versions below network/live/ expire after 1 day" in told


@pytest.mark.parametrize("s3", [S3Kind.MINIO], indirect=True)
def test_an_administrator_without_the_right_to_lifecycle_rules_makes_keys(
    run: Storage, s3: S3Server, tmp_path: Path
) -> None:
    admin = MinioAdmin(endpoint=s3.address, credentials=StaticProvider("root", s3.secret), secure=False)
    rights: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": ["admin:*"]},
        {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]},
        {"Effect": "Deny", "Action": ["s3:*LifecycleConfiguration"], "Resource": ["arn:aws:s3:::*"]},
    ]
    admin.policy_add("keys", policy={"Version": "2012-10-17", "Statement": rights})
    admin.user_add("keeper", "a secret of its own")
    admin.attach_policy(["keys"], user="keeper")
    access = yaml.safe_load((tmp_path / "root.yaml").read_text())
    named = {"access_key": "keeper", "secret_key": "a secret of its own"}
    (tmp_path / "keeper.yaml").write_text(yaml.safe_dump(access | named))
    done = run("init", "--for", ALICE, by="keeper.yaml")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "keys" / f"{ALICE}.yaml").exists()
    assert "can't be read or set: the storage answers with AccessDenied" in " ".join(done.stdout.split())


def test_the_job_of_compose_renews_a_key_whose_file_is_lost(
    s3: S3Server, uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=os.pathsep)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    address = f"http://{s3.address}"
    storage = compose_prepare.Storage(
        url=uri, endpoint=address, outside=address, access_key="root", secret_key=s3.secret, folder=tmp_path / "keys"
    )
    files = {account: tmp_path / "keys" / f"{account}.yaml" for account in (ALICE, BOB)}
    compose_prepare.make_storage_keys(storage, [ALICE, BOB])
    before = {account: file.read_text() for account, file in files.items()}
    files[ALICE].unlink()
    compose_prepare.make_storage_keys(storage, [ALICE, BOB])
    assert files[BOB].read_text() == before[BOB]
    assert files[ALICE].read_text() != before[ALICE]
    (tmp_path / "model").write_text("a model")
    for account, file in files.items():
        open_store(uri, writer=account, access=storage_access(file)).put(tmp_path / "model")


def test_repeated_it_keeps_the_keys_and_adds_the_missing_one(run: Storage, uri: str, tmp_path: Path) -> None:
    run("init", "--for", ALICE)
    file = tmp_path / "keys" / f"{ALICE}.yaml"
    before = file.read_text()
    done = run("init", "--for", ALICE, "--for", BOB)
    assert "is there, with versioning" in done.stdout
    assert file.read_text() == before
    for account in (ALICE, BOB):
        access = storage_access(tmp_path / "keys" / f"{account}.yaml")
        open_store(uri, writer=account, access=access).put(file)


def test_a_check_tells_what_a_key_can_do(run: Storage) -> None:
    run("init", "--for", ALICE)
    fine = run("check", "--for", ALICE, by=f"keys/{ALICE}.yaml")
    assert fine.returncode == 0, fine.stdout + fine.stderr
    assert "can store, fetch and remove" in fine.stdout
    wide = run("check", "--for", ALICE)
    assert wide.returncode == 1
    assert "this key may write other accounts' copies" in wide.stdout
    other = run("check", "--for", BOB, by=f"keys/{ALICE}.yaml")
    assert other.returncode == 1
    assert "storing    the storage" in other.stdout


def test_a_check_before_init_names_the_missing_bucket(run: Storage) -> None:
    told = run("check")
    assert told.returncode == 1
    assert "NoSuchBucket" in told.stdout
    assert "storage init" in told.stdout


def test_versioning_that_is_off_is_told(run: Storage, s3: S3Server, uri: str) -> None:
    s3.client().make_bucket(uri.split("/")[2])
    told = run("check")
    assert told.returncode == 1
    assert "it is off: what is overwritten or removed is lost" in told.stdout
    assert run("init").returncode == run("check").returncode == 0


def test_another_access_than_the_administrators_makes_nothing(run: Storage, tmp_path: Path) -> None:
    run("init", "--for", ALICE)
    told = run("init", "--for", BOB, by=f"keys/{ALICE}.yaml")
    assert told.returncode == 3
    assert "use the access of the storage's administrator" in told.stderr
    assert not (tmp_path / "keys" / f"{BOB}.yaml").exists()


@pytest.mark.parametrize(
    ("wrong", "reason", "remedy"),
    [
        ({"secret_key": "another"}, "SignatureDoesNotMatch", "check the secret key in the storage access file"),
        ({"access_key": "nobody"}, "InvalidAccessKeyId", "check the access key in the storage access file"),
        ({"endpoint": "http://127.0.0.1:9"}, "doesn't answer: connection refused", "check that it runs"),
    ],
)
def test_what_is_wrong_with_the_administrators_access_is_told(
    run: Storage, tmp_path: Path, wrong: dict[str, str], reason: str, remedy: str
) -> None:
    access = yaml.safe_load((tmp_path / "root.yaml").read_text()) | wrong
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(access))
    told = run("init", by="wrong.yaml")
    assert told.returncode == 3
    assert reason in told.stderr
    assert remedy in told.stderr


def test_a_key_whose_file_is_elsewhere_is_renewed_on_request_only(run: Storage, tmp_path: Path) -> None:
    run("init", "--for", ALICE)
    (tmp_path / "keys").rename(tmp_path / "elsewhere")
    told = run("init", "--for", ALICE)
    assert told.returncode == 2
    assert "has a key on this server already" in told.stderr
    assert run("init", "--for", ALICE, "--renew").returncode == 0
    assert (tmp_path / "keys" / f"{ALICE}.yaml").exists()


def test_what_a_folder_holds_is_copied_once_and_a_damaged_tree_is_named(run: Storage, uri: str, tmp_path: Path) -> None:
    run("init", "--for", ALICE, "--for", BOB)
    folder = LocalStore(tmp_path / "store")
    for name in ("model", "data", "spoiled"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    model, data, spoiled = (folder.put(tmp_path / name) for name in ("model", "data", "spoiled"))
    damaged = tmp_path / "store" / "trees" / spoiled[:2] / spoiled
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    done = run("copy", "store", "--for", ALICE, by=f"keys/{ALICE}.yaml")
    assert done.returncode == 2
    assert "2 trees are copied, 0 were there already" in done.stdout
    assert spoiled in done.stdout
    bob = open_store(uri, writer=BOB, access=storage_access(tmp_path / "keys" / f"{BOB}.yaml"))
    for digest, name in ((model, "model"), (data, "data")):
        bob.fetch(digest, tmp_path / f"{name}-back")
        assert (tmp_path / f"{name}-back" / "file").read_text() == name
    again = run("copy", "store", "--for", ALICE, by=f"keys/{ALICE}.yaml")
    assert "0 trees are copied, 2 were there already" in again.stdout


def test_doctor_tells_of_a_node_whose_key_may_not_store(run: Storage, uri: str, tmp_path: Path) -> None:
    run("init", "--for", ALICE, "--for", BOB)
    lines = ("node: n", "chain: ws://127.0.0.1:1", "key: //Bob", f"storage: {uri}", "work: work")
    for account, well in ((BOB, True), (ALICE, False)):
        config = tmp_path / "node.yaml"
        config.write_text("\n".join((*lines, f"storage_access: keys/{account}.yaml", "")))
        told = subprocess.run(
            [sys.executable, "-m", "node_runtime", "doctor", "--json", "--config", str(config)],
            env=os.environ | {"NODE_RUNTIME_HOME": str(tmp_path / "home")},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        found = {one["name"]: one for one in json.loads(told.stdout)}
        assert found["storage, storing"]["well"] is well, found
