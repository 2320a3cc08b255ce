"""What does a command without a node work in? A folder and a name of its own, of which nothing stays.

::

    <home>/run/run-1f…/         the command's folder, by the name that its containers have too
    <home>/run/run-1f….lock     the engine's address; held as long as the command lives

The kernel lets go of a lock however its command ends. What a killed one left, containers, mounts and folder, is removed
by the next command, or by `gc`. Locks are made and looked at in turn.
"""

import fcntl
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from node_runtime.containers.engine import DockerEngine
from node_runtime.containers.left_over import end_left_over
from node_runtime.containers.own_engine import own_engine, own_engine_url
from node_runtime.containers.removal import remove_folder, unmount_below
from node_runtime.errors import HostError
from node_runtime.home import home
from node_runtime.ports import Say
from node_runtime.trouble import host_trouble
from node_runtime.turns import in_turn

_LOCK = ".lock"


@dataclass(frozen=True, kw_only=True)
class OwnRoom:
    """``name`` tells its containers from those of nodes and other commands, ``folder`` is this command's alone."""

    engine: DockerEngine
    name: str
    folder: Path


@contextmanager
def own_room(kind: str, *, say: Say) -> Iterator[OwnRoom]:
    """For one command's duration; ``kind`` is how its name begins. Raises `HostError` without an engine or disk."""
    sweep_rooms(say)
    url = own_engine_url()
    with ExitStack() as stack:
        folder = stack.enter_context(_own_folder(rooms(), kind, url, say))
        engine = stack.enter_context(own_engine(folder, node=folder.name, say=say))
        yield OwnRoom(engine=engine, name=folder.name, folder=folder)


def rooms() -> Path:
    """The folder of them all, made if it isn't there. Raises `HostError` where it can't be made."""
    place = home() / "run"
    with host_trouble(place):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place


def sweep_rooms(say: Say) -> int:
    """Remove the rooms of commands that were killed, as far as their engines answer. How many were."""
    removed = 0
    with host_trouble(place := rooms()), _in_turn(place, say):
        for path in sorted(place.glob(f"*{_LOCK}")):
            # its command may just end, or be another user's
            with suppress(FileNotFoundError, PermissionError), path.open() as lock:
                if not _is_taken(lock) and _removed(path.with_suffix(""), engine=lock.read(), say=say):
                    path.unlink()
                    removed += 1
    return removed


@contextmanager
def _own_folder(place: Path, kind: str, engine: str, say: Say) -> Iterator[Path]:
    # a name that was never used: what a killed command left must not be taken for this one's
    folder = place / f"{kind}-{secrets.token_hex(6)}"
    path = folder.with_suffix(_LOCK)
    with ExitStack() as held:
        with host_trouble(place):
            with _in_turn(place, say):
                lock = held.enter_context(path.open("x"))
                fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write(engine)
            lock.flush()
            folder.mkdir(mode=0o700)
        try:
            yield folder
        finally:
            unmount_below(folder)
            remove_folder(folder)
            path.unlink(missing_ok=True)


def _removed(folder: Path, *, engine: str, say: Say) -> bool:
    """False when it can't be removed now, which is said unless its engine just isn't there."""
    try:
        if engine and not end_left_over(folder.name, folder, engine=engine):
            return False
        remove_folder(folder)
    except HostError as error:
        say(f"what a killed command left stays: {error}")
        return False
    return True


def _in_turn(place: Path, say: Say) -> AbstractContextManager[None]:
    return in_turn(place, waiting=lambda: say("waiting for another command that removes what killed ones left"))


def _is_taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
