"""Does the audit file betray every change?"""

import resource
import signal
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node_runtime.daemon.audit import Audit, Deed, verified
from node_runtime.errors import InputError


def written(path: Path) -> list[bytes]:
    audit = Audit(path)
    audit.record(Deed.CLAIM, task=1, epoch=1)
    audit.record(Deed.RUN, task=1, epoch=1, detail="exit 0 – größer")
    audit.record(Deed.PAYMENT, task=1, epoch=1, detail="10 UNIT")
    audit.close()
    return path.read_bytes().splitlines(keepends=True)


def test_an_untouched_file_verifies_and_grows_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    written(path)
    assert len(verified(path)) == 3
    written(path)
    assert len(verified(path)) == 6


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
        verified(path)


def test_a_line_torn_by_a_power_cut_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    first, second, third = written(path)
    path.write_bytes(first + second + third[:20])
    audit = Audit(path)
    audit.record(Deed.HAND_BACK, task=2, epoch=1)
    audit.close()
    assert len(verified(path)) == 3


def test_a_line_that_is_just_being_written_is_not_taken_for_a_change(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    first, second, third = written(path)
    path.write_bytes(first + second + third[:20])
    assert [entry.deed for entry in verified(path)] == [Deed.CLAIM, Deed.RUN]


def test_what_is_recorded_after_the_end_goes_nowhere(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit.jsonl")
    audit.record(Deed.CLAIM, task=1)
    audit.close()
    with (tmp_path / "other").open("wb"), capture_logs() as told:  # gets the number of the file that was closed
        audit.record(Deed.RUN, task=1)
    assert [one["event"] for one in told] == ["audit_waits"]
    assert (tmp_path / "other").read_bytes() == b""
    assert len(verified(tmp_path / "audit.jsonl")) == 1


def test_what_the_disk_does_not_take_is_written_whole_once_there_is_room(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    audit = Audit(path)
    audit.record(Deed.CLAIM, task=1, epoch=1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, before[1]))
    try:
        with capture_logs() as told:  # whatever they are written to has the limit too
            audit.record(Deed.RUN, task=1, epoch=1)
            audit.record(Deed.UPLOAD, task=1, epoch=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert [one["event"] for one in told] == ["audit_waits", "audit_waits"]
    assert len(verified(path)) == 1
    audit.record(Deed.PAYMENT, task=1, epoch=1)
    audit.close()
    assert len(verified(path)) == 4
