"""An ephemeral session: engine and folder of a command without a node, removed at its end.

::

    <home>/run/run-1f…/         the session's folder; its name is also the name of its containers
    <home>/run/run-1f….lock     the engine's address; locked while the command runs

The kernel releases the lock when the command ends, even if killed. Leftovers of killed commands (containers, mounts,
folder) are removed by the next command or by `gc`. A lock on the parent folder serialises both.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from node_runtime.engines.docker.aliases import Target
from node_runtime.engines.docker.build_environment import build_settings
from node_runtime.engines.docker.discovery import answers, require_engine
from node_runtime.engines.docker.quota import remove_folder, unmount_below
from node_runtime.engines.docker.settings import EngineSettings
from node_runtime.errors import HostError
from node_runtime.localnet.provision.base_image import ensure_base_image
from node_runtime.localnet.provision.dockerd import StartedEngine, started_engine
from node_runtime.platform.files import host_errors
from node_runtime.platform.locks import locked, try_lock, wait_for_lock
from node_runtime.platform.paths import cache_folder, engine_folder, home
from node_runtime.platform.printable import Say
from node_runtime.ports.engine import ContainerEngine

from . import open_engine


def answering_engine() -> StartedEngine | None:
    """The engine that the local network started, which `find_engine` doesn't search for; None unless it answers."""
    started = started_engine(engine_folder())
    return started if started is not None and answers(started.url) else None


def own_engine_url() -> str:
    """Find the address of this machine's engine. Raises `HostError` when none answers."""
    started = answering_engine()
    return started.url if started is not None else require_engine()


@contextmanager
def own_engine(
    work: Path, *, node: str, say: Say, aliases: Mapping[str, Target] = MappingProxyType({})
) -> Iterator[ContainerEngine]:
    """Open the engine for one command. Building is allowed: the Dockerfiles are the user's own.

    ``node`` is a unique name for its containers, ``work`` a folder that no other command uses.
    """
    started = answering_engine()
    url = started.url if started is not None else require_engine()
    engine = open_engine(
        EngineSettings(
            node=node,
            work=work,
            docker_host=url,
            base_image=ensure_base_image(url, cache_folder(), say=say),
            image_aliases=tuple(aliases.items()),
            build=True,
            build_network=started.build_network if started is not None else None,
            build_arguments=build_settings(),
        )
    )
    try:
        yield engine
    finally:
        engine.close()


def end_left_over(node: str, work: Path, *, engine: str) -> bool:
    """Remove the containers that the engine knows by ``node``, and unmount what is mounted below ``work``.

    Only for a node or command that has ended and will not be resumed. Idempotent. False when the engine doesn't answer:
    then everything stays, since containers may still write there. Raises `HostError`.
    """
    if not answers(engine):
        return False
    with closing(open_engine(EngineSettings(node=node, work=work, docker_host=engine))) as left:
        for container in left.list():
            left.remove(container.name)
    unmount_below(work)
    return True


_LOCK = ".lock"


@dataclass(frozen=True, kw_only=True)
class EphemeralSession:
    """``name`` is unique to this session's containers, ``folder`` is for this session alone."""

    engine: ContainerEngine
    name: str
    folder: Path


@contextmanager
def ephemeral_session(
    kind: str, *, say: Say, aliases: Mapping[str, Target] = MappingProxyType({})
) -> Iterator[EphemeralSession]:
    """Open a session for one command; ``kind`` is the prefix of its name. Raises `HostError`."""
    remove_stale_sessions(say)
    url = own_engine_url()
    with ExitStack() as stack:
        folder = stack.enter_context(_session_folder(sessions_folder(), kind, url, say))
        engine = stack.enter_context(own_engine(folder, node=folder.name, say=say, aliases=aliases))
        yield EphemeralSession(engine=engine, name=folder.name, folder=folder)


def sessions_folder() -> Path:
    """The parent folder of all sessions, created if missing. Raises `HostError`."""
    place = home() / "run"
    with host_errors(place):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
    return place


def remove_stale_sessions(say: Say) -> int:
    """Remove the sessions of killed commands whose engines answer; return their number."""
    removed = 0
    with host_errors(place := sessions_folder()), _locked(place, say):
        for path in sorted(place.glob(f"*{_LOCK}")):
            # its command may be ending, or be another user's
            with suppress(FileNotFoundError, PermissionError), path.open() as lock:
                if try_lock(lock) and _removed(path.with_suffix(""), engine=lock.read(), say=say):
                    path.unlink()
                    removed += 1
    return removed


@contextmanager
def _session_folder(place: Path, kind: str, engine: str, say: Say) -> Iterator[Path]:
    # a fresh name: leftovers of a killed command must not be mistaken for this session's
    folder = place / f"{kind}-{secrets.token_hex(6)}"
    path = folder.with_suffix(_LOCK)
    with ExitStack() as held:
        with host_errors(place):
            with _locked(place, say):
                lock = held.enter_context(path.open("x"))
                wait_for_lock(lock)
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
    """Remove a session's leftovers; False when that fails, reported unless its engine doesn't answer."""
    try:
        if engine and not end_left_over(folder.name, folder, engine=engine):
            return False
        remove_folder(folder)
    except HostError as error:
        say(f"the leftovers of a killed command could not be removed: {error}")
        return False
    return True


def _locked(place: Path, say: Say) -> AbstractContextManager[None]:
    return locked(place, waiting=lambda: say("waiting for another command that removes leftovers of killed ones"))
