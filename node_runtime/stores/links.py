"""Links by which a tree can be fetched without a key, for a while: each piece by a signed address.

A link is the signed address of a list of the pieces' signed addresses, then ``#`` and the tree's digest, by which what
comes is verified. The list lies beside the account's copies of the tree, ``…/links/<end>-<random>``; those that have
ended are removed with the next link.
"""

import json
import secrets
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urlsplit

import urllib3

from node_runtime.domain.assets import Digest
from node_runtime.domain.clock import wall_clock
from node_runtime.errors import AssetMismatch, AssetUnavailable, InputError

from .failures import connection_failure
from .object_client import Objects
from .pieces import IN_FLIGHT, joined
from .tree.manifest import check_digest
from .tree.packed import read_manifest
from .tree.reading import check_absent, write_tree

LONGEST = 7 * 86_400  # seconds that S3 allows
_VERSION = 1
_LARGEST_LIST = 64 << 20  # bytes
_LARGEST_PIECE = 1 << 30  # bytes
_TIMEOUT = urllib3.Timeout(connect=5, read=60)
_ASK = "ask who made the link for a new one"


def make_link(objects: Objects, digest: Digest, pieces: list[str], place: str, seconds: int) -> str:
    """Return a link to the tree of these objects; ``place`` is the folder where its list is put."""
    now = wall_clock() // 1000
    ended = [name for name, _ in objects.below(place) if _end_of(name) < now]
    if ended:
        objects.delete(ended)
    name = f"{place}{now + seconds}-{secrets.token_hex(16)}"
    listed = {"version": _VERSION, "pieces": objects.signed(pieces, seconds)}
    objects.put(name, json.dumps(listed).encode())
    (link,) = objects.signed([name], seconds)
    return f"{link}#{digest}"


def is_link(text: str) -> bool:
    return text.startswith(("https://", "http://"))


def fetch_link(link: str, target: Path, *, ca: str | None = None) -> Digest:
    """Write the tree to `target`, which must not exist: all of it, verified, or nothing; return its digest.

    ``ca`` is a PEM certificate of an authority of the reader's own. Raises `InputError` for what is no link,
    `AssetUnavailable` for one that has ended, `AssetMismatch` where it leads to something else.
    """
    address, digest = urldefrag(link)
    if not urlsplit(address).hostname or not digest:
        raise InputError("this link has no digest at its end", remedy="copy it whole, up to 64 digits after a '#'")
    check_absent(target)
    trusted: dict[str, Any] = {"ca_cert_data": ca} if ca is not None else {}
    with urllib3.PoolManager(maxsize=IN_FLIGHT, timeout=_TIMEOUT, retries=urllib3.Retry(3), **trusted) as http:
        listed = _got(http, address, most=_LARGEST_LIST)
        pieces = _pieces(listed, urlsplit(address).netloc, check_digest(digest))
        fetched = joined(lambda piece: _got(http, piece, most=_LARGEST_PIECE), pieces, stop=None, ahead=IN_FLIGHT)
        with closing(fetched) as stream:
            write_tree(stream, read_manifest(stream, Digest(digest)), target)
    return Digest(digest)


def _pieces(listed: bytes, host: str, digest: str) -> list[str]:
    """Return the listed addresses, all of the host itself: the list may be a stranger's."""
    try:
        found = json.loads(listed)
        pieces = [str(one) for one in found["pieces"]]
        if found["version"] == _VERSION and all(is_link(one) and urlsplit(one).netloc == host for one in pieces):
            return pieces
    except (ValueError, KeyError, TypeError):
        pass
    raise AssetMismatch(f"the link to tree {digest} leads to no list of its pieces", remedy=_ASK)


def _got(http: urllib3.PoolManager, address: str, *, most: int) -> bytes:
    host = urlsplit(address).netloc
    try:
        answer = http.request("GET", address, preload_content=False, redirect=False)
        with closing(answer):
            if answer.status != 200:
                raise AssetUnavailable(
                    f"{host} answers with {answer.status}: the link has ended, or what it leads to is gone", remedy=_ASK
                )
            content = answer.read(most + 1)
    except urllib3.exceptions.HTTPError as error:
        failure = connection_failure(error, "check the network, then repeat")
        raise AssetUnavailable(f"{host} {failure.reason}", remedy=failure.remedy) from error
    if len(content) > most:
        raise AssetMismatch(f"{host} sends more than {most} bytes", remedy=_ASK)
    return bytes(content)


def _end_of(name: str) -> int:
    end = name.rpartition("/")[2].partition("-")[0]
    return int(end) if end.isdecimal() else 0
