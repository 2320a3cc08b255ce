"""Timings of every step are recorded, and lost lines do no harm."""

import resource
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from node_runtime.worker.metrics import Metrics
from node_runtime.worker.timings import Stopwatch, Timings, TimingsFile


def test_an_attempts_steps_are_one_readable_line() -> None:
    steps = {"claim": 0.6123, "open_workspace": 0.0021, "run_train": 71.0}
    timings = Timings(task=1, epoch=1, kind="training", outcome="done", ended=0, steps=steps)
    assert timings.summary() == "claim 0.6 s, run_train 71.0 s"


def test_every_step_is_in_the_file_and_in_the_metrics_even_when_it_raised(tmp_path: Path) -> None:
    metrics, file = Metrics(), TimingsFile(tmp_path / "timings.jsonl")
    watch = Stopwatch(seen=time.monotonic(), observe=metrics.step)
    watch.claimed()
    with watch.step("fetch_inputs"):
        pass
    with pytest.raises(RuntimeError), watch.step("collect"):
        raise RuntimeError
    watch.container_ended(seconds=0.0)
    watch.on_chain()
    file.append(watch.done(task=7, epoch=1, kind="training", outcome="done"))
    (timings,) = file.read()
    assert list(timings.steps) == ["claim", "fetch_inputs", "collect", "seen_to_started", "exit_to_chain", "whole"]
    assert b'node_runtime_step_seconds_count{step="collect"} 1.0' in generate_latest(metrics.registry)


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """Limit the size of this process's files."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_disk_that_is_full_loses_a_line_and_nothing_else(tmp_path: Path) -> None:
    file = TimingsFile(tmp_path / "timings.jsonl")
    timings = Stopwatch(seen=time.monotonic(), observe=lambda _name, _seconds: None)
    first, lost, last = (timings.done(task=task, epoch=1, kind="training", outcome="done") for task in (1, 2, 3))
    file.append(first)
    with capture_logs() as events, disk_with_room_for((tmp_path / "timings.jsonl").stat().st_size + 20):
        file.append(lost)
    assert [one["event"] for one in events] == ["timings_lost"]
    file.append(last)
    assert [one.task for one in file.read()] == [1, 3]


def test_the_file_keeps_the_newer_half_when_it_outgrows_its_cap(tmp_path: Path) -> None:
    file = TimingsFile(tmp_path / "timings.jsonl", cap=2_000)
    for task in range(1, 101):
        watch = Stopwatch(seen=time.monotonic(), observe=lambda _name, _seconds: None)
        file.append(watch.done(task=task, epoch=1, kind="training", outcome="done"))
    kept = [timings.task for timings in file.read()]
    assert kept[-1] == 100
    assert kept == list(range(kept[0], 101))
    assert (tmp_path / "timings.jsonl").stat().st_size <= 2_000
