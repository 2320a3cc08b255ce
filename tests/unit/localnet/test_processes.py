"""A process is distinguished from a later one with the same id, whatever happens to the clock."""

import os
import platform
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from node_runtime.localnet import processes
from node_runtime.localnet.processes import ProcessRecord, birth, stop
from tests.background import LIMIT, ended


def record(pid: int, born: str) -> ProcessRecord:
    return ProcessRecord(name="me", pid=pid, birth=born, log=Path(os.devnull))


def test_a_process_is_known_by_its_id_and_birth() -> None:
    assert record(os.getpid(), birth(os.getpid())).process() == psutil.Process()


def test_another_process_with_the_same_id_is_not_ours() -> None:
    assert record(os.getpid(), f"{birth(os.getpid())}0").process() is None


def test_a_process_that_ended_is_gone() -> None:
    with ended(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)) as child:
        ours = record(child.pid, birth(child.pid))
        assert ours.process() is not None
    assert ours.process() is None
    with pytest.raises(psutil.NoSuchProcess):
        birth(child.pid)


def test_a_process_whose_main_thread_has_ended_still_runs() -> None:
    leaves = "import ctypes, sys, threading; threading.Thread(target=sys.stdin.readline).start()"
    leaves += f"; ctypes.CDLL(None).syscall({93 if platform.machine() == 'aarch64' else 60}, 0)"  # of this thread alone
    with ended(subprocess.Popen([sys.executable, "-c", leaves], stdin=subprocess.PIPE)) as child:
        ours = record(child.pid, birth(child.pid))
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
            assert ours.process() is not None
        assert ours.process() is not None
        child.communicate(b"\n")
        assert ours.process() is None


def test_stopping_does_not_wait_for_the_parent_to_take_note() -> None:
    waits = [sys.executable, "-c", "input()"]
    with ended(subprocess.Popen(waits, stdin=subprocess.PIPE)) as child:  # a zombie until it is polled
        assert stop(record(child.pid, birth(child.pid)), grace=LIMIT)
        assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
        assert child.wait() == -signal.SIGTERM


def test_a_process_that_ignores_signals_is_logged_and_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "SAID_AFTER", 0.05)
    messages: list[str] = []
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); input()"
    with ended(subprocess.Popen([sys.executable, "-c", deaf], stdin=subprocess.PIPE, stdout=subprocess.PIPE)) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"deaf\n"
        assert stop(record(child.pid, birth(child.pid)), grace=0.1, say=messages.append)
        assert child.wait() == -signal.SIGKILL
        (line,) = messages
        assert f"process {child.pid}; in 0.1 s at the latest it is killed" in line


def test_a_clock_that_is_set_makes_no_stranger_of_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = record(os.getpid(), birth(os.getpid()))
    started = psutil.boot_time()
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: started + 3600)  # how Linux shows it
    assert ours.process() is not None
