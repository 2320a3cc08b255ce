"""The client of an object storage, S3, Google Cloud Storage or Azure, by the library obstore; errors with remedies."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from node_runtime.errors import AssetMismatch, AssetUnavailable, InputError, StorageError

from .access import StorageAccess
from .failures import CHECK_ADDRESS, NAME_AUTHORITY, REFUSALS, REMEDIES, UNKNOWN_AUTHORITY

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_PAGE = 1000  # names of one listing's answer
_RETRIES = {"max_retries": 3, "retry_timeout": timedelta(seconds=20)}
_TIMEOUT = "15m"  # of a request that moves a piece: four at once at 40 kB/s together
_QUICK_TIMEOUT = "15s"  # of every other one
_CONNECT_TIMEOUT = "5s"
_LOOPBACK = "localhost,127.0.0.0/8,::1"
_CODE = re.compile(r"<Code>([A-Za-z]{1,60})</Code>|\(code: ([A-Za-z]{1,60})\)")
_BUSY = ("ExistingObjectIsDirectory", "OperationAborted")  # said while another request changes a neighbour


class Objects:
    """The objects of a bucket below a prefix, by their names. Safe to share between threads.

    Every method raises `StorageError` where the storage refuses or doesn't answer, for reads `AssetUnavailable`.
    """

    def __init__(
        self, url: str, store: "ObjectStore", *, quick: "ObjectStore | None" = None, signer: "ObjectStore | None" = None
    ) -> None:
        """``quick`` is the store for all but pieces, with a shorter timeout; ``signer`` knows the outside address."""
        self.url = url
        self._store = store
        self._quick = quick or store
        self._signer = signer or store

    def get(self, name: str, *, size: int) -> memoryview:
        """Return an object of ``size`` bytes, and read none of another size."""
        import obstore

        with self._told(AssetUnavailable):
            found = obstore.get(self._store, name)
            if found.meta["size"] == size:
                return memoryview(found.bytes())
        raise AssetMismatch(f"a piece has {found.meta['size']} bytes instead of {size}", remedy="store it again")

    def get_small(self, name: str, *, most: int) -> bytes | None:
        """Return the object; None where there is none, or one of more than ``most`` bytes."""
        import obstore

        with self._told(AssetUnavailable):
            try:
                found = obstore.get(self._quick, name)
                return bytes(found.bytes()) if found.meta["size"] <= most else None
            except FileNotFoundError:
                return None

    def put(self, name: str, content: bytes | bytearray) -> None:
        """Write the object atomically, in place of an earlier one."""
        import obstore

        with self._told(StorageError):
            _WHILE_BUSY(obstore.put, self._store, name, memoryview(content), use_multipart=False)

    def below(self, prefix: str) -> list[tuple[str, int]]:
        """Return the names and sizes in bytes of all objects below ``prefix``."""
        with self._told(AssetUnavailable):
            return list(self._listed(prefix))

    def each_below(self, prefix: str) -> Iterator[tuple[str, int]]:
        """Yield them page by page, up to one that names what can't be a name here, as strangers may write it."""
        from obstore.exceptions import InvalidPathError

        with self._told(AssetUnavailable), suppress(InvalidPathError):
            yield from self._listed(prefix)

    def first_below(self, prefix: str) -> None:
        """Ask for the first names below ``prefix``."""
        for _ in self.each_below(prefix):
            return

    def folders_below(self, prefix: str) -> list[str]:
        """Return the next part of the names below ``prefix``, which ends with a slash, of those that go on."""
        import obstore

        with self._told(AssetUnavailable):
            found = obstore.list_with_delimiter(self._quick, prefix)["common_prefixes"]
            return [name.rstrip("/").rpartition("/")[2] for name in found]

    def _listed(self, prefix: str) -> Iterator[tuple[str, int]]:
        import obstore

        for page in obstore.list(self._quick, prefix or None, chunk_size=_PAGE):
            yield from ((one["path"], one["size"]) for one in page)

    def delete(self, names: Sequence[str]) -> None:
        """Remove objects; those that are not there are success."""
        import obstore

        with self._told(StorageError):
            try:
                obstore.delete(self._quick, list(names))
            except FileNotFoundError:  # of one alone; Azure and Google tell it
                for name in names:
                    _delete_one(self._quick, name)

    def signed(self, names: Sequence[str], seconds: float) -> list[str]:
        """Return links by which anyone may read the objects for so many seconds."""
        import obstore

        with self._told(StorageError):
            return list(obstore.sign(self._signer, "GET", list(names), timedelta(seconds=seconds)))  # type: ignore[call-overload]

    @staticmethod
    def is_refusal(error: StorageError) -> bool:
        """Return whether the server refused the key, rather than anything else."""
        return error.__cause__ is not None and _is_refusal(error.__cause__)

    @contextmanager
    def _told(self, kind: type[StorageError]) -> Iterator[None]:
        from obstore.exceptions import BaseError

        try:
            yield
        except FileNotFoundError as error:
            told = f"the storage {self.url} has no such object or bucket"
            raise kind(told, remedy=_remedy(error) or "store it again, or check the address") from error
        except BaseError as error:
            reason, remedy = _reason(error), _remedy(error)
            raise kind(f"the storage {self.url} {reason}", remedy=remedy or CHECK_ADDRESS) from error


def open_objects(url: str, access: StorageAccess) -> Objects:
    """Open ``s3://bucket/prefix`` or its like; nothing is sent yet. Raises `InputError` for a bad address."""
    from obstore.exceptions import BaseError

    try:
        address = urlsplit(url)
        if not address.hostname or address.query or address.fragment or address.username:
            raise InputError(f"storage {url}: no bucket and prefix", remedy="write e.g. s3://bucket/network")
        endpoint = access.endpoint or (os.environ.get("AWS_ENDPOINT_URL") if address.scheme == "s3" else None)
        store, quick = (_store(url, access, endpoint, timeout) for timeout in (_TIMEOUT, _QUICK_TIMEOUT))
        signer = _store(url, access, access.outside, _TIMEOUT) if access.outside else None
    except (BaseError, ValueError) as error:
        raise InputError(f"storage {url}: {str(error).splitlines()[0][:200]}", remedy="check its address") from None
    return Objects(url.rstrip("/"), store, quick=quick, signer=signer)


def _store(url: str, access: StorageAccess, endpoint: str | None, timeout: str) -> "ObjectStore":
    from obstore.store import from_url

    config: dict[str, Any] = {}
    match urlsplit(url).scheme:
        case "s3":
            config = {"access_key_id": access.access_key, "secret_access_key": access.secret_key}
            config |= {"region": access.region, "virtual_hosted_style_request": False if endpoint else None}
        case "gs":
            config = {"service_account": str(access.service_account) if access.service_account else None}
        case "az":
            config = {"account_name": access.access_key, "account_key": access.secret_key}
    config["endpoint" if urlsplit(url).scheme != "gs" else "base_url"] = endpoint
    given = {name: value for name, value in config.items() if value is not None}
    options: dict[str, Any] = {"timeout": timeout, "connect_timeout": _CONNECT_TIMEOUT, **_proxy(endpoint)}
    if endpoint and endpoint.startswith("http://"):
        options["allow_http"] = True
    if access.ca is not None:
        options["root_certificate"] = access.ca
    return from_url(url, config=given, client_options=options, retry_config=_RETRIES)  # type: ignore[call-overload,no-any-return]


def _proxy(endpoint: str | None) -> dict[str, str]:
    """Return the options that keep the environment's proxy away from this machine's own addresses."""
    proxies = getproxies()
    named = proxies.get(urlsplit(endpoint).scheme if endpoint else "https")
    if not named:
        return {}
    excluded = ",".join(filter(None, (proxies.get("no"), _LOOPBACK)))
    return {"proxy_url": named if "://" in named else f"http://{named}", "proxy_excludes": excluded}


def _delete_one(store: "ObjectStore", name: str) -> None:
    import obstore

    with suppress(FileNotFoundError):
        obstore.delete(store, name)


def _reason(error: Exception) -> str:
    code = _code(error)
    if _is_refusal(error):
        return f"refuses this key{f' ({code})' if code else ''}"
    if code:
        return f"answers with {code}"
    text = str(error)
    if "UnknownIssuer" in text:
        return UNKNOWN_AUTHORITY
    if "certificate" in text:
        return f"has a certificate that isn't valid: {_certificate_fault(text)}"
    return "didn't answer in time" if "timed out" in text else "doesn't answer"


def _is_refusal(error: BaseException) -> bool:
    from obstore.exceptions import PermissionDeniedError, UnauthenticatedError

    return isinstance(error, PermissionDeniedError | UnauthenticatedError) or _code(error) in REFUSALS


def _remedy(error: Exception) -> str:
    code, text = _code(error), str(error)
    if code:
        return REMEDIES.get(code, "see the server's log")
    if "certificate" in text or "UnknownIssuer" in text:
        return NAME_AUTHORITY
    return ""


def _certificate_fault(text: str) -> str:
    return text.partition("certificate: ")[2].split("\n")[0].strip(' )}"')[:100] or "see the server's log"


def _code(error: BaseException) -> str:
    """Return the code of the server's answer, e.g. ``NoSuchBucket``; empty without one."""
    found = _CODE.search(str(error))
    return (found[1] or found[2]) if found else ""


_WHILE_BUSY = Retrying(
    retry=retry_if_exception(lambda error: _code(error) in _BUSY),
    stop=stop_after_attempt(8),
    wait=wait_random_exponential(multiplier=0.01, max=0.5),
    reraise=True,
)
"""Repeats a request that the server refuses because of another one at the same moment, which obstore doesn't."""
