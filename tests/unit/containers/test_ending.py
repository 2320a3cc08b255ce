"""Is it told rightly how a container ended?"""

import pytest

from node_runtime.containers.ending import Ending, Stop, judge, judge_start, may_be_the_engines, told_of_start
from node_runtime.errors import FailureCategory

UNFIT = 'during container init: error mounting "/node/out" to rootfs at "/sandbox/model"'


def ended(
    exit_code: int = 0,
    *,
    out_of_memory: bool = False,
    seconds: float = 1,
    full: bool = False,
    stopped: Stop | None = None,
) -> Ending:
    return Ending(exit_code=exit_code, out_of_memory=out_of_memory, seconds=seconds, full=full, stopped=stopped)


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
        (ended(143, full=True, stopped=Stop.REQUESTED), FailureCategory.POLICY),
    ],
)
def test_what_was_seen_decides_the_category(ending: Ending, category: FailureCategory | None) -> None:
    found, message = judge(ending, timeout=10, memory=64 << 20)
    assert found == category
    assert bool(message) == (category is not None)


@pytest.mark.parametrize(
    ("ending", "possible"),
    [
        (ended(137), True),
        (ended(1), True),  # it heard the engine's TERM, and ended in its own way
        (ended(0), False),
        (ended(137, out_of_memory=True), False),
        (ended(143, stopped=Stop.TIMEOUT), False),
        (ended(1, full=True), False),
    ],
)
def test_what_nobody_ended_may_have_ended_with_its_engine(ending: Ending, *, possible: bool) -> None:
    assert may_be_the_engines(ending) is possible


@pytest.mark.parametrize(
    ("said", "category", "exit_code"),
    [
        ('exec: "train": executable file not found in $PATH: unknown', FailureCategory.TASK_ERROR, 127),
        ('exec: "/data": permission denied: unknown', FailureCategory.TASK_ERROR, 126),
        ("container init was OOM-killed (memory limit too low?): unknown", FailureCategory.OUT_OF_MEMORY, 137),
        ("No command specified", FailureCategory.TASK_ERROR, 125),
        (f"{UNFIT} procfd: open /data/merged/sandbox/model: not a directory", FailureCategory.TASK_ERROR, 125),
        ("error creating overlay mount: no space left on device", None, 128),
        (f"{UNFIT}: permission denied", None, 128),
        ("during container init: mkdir /data/merged/work: no space left on device", None, 128),
        ('invalid mount config for type "bind": bind source path does not exist: /node/out', None, 128),
    ],
)
def test_a_start_that_failed_is_the_tasks_fault_or_ours(
    said: str, category: FailureCategory | None, exit_code: int
) -> None:
    assert judge_start(said) == (category, exit_code)


def test_of_an_image_that_is_in_its_own_way_it_is_told_where_and_nothing_of_this_machine() -> None:
    told = told_of_start(f"{UNFIT}: open /data/merged/sandbox/model: not a directory")
    assert "/sandbox/model" in told
    assert "/node" not in told
    assert "/data" not in told
