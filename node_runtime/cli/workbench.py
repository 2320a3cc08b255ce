"""What does `work` stand on? The engine of this machine, a folder for this attempt alone, and the person's terminal."""

import fcntl
import hashlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from node_runtime.cli.stopping import told_of
from node_runtime.containers.left_over import end_left_over
from node_runtime.containers.own_engine import own_engine, own_engine_url
from node_runtime.contributor import Assigned, Seat, Workbench
from node_runtime.errors import HostError, InputError
from node_runtime.home import home
from node_runtime.ports import AssetStore, Say
from node_runtime.storage.removal import remove_tree
from node_runtime.trouble import host_trouble
from node_runtime.turns import in_turn
from node_runtime.workspace import Workspaces

ENGINE = "engine"  # in an attempt's place: what the engine's adapter keeps


@contextmanager
def open_workbench(assigned: Assigned, store: AssetStore, *, say: Say) -> Iterator[Workbench]:
    """Nothing but the task's own folder stays. What an earlier command left that was killed is removed first.

    Of one that worked on another task only the containers are: its work waits for its person.
    Building is allowed: whoever types the command decides it, as an operator does in node.yaml.
    """
    hold = assigned.assignment
    identity = f"{hold.worker} {hold.task} {hold.epoch} {hold.due}"
    name = f"work-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    place = home() / "work" / name
    with ExitStack() as stack:
        attempts = place / "attempts"
        end_killed_work(home() / "work", say=say)
        stack.enter_context(_alone(place, attempts, hold.task, say))
        engine = stack.enter_context(own_engine(place / ENGINE, node=name, say=say))
        for left in engine.list():
            engine.remove(left.name)
        workspaces = Workspaces(attempts, engine=engine, node=name)
        yield Workbench(store=store, engine=engine, workspaces=workspaces, seat=seat(), say=say)


def seat() -> Seat | None:
    """The terminal this command was started at, None when it has no person at both ends."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        return Seat(keyboard=sys.stdin.fileno(), screen=sys.stdout.fileno())
    return None


@contextmanager
def stopped_by_hangup() -> Iterator[threading.Event]:
    """Set when the terminal is closed or the command is told to end: then the container ends, and its work is kept."""
    stop = threading.Event()
    with told_of((signal.SIGHUP, signal.SIGTERM), stop.set):
        yield stop


def end_killed_work(places: Path, *, say: Say) -> None:
    """Remove the containers of commands that were killed, whatever task they worked on."""
    with _in_turn(places, say):  # nobody who begins to work is told that it is being worked on
        for path in sorted(places.glob("*/lock")):
            with suppress(FileNotFoundError, BlockingIOError), path.open() as lock:  # it ends just now, or goes on
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                try:
                    end_left_over(path.parent.name, path.parent / ENGINE, engine=own_engine_url())
                except HostError as error:
                    say(f"containers of a 'work' that was killed stay: {error}")


@contextmanager
def _alone(place: Path, attempts: Path, task: int, say: Say) -> Iterator[None]:
    """The kernel lets go of the lock however this process ends. The place stays while an attempt is in it."""
    with ExitStack() as held:
        with host_trouble(place), _in_turn(place.parent, say):
            place.mkdir(exist_ok=True, mode=0o700)
            lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            held.callback(os.close, lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                told = f"task {task} is being worked on already"
                raise InputError(told, remedy="end the other 'work' first") from None
        try:
            yield
        finally:
            if not attempts.is_dir() or not any(attempts.iterdir()):
                with host_trouble(place), _in_turn(place.parent, say):  # else somebody may just take its lock
                    remove_tree(place)


def _in_turn(places: Path, say: Say) -> AbstractContextManager[None]:
    return in_turn(places, waiting=lambda: say("waiting for another 'work' that begins or ends"))
