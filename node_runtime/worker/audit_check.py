"""Verification of an audit file: the hash chain of its lines and the signatures of the node's key."""

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path

from pydantic import ValidationError

from node_runtime.domain.assets import Account
from node_runtime.errors import InputError

from .audit import FIRST, FORMAT, AuditEntry


def verified(path: Path, signers: Collection[Account]) -> tuple[AuditEntry, ...]:
    """Verify the file and return its entries, oldest first. Unsigned lines are accepted at its beginning only.

    Raises `InputError` at the first line that breaks the hash chain or isn't signed by one of the ``signers``, and for
    a file without any signed line. An incomplete last line is ignored: a daemon may be writing it.
    """
    previous, entries = FIRST, list[AuditEntry]()
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                break
            entry = _decoded(path, number, line)
            if entry.previous != previous:
                raise _broken(path, number, "it doesn't follow from the line before")
            if entry.version or (entries and entries[-1].version):
                _check_signature(path, number, entry, signers)
            previous = hashlib.sha256(line).hexdigest()
            entries.append(entry)
    if entries and not entries[-1].version:
        raise InputError(
            f"{path}: none of its lines is signed: an earlier release wrote it, or the file was rewritten",
            remedy="start the daemon, which signs from then on; the lines before that prove nothing",
        )
    return tuple(entries)


def mark(entry: AuditEntry) -> str:
    """Return the prefix for the detail of an unsigned line; empty for a signed one."""
    return "" if entry.version else "[not signed] "


def summary(entries: Sequence[AuditEntry]) -> str:
    """Summarise what the verified lines prove and what they don't."""
    if not entries:
        return "no lines"
    unsigned = sum(not entry.version for entry in entries)
    proven = f"{len(entries)} lines, each follows from the one before; {len(entries) - unsigned} are signed by the node"
    if unsigned:
        proven += f", the first {unsigned} are not and prove nothing"
    digest = hashlib.sha256(entries[-1].encode()).hexdigest()
    return f"{proven}\nthe last line's digest is {digest}: lines cut off after a line that you know by it are missed"


def _decoded(path: Path, number: int, line: bytes) -> AuditEntry:
    try:
        content = json.loads(line)
        found = content.get("version", 0) if isinstance(content, dict) else 0
        FORMAT.pending(found if isinstance(found, int) else 0, path)
        entry = AuditEntry.model_validate(content)
    except (ValidationError, ValueError, RecursionError) as error:
        raise _broken(path, number, "it is not an audit entry") from error
    if entry.encode() != line:
        raise _broken(path, number, "it isn't written as the daemon writes it")
    return entry


def _check_signature(path: Path, number: int, entry: AuditEntry, signers: Collection[Account]) -> None:
    if not entry.is_signed():
        raise _broken(path, number, "its signature isn't its signer's")
    if entry.signer not in signers:
        raise InputError(
            f"{path}:{number}: signed by {entry.signer}, not by this node's key",
            remedy=f"if the node had that key before, name it: --signer {entry.signer}; else the file was forged",
        )


def _broken(path: Path, number: int, reason: str) -> InputError:
    return InputError(
        f"{path}:{number}: the audit file was changed: {reason}",
        remedy="compare it with a backup; lines from there on prove nothing",
    )
