"""DecentralML's functions with an S3 storage: credentials are used for the storage and sent nowhere else."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from node_runtime import creator
from node_runtime.config.storage_access import storage_access
from node_runtime.domain.task import UNIT, TaskId
from node_runtime.errors import InputError, StorageError
from node_runtime.stores import open_store
from tests.object_storage import S3Server, s3

__all__ = ["s3"]

pytestmark = pytest.mark.peers

SECRET = "a secret of nobody"


@pytest.fixture(scope="module")
def uri(s3: S3Server) -> str:
    return s3.new_bucket()


@pytest.fixture
def substrate(network: str, uri: str) -> Iterator[creator.Substrate]:
    with creator.connect(network, storage=uri) as substrate:
        yield substrate


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "start_task.sh").write_text(f"#!/bin/sh\n# {tmp_path}\n")  # bytes that no other test registers
    return folder


def create(substrate: creator.Substrate, bundle: Path, credentials: object, kind: str = "S3") -> TaskId:
    return creator.create_task_model_engineer(
        3600,
        substrate,
        "//Alice",
        None,
        "ModelEngineer",
        "Smaller?",
        5 * UNIT,
        1,
        "AutoAccept",
        str(bundle),
        kind,
        credentials,
    )


def keys(server: S3Server, secret: str) -> dict[str, str]:
    return {"endpoint": f"http://{server.address}", "access_key": "root", "secret_key": secret}


@pytest.mark.parametrize("as_file", [False, True], ids=["mapping", "file"])
def test_credentials_store_the_tasks_files(
    substrate: creator.Substrate, s3: S3Server, uri: str, bundle: Path, tmp_path: Path, as_file: bool
) -> None:
    credentials: object = keys(s3, s3.secret)
    if as_file:
        credentials = tmp_path / "access.yaml"
        (tmp_path / "access.yaml").write_text("".join(f"{k}: '{v}'\n" for k, v in keys(s3, s3.secret).items()))
    task = create(substrate, bundle, credentials)
    store = open_store(uri, access=s3.access)
    spec = substrate.reader().spec(task)
    assert spec is not None
    assert all(store.has(digest) for digest in (spec.digest, *(ref.digest for ref in spec.assets)))
    assert s3.secret not in repr(spec)


def test_wrong_credentials_are_refused_without_their_secret(
    substrate: creator.Substrate, s3: S3Server, bundle: Path
) -> None:
    with pytest.raises(StorageError, match="SignatureDoesNotMatch") as told:
        create(substrate, bundle, keys(s3, SECRET))
    assert SECRET not in f"{told.value!r} {told.value}"


@pytest.mark.parametrize(
    ("kind", "credentials", "told"),
    [
        ("GCP", None, r"the session's storage is s3://.*, not GCP"),
        ("IPFS", None, "IPFS is not supported; use 'local', 'S3', 'GCP', 'Azure'"),
        ("S3", {"secret": SECRET}, "secret: Extra inputs are not permitted; its keys are endpoint"),
        ("S3", {"secret_key": SECRET}, "one of access_key and secret_key is missing"),
        ("S3", 7, "a int is no credentials"),
        ("local", {"secret_key": SECRET}, "needs none; they were sent nowhere"),
    ],
)
def test_what_makes_no_sense_is_named_without_the_secret(
    substrate: creator.Substrate, bundle: Path, kind: str, credentials: object, told: str
) -> None:
    with pytest.raises(InputError, match=told) as refused:
        create(substrate, bundle, credentials, kind)
    assert SECRET not in f"{refused.value!r} {refused.value}"
    with pytest.raises(InputError):
        storage_access(Path("nowhere.yaml"))
