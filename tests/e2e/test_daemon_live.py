"""A running task is seen while it runs: its stage, and unless its data are private what it prints."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node_runtime.creator.live import LiveLog, newest_chunk, progress_of
from node_runtime.domain.task import Assignment, TaskId
from node_runtime.runner.live_chunk import Chunk
from tests.background import LIMIT, ended, in_background, wait_until
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import TRAIN, WAITS, World, wait_for
from tests.e2e.test_daemon_private import private_sample

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker]

SLOWLY = f"echo the first line; {WAITS}; echo the last line; {TRAIN}"
TWICE = "until test -e /tmp/on; do sleep 0.1; done"


@contextmanager
def command(world: World, *words: str) -> Iterator["subprocess.Popen[str]"]:
    """A command of the creator, whose output is read as it comes."""
    named = ("--chain", world.devnet.url, "--storage", str(world.storage), "--key", "//Alice")
    with ended(
        subprocess.Popen(
            [sys.executable, "-m", "node_runtime", *words, *named],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            env=os.environ | {"NODE_RUNTIME_HOME": str(world.folder / "home")},
        )
    ) as process:
        yield process


def told(world: World, daemon: DaemonProcess, task: TaskId) -> dict[str, str]:
    """The stages that the node tells of, with their logs."""
    attempt = world.chain.assignment(daemon.account, task)
    if attempt is None:
        return {}
    return {stage.name: stage.text for stage in LiveLog(world.store.live, attempt, world.chain.genesis).read()}


def attempt_at(world: World, daemon: DaemonProcess, task: TaskId, stage: str) -> Assignment:
    """Wait until the node tells that its attempt is at the stage."""

    def there() -> Assignment | None:
        attempt = world.chain.assignment(daemon.account, task)
        newest = newest_chunk(world.store.live, attempt, world.chain.genesis) if attempt is not None else None
        return attempt if newest is not None and newest.stage == stage else None

    return wait_for(there, f"task {task} to be at {stage}")


def assert_nothing_is_told_any_more(world: World) -> None:
    wait_until(lambda: world.store.live.list("live/") == (), "the channel to be empty")


def test_what_a_task_prints_is_followed_before_it_ends(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    task = world.train(SLOWLY)
    with command(world, "logs", "-f", str(task)) as process:
        assert process.stdout is not None
        lines = process.stdout
        seen = in_background(lambda: next(line for line in lines if "the first line" in line))
        assert seen.result(LIMIT) == "  the first line\n"
        attempt = world.chain.assignment(daemon.account, task)
        assert attempt is not None
        (progress,) = progress_of([attempt], world.chain, world.store)
        assert (progress.stage, progress.epoch) == ("train", attempt.epoch)
        daemon.let_go(task)
        rest = in_background(lines.read).result(LIMIT)
        assert process.wait(LIMIT) == 0
    assert rest.count("the last line") == 1
    assert "the first line" not in rest
    assert_nothing_is_told_any_more(world)


def test_of_private_data_the_stage_is_told_without_a_word(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    asset = private_sample(world, daemon, tmp_path / "sample", f"echo a secret; {SLOWLY}")
    task = world.train(sample=asset)
    attempt_at(world, daemon, task, "train")
    assert set(told(world, daemon, task).values()) == {""}
    for name in world.store.live.list("live/"):
        assert b"secret" not in (world.store.live.read(name) or b"")
    daemon.let_go(task)
    world.submission(task)
    assert_nothing_is_told_any_more(world)


def test_chunks_of_another_key_and_of_an_earlier_chain_are_ignored(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    task = world.train(SLOWLY)
    attempt = attempt_at(world, daemon, task, "train")
    forged = Chunk(
        genesis=world.chain.genesis, worker=attempt.worker, task=task, epoch=attempt.epoch, number=100, stage="forged",
        began=attempt.since,
    ).signed_by(world.chain)  # fmt: skip
    world.store.live.put(str(forged.name), forged.encode())
    assert attempt_at(world, daemon, task, "train") == attempt
    daemon.let_go(task)
    world.submission(task)
    assert_nothing_is_told_any_more(world)


@pytest.mark.slow
def test_what_an_adopted_container_prints_is_told_too(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    task = world.train(f"echo before; {WAITS}; echo after; {TWICE}; {TRAIN}")
    wait_until(lambda: told(world, daemon, task).get("train") == "before\n", "the log")
    daemon.kill()
    daemon = start_daemon()
    wait_until(lambda: "container_found" in daemon.log_text(), "the container to be found")
    daemon.let_go(task)
    wait_until(lambda: told(world, daemon, task).get("train") == "before\nafter\n", "the rest of the log")
    daemon.let_go(task, file="/tmp/on")
    assert world.logs_of(world.submission(task))["train.log"] == "before\nafter\n"
    assert_nothing_is_told_any_more(world)


@pytest.mark.slow
def test_a_killed_daemon_goes_on_telling_and_removes_what_it_had_left(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon(slots=2)
    task, other = world.train(SLOWLY), world.train(SLOWLY)
    for each in (task, other):
        wait_until(lambda each=each: "the first line" in told(world, daemon, each).get("train", ""), "the log")  # type: ignore[misc]
    daemon.kill()
    world.chain.cancel_task(other, abort=True)
    daemon = start_daemon(slots=2)
    wait_until(lambda: told(world, daemon, other) == {}, "what was left of the other attempt to be removed")
    wait_until(lambda: "the first line" in told(world, daemon, task).get("train", ""), "the log")
    daemon.let_go(task)
    world.submission(task)
    assert_nothing_is_told_any_more(world)
