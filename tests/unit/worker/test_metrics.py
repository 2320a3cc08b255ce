"""Metrics are served at the configured port; timings of every step are recorded, and lost lines do no harm."""

import re
import resource
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from structlog.testing import capture_logs

from node_runtime.domain.task import UNIT
from node_runtime.errors import ConfigError
from node_runtime.worker.metrics import Metrics, Stopwatch, Timings, TimingsFile


def test_a_free_port_is_chosen_logged_and_served() -> None:
    metrics = Metrics()
    with capture_logs() as events:
        metrics.serve(0)
    (line,) = events
    metrics.paid(3 * UNIT)
    with urllib.request.urlopen(line["url"], timeout=120) as answer:
        assert re.search(rb"^node_runtime_paid_units_total 3.0$", answer.read(), re.MULTILINE)


@pytest.mark.parametrize("path", ["/", "/favicon.ico", "/metrics/more"])
def test_another_path_than_that_of_the_metrics_is_not_found(path: str) -> None:
    with capture_logs() as events:
        Metrics().serve(0)
    with pytest.raises(urllib.error.HTTPError, match="404") as refused:
        urllib.request.urlopen(events[0]["url"].removesuffix("/metrics") + path, timeout=120)
    assert refused.value.read() == b"nothing is here; see /metrics\n"


def test_an_attempts_steps_are_one_readable_line() -> None:
    steps = {"claim": 0.6123, "open_workspace": 0.0021, "run_train": 71.0}
    timings = Timings(task=1, epoch=1, kind="training", outcome="done", ended=0, steps=steps)
    assert timings.summary() == "claim 0.6 s, run_train 71.0 s"


def test_a_taken_port_is_an_error_with_a_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"metrics_port: 127.0.0.1:{port} can't be listened at") as refused:
            Metrics().serve(port)
    assert refused.value.remedy == "name another one, or 0 for any that is free"


def test_every_step_is_in_the_file_and_in_the_metrics_even_when_it_raised(tmp_path: Path) -> None:
    metrics, file = Metrics(), TimingsFile(tmp_path / "timings.jsonl")
    watch = Stopwatch(seen=time.monotonic(), observe=metrics.step)
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
