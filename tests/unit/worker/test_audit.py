"""Verification of the audit file detects every change and every signature by another key."""

import hashlib
import json
import resource
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from substrateinterface import Keypair, KeypairType

from node_runtime.errors import HostError, InputError
from node_runtime.worker.audit import Audit, AuditEntry, AuditEvent
from node_runtime.worker.audit_check import mark, summary, verified
from tests.node_key import NodeKey, development_key
from tests.stored import unpack_stored

NODE, STRANGER = development_key("Bob"), development_key("Mallory")


def written(path: Path, key: NodeKey = NODE) -> list[bytes]:
    audit = Audit(path, key)
    audit.record(AuditEvent.CLAIM, task=1, epoch=1)
    audit.record(AuditEvent.RUN, task=1, epoch=1, detail="exit 0 – größer")
    audit.record(AuditEvent.PAYMENT, task=1, epoch=1, detail="10 UNIT")
    audit.close()
    return path.read_bytes().splitlines(keepends=True)


def read(path: Path) -> tuple[AuditEntry, ...]:
    return verified(path, {NODE.account})


def test_an_untouched_file_verifies_and_grows_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    written(path)
    assert len(read(path)) == 3
    written(path)
    assert len(read(path)) == 6


def test_a_key_of_the_other_scheme_signs_too(tmp_path: Path) -> None:
    key = NodeKey(Keypair.create_from_seed("0x" + "07" * 32, ss58_format=42, crypto_type=KeypairType.ED25519))
    written(tmp_path / "audit.jsonl", key)
    assert len(verified(tmp_path / "audit.jsonl", {key.account})) == 3


@pytest.mark.parametrize("broken", ["changed", "removed", "swapped", "inserted", "first removed", "spaces added"])
def test_any_change_is_found(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "audit.jsonl"
    first, second, third = written(path)
    path.write_bytes(
        {
            "changed": first.replace(b"claim", b"rejection") + second + third,
            "removed": first + third,
            "swapped": first + third + second,
            "inserted": first + first + second + third,
            "first removed": second + third,
            "spaces added": first + second + third.replace(b",", b", ", 1),
        }[broken]
    )
    with pytest.raises(InputError, match=r"audit\.jsonl:\d+: the audit file was changed"):
        read(path)


def chained(entries: list[AuditEntry], finish: Callable[[AuditEntry], AuditEntry]) -> bytes:
    """Forge lines in the right format with a valid hash chain."""
    previous, lines = "0" * 64, b""
    for entry in entries:
        line = finish(entry.model_copy(update={"previous": previous})).encode()
        previous, lines = hashlib.sha256(line).hexdigest(), lines + line
    return lines


FORGERIES: dict[str, tuple[Callable[[AuditEntry], AuditEntry], str]] = {
    "signatures kept": (lambda entry: entry, "its signature isn't its signer's"),
    "signed by another": (lambda entry: entry.signed_by(STRANGER), "not by this node's key"),
    "another's signature in the node's name": (
        lambda entry: entry.signed_by(STRANGER).model_copy(update={"signer": NODE.account}),
        "its signature isn't its signer's",
    ),
    "without signatures": (
        lambda entry: entry.model_copy(update={"version": 0, "signer": None, "signature": None}),
        "none of its lines is signed",
    ),
    "a version without a signature": (
        lambda entry: entry.model_copy(update={"signature": None}),
        "its signature isn't its signer's",
    ),
    "no signature at all": (
        lambda entry: entry.model_copy(update={"signature": "01zz"}),
        "its signature isn't its signer's",
    ),
    "another scheme": (lambda entry: entry.model_copy(update={"signature": "07" + "00" * 64}), "isn't its signer's"),
}


@pytest.mark.parametrize("forgery", list(FORGERIES))
def test_a_file_that_is_written_anew_without_the_key_does_not_verify(tmp_path: Path, forgery: str) -> None:
    path = tmp_path / "audit.jsonl"
    written(path)
    finish, reason = FORGERIES[forgery]
    entries = [entry.model_copy(update={"detail": "1000 UNIT"}) for entry in read(path)]
    path.write_bytes(chained(entries, finish))
    with pytest.raises(InputError, match=reason):
        read(path)


def test_a_key_that_the_node_had_before_is_named_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    written(path, STRANGER)
    written(path)
    with pytest.raises(InputError) as refused:
        read(path)
    assert f"--signer {STRANGER.account}" in refused.value.remedy
    assert len(verified(path, {NODE.account, STRANGER.account})) == 6


def test_lines_of_a_release_that_did_not_sign_stay_and_are_marked(tmp_path: Path) -> None:
    stored = unpack_stored(tmp_path / "stored")
    path = stored.work / "audit.jsonl"
    old = path.read_bytes()
    with pytest.raises(InputError, match="none of its lines is signed") as refused:
        read(path)
    assert "start the daemon" in refused.value.remedy
    written(path)
    assert path.read_bytes().startswith(old)
    entries = read(path)
    assert [entry.version for entry in entries] == [0] * 8 + [1] * 4
    assert entries[8].deed is AuditEvent.SIGNING_BEGINS
    assert [mark(entry) for entry in entries[7:9]] == ["[not signed] ", ""]
    assert "12 lines, each follows from the one before; 4 are signed by the node, the first 8 are not" in summary(
        entries
    )
    written(path)
    assert [entry.deed for entry in read(path)].count(AuditEvent.SIGNING_BEGINS) == 1


def test_a_change_of_unsigned_lines_is_detected_at_the_first_signed_line(tmp_path: Path) -> None:
    path = unpack_stored(tmp_path / "stored").work / "audit.jsonl"
    written(path)
    entries = read(path)
    forged = [entry.model_copy(update={"detail": "1000 UNIT"}) for entry in entries[:8]]
    path.write_bytes(chained(forged, lambda entry: entry) + b"".join(entry.encode() for entry in entries[8:]))
    with pytest.raises(InputError, match=r"audit\.jsonl:9: .* it doesn't follow"):
        read(path)


def test_an_unsigned_line_after_signed_ones_is_found(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    lines = written(path)
    digest = hashlib.sha256(lines[-1]).hexdigest()
    with path.open("ab") as file:
        file.write(AuditEntry(at=1, deed=AuditEvent.PAYMENT, task=1, previous=digest).encode())
    with pytest.raises(InputError, match=r"audit\.jsonl:4: .* its signature"):
        read(path)


def test_the_summary_names_the_last_digest_against_truncation(tmp_path: Path) -> None:
    lines = written(tmp_path / "audit.jsonl")
    output = summary(read(tmp_path / "audit.jsonl"))
    assert hashlib.sha256(lines[-1]).hexdigest() in output
    assert "lines cut off" in output


def test_a_line_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    line = json.loads(written(path)[0]) | {"version": 900, "more": 1}
    path.write_text(json.dumps(line) + "\n")
    with pytest.raises(HostError, match="version 900, which a newer release wrote"):
        read(path)


@pytest.mark.parametrize("line", [b"[]\n", b"null\n", b'{"version": "1"}\n', b"[" * 100_000 + b"\n", b"\xff\n"])
def test_an_invalid_line_is_reported_as_a_change(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "audit.jsonl").write_bytes(line)
    with pytest.raises(InputError, match="it is not an audit entry"):
        read(tmp_path / "audit.jsonl")


def test_a_line_torn_by_a_power_cut_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    first, second, third = written(path)
    path.write_bytes(first + second + third[:20])
    audit = Audit(path, NODE)
    audit.record(AuditEvent.HAND_BACK, task=2, epoch=1)
    audit.close()
    assert len(read(path)) == 3


def test_a_line_that_is_just_being_written_is_not_taken_for_a_change(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    first, second, third = written(path)
    path.write_bytes(first + second + third[:20])
    assert [entry.deed for entry in read(path)] == [AuditEvent.CLAIM, AuditEvent.RUN]


def test_entries_recorded_after_close_are_discarded(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl", NODE)
    audit.record(AuditEvent.CLAIM, task=1)
    audit.close()
    with (tmp_path / "other").open("wb"), capture_logs() as events:  # gets the number of the file that was closed
        audit.record(AuditEvent.RUN, task=1)
    assert [one["event"] for one in events] == ["audit_write_failed"]
    assert (tmp_path / "other").read_bytes() == b""
    assert len(read(tmp_path / "audit.jsonl")) == 1


@pytest.mark.parametrize("replaced", [False, True])
def test_a_moved_file_is_logged_and_the_new_one_names_its_last_digest(tmp_path: Path, replaced: bool) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path, NODE)
    audit.record(AuditEvent.CLAIM, task=1, epoch=1)
    path.rename(tmp_path / "away")
    if replaced:
        path.touch()
    with capture_logs() as events:
        audit.check_file()
        audit.check_file()
    assert [(one["event"], one["file"]) for one in events] == [("audit_moved", str(path))]
    audit.record(AuditEvent.RUN, task=1, epoch=1)
    audit.close()
    moved, run = read(path)
    assert (moved.deed, run.deed) == (AuditEvent.FILE_MOVED, AuditEvent.RUN)
    (kept,) = read(tmp_path / "away")
    assert hashlib.sha256(kept.encode()).hexdigest() in moved.detail


def test_a_move_is_noticed_by_the_next_line_too_which_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path, NODE)
    path.unlink()
    with capture_logs() as events:
        audit.record(AuditEvent.CLAIM, task=1, epoch=1)
    audit.close()
    assert [one["event"] for one in events] == ["audit_moved"]
    assert [entry.deed for entry in read(path)] == [AuditEvent.FILE_MOVED, AuditEvent.CLAIM]


def test_lines_wait_while_the_work_folder_is_away(tmp_path: Path) -> None:
    work = tmp_path / "work"
    audit = Audit(work / "audit.jsonl", NODE)
    work.rename(tmp_path / "away")
    work.touch()  # no folder can be made there
    with capture_logs() as events:
        audit.record(AuditEvent.CLAIM, task=1, epoch=1)
        audit.check_file()
    assert [one["event"] for one in events] == ["audit_moved", "audit_write_failed"]
    work.unlink()
    audit.check_file()
    audit.record(AuditEvent.RUN, task=1, epoch=1)
    audit.close()
    assert [entry.deed for entry in read(work / "audit.jsonl")] == [
        AuditEvent.CLAIM,
        AuditEvent.FILE_MOVED,
        AuditEvent.RUN,
    ]


def test_a_truncated_file_is_logged_once_and_does_not_verify(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path, NODE)
    for task in (1, 2):
        audit.record(AuditEvent.CLAIM, task=task, epoch=1)
    first, _ = path.read_bytes().splitlines(keepends=True)
    with path.open("r+b") as file:
        file.truncate(len(first))
    with capture_logs() as events:
        audit.record(AuditEvent.CLAIM, task=3, epoch=1)
        audit.check_file()
    audit.close()
    assert [one["event"] for one in events] == ["audit_changed"]
    with pytest.raises(InputError, match=r"audit\.jsonl:2: .* it doesn't follow"):
        read(path)


def test_lines_are_buffered_while_the_disk_is_full_and_written_whole_later(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path, NODE)
    audit.record(AuditEvent.CLAIM, task=1, epoch=1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, before[1]))
    try:
        with capture_logs() as events:  # whatever they are written to has the limit too
            audit.record(AuditEvent.RUN, task=1, epoch=1)
            audit.record(AuditEvent.UPLOAD, task=1, epoch=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert [one["event"] for one in events] == ["audit_write_failed", "audit_write_failed"]
    assert len(read(path)) == 1
    audit.record(AuditEvent.PAYMENT, task=1, epoch=1)
    audit.close()
    assert len(read(path)) == 4
