"""Classification of exit statuses: categories, messages and hints."""

from dataclasses import replace

import pytest

from node_runtime.engines.docker.exit_status import ExitStatus, Stop, classify_exit, moment, start_failure_message
from node_runtime.errors import FailureCategory

UNFIT = 'during container init: error mounting "/node/out" to rootfs at "/sandbox/model"'


def ended(
    exit_code: int = 0,
    *,
    out_of_memory: bool = False,
    seconds: float = 1,
    full: bool = False,
    stopped: Stop | None = None,
) -> ExitStatus:
    return ExitStatus(exit_code=exit_code, out_of_memory=out_of_memory, seconds=seconds, full=full, stopped=stopped)


@pytest.mark.parametrize(
    ("ending", "category"),
    [
        (ended(), None),
        (ended(out_of_memory=True), None),
        (ended(3), FailureCategory.TASK_ERROR),
        (ended(137), FailureCategory.OUT_OF_MEMORY),
        (ended(137, out_of_memory=True), FailureCategory.OUT_OF_MEMORY),
        (ended(0, seconds=11), FailureCategory.TIMEOUT),
        (ended(143, stopped=Stop.TIMEOUT), FailureCategory.TIMEOUT),
        (ended(0, full=True), FailureCategory.OUTPUT_TOO_LARGE),
        (ended(137, stopped=Stop.TOO_LARGE), FailureCategory.OUTPUT_TOO_LARGE),
        (ended(137, stopped=Stop.SCRATCH_FULL), FailureCategory.TASK_ERROR),
        (ended(143, full=True, stopped=Stop.REQUESTED), FailureCategory.NODE_ERROR),
    ],
)
def test_what_was_seen_decides_the_category(ending: ExitStatus, category: FailureCategory | None) -> None:
    found, message = classify_exit(ending, timeout=10, memory=64 << 20)
    assert found == category
    assert bool(message) == (category is not None)


@pytest.mark.parametrize(
    ("exit_code", "word"),
    [(126, "executed"), (127, "not found"), (132, "processor"), (135, "/dev/shm"), (139, "memory"), (143, "SIGTERM"),
     (153, "larger")],
)  # fmt: skip
def test_exit_codes_are_told_in_words(exit_code: int, word: str) -> None:
    found, message = classify_exit(ended(exit_code), timeout=10, memory=64 << 20)
    assert found is FailureCategory.TASK_ERROR
    assert str(exit_code) in message
    assert word in message


def test_a_kill_is_told_with_the_memory_there_was() -> None:
    assert "64 MiB" in classify_exit(ended(137), timeout=10, memory=64 << 20)[1]


@pytest.mark.parametrize("exit_code", [126, 127])
def test_an_image_with_only_a_cmd_is_told_to_have_an_entrypoint(exit_code: int) -> None:
    _, message = classify_exit(replace(ended(exit_code), program="train"), timeout=10, memory=64 << 20)
    assert "ENTRYPOINT" in message
    assert "'train'" in message


@pytest.mark.parametrize(
    ("printed", "hint"),
    [
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "no network here"),
        ("curl: (6) Could not resolve host: example.org", "no network here"),
        ("Failed to establish a new connection: [Errno 101] Network is unreachable", "no network here"),
        ("OSError: [Errno 28] No space left on device", "limits.scratch"),
        ("OSError: [Errno 27] File too large", "no file may be longer"),
        ("OSError: [Errno 30] Read-only file system: '/root/.cache'", "read-only"),
        ("RuntimeError: can't start new thread", "fewer workers"),
    ],
)
def test_what_was_printed_gives_a_hint_and_changes_no_category(printed: str, hint: str) -> None:
    for exit_code, category in ((1, FailureCategory.TASK_ERROR), (0, None)):
        found, message = classify_exit(replace(ended(exit_code), printed=printed), timeout=10, memory=64 << 20)
        assert found is category
        assert (hint in message) is (category is not None)


def test_what_was_full_is_named() -> None:
    _, message = classify_exit(replace(ended(1), full_scratch=("/tmp", "/task")), timeout=10, memory=64 << 20)
    assert "/tmp and /task" in message


@pytest.mark.parametrize(
    ("ending", "possible"),
    [
        (ended(137), True),
        (ended(1), True),  # it exited in its own way after the engine's TERM
        (ended(0), False),
        (ended(137, out_of_memory=True), False),
        (ended(143, stopped=Stop.TIMEOUT), False),
        (ended(1, full=True), False),
    ],
)
def test_what_nobody_ended_may_have_ended_with_its_engine(ending: ExitStatus, *, possible: bool) -> None:
    assert ending.may_be_external is possible


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ('exec: "train": executable file not found in $PATH: unknown', "program was not found"),
        ('exec: "/data": permission denied: unknown', "may not be executed"),
        ("No command specified", "names no program"),
        (f"{UNFIT} procfd: open /data/merged/sandbox/model: not a directory", "/sandbox/model"),
        ("during container init: mkdir /data/merged/work: no space left on device", "conflicts with a mount"),
        ("something that no engine has said before, in /data/merged", "conflicts with a mount"),
    ],
)
def test_of_a_start_that_failed_it_is_told_why_in_words_of_our_own_and_nothing_of_this_machine(
    said: str, told: str
) -> None:
    found = start_failure_message(said, targets={"/sandbox/model"})
    assert told in found
    assert "/data" not in found
    assert "/node" not in found


def test_a_place_that_nothing_is_mounted_at_is_not_told() -> None:
    assert "/sandbox/model" not in start_failure_message(UNFIT, targets={"/sandbox/bundle"})


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1970-01-01T00:00:09.25Z", 9.25),
        ("1970-01-01T00:00:09", 9),
        ("1970-01-01T01:00:09.250000001+01:00", 9.250000001),
        ("1969-12-31T19:00:09-05:00", 9),
    ],
)
def test_an_engine_s_time_has_any_zone(text: str, seconds: float) -> None:
    assert moment(text) == pytest.approx(seconds, abs=1e-9)
