"""Provision of an S3 storage for a network: its bucket, versioning, and keys of accounts with the rights to store.

An account's access key is named as the account. Everybody's may read all objects of the network; each may write its own
copies and its own live area only (see `objects`).
"""

import json
import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Protocol
from urllib.parse import SplitResult, urlsplit
from xml.sax.saxutils import escape

import urllib3
from minio import Minio, MinioAdmin
from minio.credentials.credentials import Credentials
from minio.credentials.providers import StaticProvider
from minio.error import InvalidResponseError, MinioAdminException, S3Error, ServerError
from minio.signer import sign_v4_s3
from minio.versioningconfig import VersioningConfig

from node_runtime.domain.assets import Account
from node_runtime.errors import InputError, StorageError

from .access import StorageAccess
from .failures import REMEDIES, connection_failure

REGION = "us-east-1"
ENABLED = "Enabled"  # versioning
READ = ("s3:GetObject", "s3:ListBucket", "s3:GetBucketLocation", "s3:GetBucketVersioning")
WRITE = ("s3:PutObject", "s3:DeleteObject")
LENGTH = 64  # digits of a digest
LARGEST_POLICY = 20 << 10  # bytes of a bucket's policy
_SECRET = 20  # random bytes of a secret key
_THERE = 409  # the status for a key that is there already
_ADMIN_CODE = re.compile(r'"Code": ?"([A-Za-z]{1,60})"')
_CODE = re.compile(rb"<Code>([A-Za-z]{1,60})</Code>")
_TIMEOUT = urllib3.Timeout(connect=5, read=30)


@dataclass(frozen=True, kw_only=True)
class BucketPrefix:
    """A network's place in a bucket; ``prefix`` ends with a slash or is empty."""

    bucket: str
    prefix: str

    @classmethod
    def of(cls, url: str) -> "BucketPrefix":
        """Raises `InputError` for another address than ``s3://bucket/prefix``."""
        address = urlsplit(url)
        if address.scheme != "s3" or not address.hostname:
            raise InputError(f"storage {url}: only s3:// storage is made here", remedy="write s3://BUCKET/PREFIX")
        path = address.path.strip("/")
        return cls(bucket=address.hostname, prefix=f"{path}/" if path else "")

    def read_statement(self, principal: dict[str, Any]) -> dict[str, Any]:
        objects = [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/{self.prefix}*"]
        return {"Effect": "Allow", **principal, "Action": list(READ), "Resource": objects}

    def write_statement(self, principal: dict[str, Any], owner: str) -> dict[str, Any]:
        # a digest's digits are counted, since '*' would also match what lies inside another account's copy
        areas = (f"trees/{'?' * LENGTH}/{owner}/*", f"live/{owner}/*")
        own = [f"arn:aws:s3:::{self.bucket}/{self.prefix}{area}" for area in areas]
        return {"Effect": "Allow", **principal, "Action": list(WRITE), "Resource": own}


class KeyServer(Protocol):
    """One kind of server's way to make accounts' keys."""

    def make(self, account: Account, secret: str) -> bool:
        """Make the account's key; return False where it has one already."""
        ...

    def renew(self, account: Account, secret: str) -> None:
        """Give the account's key another secret."""
        ...

    def permit(self, accounts: Sequence[Account], place: BucketPrefix) -> None:
        """Let the accounts read all objects of the place and write their own, in addition to earlier accounts."""
        ...


@dataclass(frozen=True, kw_only=True)
class MinioKeys:
    """Keys on a server of MinIO's line: a policy that names the user by a variable is attached to each."""

    admin: MinioAdmin

    def make(self, account: Account, secret: str) -> bool:
        if account in json.loads(self.admin.user_list()):
            return False
        self.admin.user_add(account, secret)
        return True

    def renew(self, account: Account, secret: str) -> None:
        self.admin.user_add(account, secret)

    def permit(self, accounts: Sequence[Account], place: BucketPrefix) -> None:
        name = f"node-runtime-{place.bucket}-{sha256(place.prefix.encode()).hexdigest()[:16]}"
        statements = [place.read_statement({}), place.write_statement({}, "${aws:username}")]
        self.admin.policy_add(name, policy=_policy(statements))
        for account in accounts:
            try:
                self.admin.attach_policy([name], user=account)
            except MinioAdminException as error:
                if "PolicyAlreadyApplied" not in str(error) and "PolicyChangeAlreadyApplied" not in str(error):
                    raise


@dataclass(frozen=True, kw_only=True)
class VersityKeys:
    """Keys on Versity's gateway: its administration is a request of its own, rights stand in the bucket's policy."""

    client: Minio
    http: urllib3.PoolManager
    endpoint: SplitResult
    region: str
    credentials: Credentials

    def make(self, account: Account, secret: str) -> bool:
        named = f"<Access>{escape(account)}</Access><Secret>{escape(secret)}</Secret><Role>user</Role>"
        return self._sent("create-user", "", f"<Account>{named}</Account>") != _THERE

    def renew(self, account: Account, secret: str) -> None:
        changed = f"<MutableProps><Secret>{escape(secret)}</Secret></MutableProps>"
        self._sent("update-user", f"access={account}", changed)

    def permit(self, accounts: Sequence[Account], place: BucketPrefix) -> None:
        reading = place.read_statement({})["Resource"]
        earlier, readers = [], set(accounts)
        for one in self._statements(place.bucket):
            if one["Resource"] == reading:
                readers.update(map(Account, _principals(one)))
            elif one["Resource"] not in [place.write_statement({}, account)["Resource"] for account in accounts]:
                earlier.append(one)
        writing = (place.write_statement(_principal([account]), account) for account in accounts)
        statements = [*earlier, *writing, place.read_statement(_principal(sorted(readers)))]
        text = json.dumps(_policy(statements))
        if len(text) > LARGEST_POLICY:
            raise StorageError(
                f"the policy of bucket {place.bucket} would have {len(text)} bytes, more than {LARGEST_POLICY}",
                remedy="use a bucket of its own for some of the accounts, or a server of MinIO's line",
            )
        self.client.set_bucket_policy(place.bucket, text)

    def _statements(self, bucket: str) -> list[dict[str, Any]]:
        try:
            return list(json.loads(self.client.get_bucket_policy(bucket))["Statement"])
        except S3Error as error:
            if error.code == "NoSuchBucketPolicy":
                return []
            raise

    def _sent(self, action: str, query: str, body: str) -> int:
        """Send a request of the administration; return its status, a success or that the key is there."""
        digest, now = sha256(body.encode()).hexdigest(), datetime.now(UTC)
        url = self.endpoint._replace(path=f"/{action}", query=query)
        headers: dict[str, Any] = {
            "Host": self.endpoint.netloc,
            "X-Amz-Content-Sha256": digest,
            "X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ"),
        }
        signed = sign_v4_s3(
            method="PATCH",
            url=url,
            region=self.region,
            headers=headers,
            credentials=self.credentials,
            content_sha256=digest,
            date=now,
        )
        answer = self.http.request("PATCH", url.geturl(), body=body.encode(), headers=dict(signed))  # type: ignore[arg-type]
        if answer.status >= 300 and answer.status != _THERE:
            code = _CODE.search(answer.data)
            raise _refusal(code[1].decode() if code is not None else str(answer.status))
        return answer.status


@dataclass(frozen=True, kw_only=True)
class S3Administration:
    """What the administrator's key can do with a storage. Every method may be repeated. Raises `StorageError`."""

    place: BucketPrefix
    client: Minio
    keys: KeyServer | None  # None: a server whose keys are made elsewhere

    def make_bucket(self) -> bool:
        """Make the bucket with versioning; return whether it is new."""
        with told():
            status = self._versioning()
            if status is None:
                self.client.make_bucket(self.place.bucket)
            if status != ENABLED:
                self.client.set_bucket_versioning(self.place.bucket, VersioningConfig(ENABLED))
            return status is None

    def _versioning(self) -> str | None:
        """Return the bucket's status of versioning; None without a bucket."""
        try:
            return str(self.client.get_bucket_versioning(self.place.bucket).status)
        except S3Error as error:  # unlike an answer to HEAD it has a code
            if error.code == "NoSuchBucket":
                return None
            raise

    def make_key(self, account: Account, *, renew: bool = False) -> str | None:
        """Make the account's key, or with ``renew`` give it another secret; None where it has a key already."""
        secret = secrets.token_urlsafe(_SECRET)
        with told():
            if self._keys.make(account, secret):
                return secret
            if renew:
                self._keys.renew(account, secret)
                return secret
        return None

    def permit(self, accounts: Sequence[Account]) -> None:
        """Give the accounts' keys their rights in this place."""
        with told():
            self._keys.permit(accounts, self.place)

    @property
    def _keys(self) -> KeyServer:
        if self.keys is None:
            raise InputError(
                "this server's keys aren't made here: it is neither Versity's gateway nor of MinIO's line",
                remedy="make a key for each account with the rights that docs/storage.md names",
            )
        return self.keys

    def versioned(self) -> bool:
        with told():
            return self._versioning() == ENABLED


def administration(url: str, access: StorageAccess) -> S3Administration:
    """Connect with the administrator's access; what kind of server it is, its answer's header tells."""
    place = BucketPrefix.of(url)
    if access.endpoint is None or access.access_key is None or access.secret_key is None:
        raise InputError(
            "the storage access file has no endpoint, access_key and secret_key of the storage's administrator",
            remedy="name it as NODE_RUNTIME_STORAGE_ACCESS; in a public cloud make bucket and keys there",
        )
    endpoint, region = urlsplit(access.endpoint), access.region or REGION
    secure = endpoint.scheme == "https"
    trusted: dict[str, Any] = {"ca_cert_data": access.ca} if access.ca is not None else {}
    http = urllib3.PoolManager(timeout=_TIMEOUT, retries=urllib3.Retry(2), **trusted)
    named = (access.access_key, access.secret_key)
    client = Minio(endpoint.netloc, *named, secure=secure, region=region, http_client=http)
    with told():
        server = http.request("GET", access.endpoint).headers.get("Server", "").lower()
    keys: KeyServer | None = None
    if "versity" in server:
        credentials = Credentials(*named)
        keys = VersityKeys(client=client, http=http, endpoint=endpoint, region=region, credentials=credentials)
    elif "minio" in server:
        provider = StaticProvider(*named)
        admin = MinioAdmin(
            endpoint=endpoint.netloc, credentials=provider, region=region, secure=secure, http_client=http
        )
        keys = MinioKeys(admin=admin)
    return S3Administration(place=place, client=client, keys=keys)


def _policy(statements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": statements}


def _principal(accounts: Sequence[Account]) -> dict[str, Any]:
    return {"Principal": {"AWS": list(accounts)}}


def _principals(statement: dict[str, Any]) -> Iterable[str]:
    named = statement.get("Principal", {})
    listed = named.get("AWS", []) if isinstance(named, dict) else named
    return [listed] if isinstance(listed, str) else listed


@contextmanager
def told() -> Iterator[None]:
    """Translate the client's errors into `StorageError`."""
    try:
        yield
    except S3Error as error:
        raise _refusal(error.code or "an error") from error
    except MinioAdminException as error:
        code = _ADMIN_CODE.search(str(error))
        raise _refusal(code[1] if code is not None else "an error") from error
    except (InvalidResponseError, ServerError, ValueError) as error:
        raise StorageError(f"the storage refuses: {str(error)[:300]}", remedy="see the server's log") from error
    except urllib3.exceptions.HTTPError as error:
        failure = connection_failure(error)
        raise StorageError(f"the storage {failure.reason}", remedy=failure.remedy) from error


def _refusal(code: str) -> StorageError:
    administrators = "use the access of the storage's administrator"
    remedies = {**REMEDIES, "AccessDenied": administrators, "XAdminAccessDenied": administrators}
    return StorageError(f"the storage answers with {code}", remedy=remedies.get(code, "see the server's log"))
