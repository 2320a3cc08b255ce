"""The engine, scratch folder, lock and terminal of the command `work`."""

import hashlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from node_runtime.contributor import Assigned, Seat, Workbench
from node_runtime.engines.session import end_left_over, own_engine, own_engine_url
from node_runtime.errors import HostError, InputError
from node_runtime.platform.files import host_errors
from node_runtime.platform.locks import locked, try_lock
from node_runtime.platform.paths import home
from node_runtime.platform.printable import Say
from node_runtime.platform.signals import ending_signals, on_signals
from node_runtime.ports.store import AssetStore
from node_runtime.runner.workspace import Workspaces
from node_runtime.stores.tree.folders import remove_tree

ENGINE = "engine"  # in an attempt's scratch folder: state of the engine adapter


@contextmanager
def open_workbench(assigned: Assigned, store: AssetStore, *, say: Say) -> Iterator[Workbench]:
    """Yield a workbench of which only the task's folder persists; clean up after killed commands first.

    For a killed command on another task only the containers are removed: its outputs are kept for a later `work`.
    Builds are allowed, since the person runs the command deliberately, as an operator allows them in node.yaml.
    """
    assignment = assigned.assignment
    identity = f"{assignment.worker} {assignment.task} {assignment.epoch} {assignment.due}"
    name = f"work-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    place = home() / "work" / name
    with ExitStack() as stack:
        attempts = place / "attempts"
        end_killed_work(home() / "work", say=say)
        stack.enter_context(_exclusive(place, attempts, assignment.task, say))
        engine = stack.enter_context(own_engine(place / ENGINE, node=name, say=say))
        for left in engine.list():
            engine.remove(left.name)
        workspaces = Workspaces(attempts, engine=engine, node=name)
        yield Workbench(store=store, engine=engine, workspaces=workspaces, seat=seat(), say=say)


def seat() -> Seat | None:
    """Return the terminal, None unless both standard input and output are one."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        return Seat(keyboard=sys.stdin.fileno(), screen=sys.stdout.fileno())
    return None


@contextmanager
def stopped_by_hangup() -> Iterator[threading.Event]:
    """Yield an event that SIGHUP and SIGTERM set; the container then ends and its outputs are kept."""
    stop = threading.Event()
    with on_signals([number for number in ending_signals() if number is not signal.SIGINT], stop.set):
        yield stop


def end_killed_work(places: Path, *, say: Say) -> None:
    """Remove the containers of killed commands, of any task."""
    with _locked(places, say):  # a `work` that starts now must not find the lock taken by this check
        for path in sorted(places.glob("*/lock")):
            with suppress(FileNotFoundError), path.open() as lock:  # its command is ending
                if not try_lock(lock):
                    continue  # its command is running
                try:
                    end_left_over(path.parent.name, path.parent / ENGINE, engine=own_engine_url())
                except HostError as error:
                    say(f"containers of a 'work' that was killed stay: {error}")


@contextmanager
def _exclusive(place: Path, attempts: Path, task: int, say: Say) -> Iterator[None]:
    """Hold the task's lock, which the kernel releases with the process; remove the folder if no attempt is left."""
    with ExitStack() as held:
        with host_errors(place), _locked(place.parent, say):
            place.mkdir(exist_ok=True, mode=0o700)
            lock = os.open(place / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            held.callback(os.close, lock)
            if not try_lock(lock):
                told = f"task {task} is being worked on already"
                raise InputError(told, remedy="end the other 'work' first")
        try:
            yield
        finally:
            if not attempts.is_dir() or not any(attempts.iterdir()):
                with host_errors(place), _locked(place.parent, say):  # another `work` could be taking its lock
                    remove_tree(place)


def _locked(places: Path, say: Say) -> AbstractContextManager[None]:
    return locked(places, waiting=lambda: say("waiting for another 'work' that begins or ends"))
