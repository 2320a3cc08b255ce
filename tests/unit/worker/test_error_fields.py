"""An error is one short log event with reason, remedy or place."""

from node_runtime.domain.units import read_size
from node_runtime.errors import HostError
from node_runtime.worker.logging import error_fields


def unexpected(text: str) -> Exception:
    try:
        read_size(text)
    except Exception as error:
        return error
    raise AssertionError("it was read")


def test_an_unexpected_error_is_described_by_type_and_frames() -> None:
    output = error_fields(unexpected("x" * 5000))
    assert output["reason"].startswith("ValueError: ")
    assert len(output["reason"]) <= 600
    assert "units.py:" in output["at"]
    assert "read_size" in output["at"]
    assert len(output["at"]) < 600


def test_one_of_our_own_errors_says_all_in_its_message_and_remedy() -> None:
    assert error_fields(HostError("the disk is full", remedy="free some")) == {
        "reason": "the disk is full",
        "remedy": "free some",
    }
