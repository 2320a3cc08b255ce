"""The local folders of plans: what a plan's tasks leave for each other on one node, seen as ``/sandbox/local``.

    <root>/5Grw…-plan-7/         0700, of one creator's plan
        plan.json                which content is good, and which attempt has the turn to write
        task-9-epoch-1/          the good content, left by the last task that succeeded
        task-12-epoch-3/         the whole content of the attempt that has the turn; good once it is committed

One attempt at a time has the turn, and writes a copy of its own. A commit replaces plan.json: before it the attempt has
left no trace, after it all of it. What else is in the folder was left by a killed process and is removed.
"""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from node_runtime.domain.assets import Account
from node_runtime.domain.task import PlanId, TaskId
from node_runtime.errors import HostError
from node_runtime.platform.files import host_errors, private_folder, write_private
from node_runtime.platform.stored_format import Content, StoredFormat, decode_document, encode_document, unversioned
from node_runtime.stores.tree.folders import copy_writable, make_read_only, remove_tree

from .attempt_id import AttemptId
from .stays import EVERYTHING, NOTHING, Stays


def _with_rights(content: Content) -> Content:
    """Migrate to version 2: nobody noted the rights of the tasks that wrote, nor the kept models they took."""
    return {**content, **asdict(EVERYTHING)}


FORMAT = StoredFormat(
    name="the state of a plan's local folder",
    remedy="run that release again, or remove the folder: the plan goes on with an empty one",
    steps=(unversioned, _with_rights),
)
_NAME = re.compile(r"([1-9A-HJ-NP-Za-km-z]{40,60})-plan-(\d+)")
_STATE = "plan.json"


@dataclass(frozen=True, kw_only=True)
class PlanKey:
    creator: Account
    plan: PlanId

    def __str__(self) -> str:
        return f"{self.creator}-plan-{self.plan}"


@dataclass(frozen=True, kw_only=True)
class PlanFolderState:
    """``good`` is the attempt that left the good content, ``writer`` the one that has the turn.

    ``tasks`` are those that had the turn, with the moment of their creation: a chain that was reset has others.
    ``stays`` is what has to stay on this node of what later tasks make of the content, once any of them wrote it.
    """

    tasks: dict[TaskId, int] = field(default_factory=dict)
    good: AttemptId | None = None
    writer: AttemptId | None = None
    stays: Stays = NOTHING


class PlanFolders:
    """The local folders of one node's plans. Thread-safe; used by one process at a time."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._guard = threading.Lock()

    def keys(self) -> tuple[PlanKey, ...]:
        """Return the plans that have a folder here."""
        if not self._root.is_dir():
            return ()
        found = filter(None, (_NAME.fullmatch(entry.name) for entry in sorted(self._root.iterdir())))
        return tuple(PlanKey(creator=Account(one[1]), plan=PlanId(int(one[2]))) for one in found)

    def state(self, key: PlanKey) -> PlanFolderState | None:
        """Return the state of the plan's folder; None without one. Raises `HostError` for an unreadable one."""
        path = self._folder(key) / _STATE
        try:
            content = decode_document(path.read_bytes(), FORMAT, path)
            return PlanFolderState(
                tasks={TaskId(int(task)): int(created) for task, created in content["tasks"].items()},
                good=_attempt(content["good"]),
                writer=_attempt(content["writer"]),
                stays=Stays.of(content),
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            told = f"{path} can't be read: {error}"
            raise HostError(told, remedy="remove its folder: the plan goes on with an empty one") from error

    def take_turn(self, key: PlanKey, attempt: AttemptId, *, created: int, stays: Stays = NOTHING) -> bool:
        """Give the attempt the turn to write, which it may have already; return False while another one has it.

        ``created`` is the moment of its task's creation; ``stays`` is what has to stay of what it leaves.
        """
        with self._changing(key):
            state = self.state(key) or PlanFolderState()
            if state.writer not in (None, attempt):
                return False
            tasks = {**state.tasks, attempt.task: created}
            self._save(key, replace(state, writer=attempt, tasks=tasks, stays=state.stays | stays))
            return True

    def snapshot(self, key: PlanKey, target: Path, *, note: Callable[[Stays], None] = lambda _: None) -> None:
        """Make `target` the good content as it is now, read-only and without a copy; an existing one stays.

        ``note`` is called first, with what has to stay of what is made of it.
        """
        with self._changing(key):
            if target.exists():
                return
            part = target.with_name(f"{target.name}.part")
            remove_tree(part)
            state = self.state(key) or PlanFolderState()
            note(state.stays)
            part.mkdir()
            if state.good is not None:
                _link_tree(self._folder(key) / str(state.good), part)
            make_read_only(part)
            part.rename(target)

    def hand_in(self, key: PlanKey, attempt: AttemptId, content: Path) -> None:
        """Copy what the attempt that has the turn wrote, a tree without links, in place of an earlier try's."""
        target = self._folder(key) / str(attempt)
        with self._changing(key):
            part = target.with_name(f"{attempt}.part")
            remove_tree(part)
            copy_writable(content, part)
            make_read_only(part)
            remove_tree(target)
            part.rename(target)

    def end_turn(self, attempt: AttemptId, *, commit: bool) -> None:
        """End the attempt's turn, if it has one; with ``commit`` what it handed in is the good content. Idempotent."""
        for key in self.keys():
            with self._changing(key):
                state = self._readable(key)
                if state is None or state.writer != attempt:
                    continue
                handed_in = commit and (self._folder(key) / str(attempt)).is_dir()
                self._save(key, replace(state, good=attempt if handed_in else state.good, writer=None))

    def turns(self) -> dict[PlanKey, AttemptId]:
        """Return the attempt that has the turn, for each plan where one has it."""
        states = {key: self._readable(key) for key in self.keys()}
        return {key: state.writer for key, state in states.items() if state is not None and state.writer is not None}

    def _readable(self, key: PlanKey) -> PlanFolderState | None:
        """Return the state; None for an unreadable one, which only its own plan's tasks fail by."""
        with suppress(HostError):
            return self.state(key)
        return None

    def remove(self, key: PlanKey) -> None:
        """Remove the plan's folder. Idempotent."""
        with self._changing(key):
            (self._folder(key) / _STATE).unlink(missing_ok=True)  # first: a part of the content is never good
            remove_tree(self._folder(key))

    def _save(self, key: PlanKey, state: PlanFolderState) -> None:
        """Store the state, then remove the contents that it doesn't name."""
        folder = self._folder(key)
        private_folder(self._root)
        private_folder(folder)
        content = {
            "tasks": {str(task): created for task, created in state.tasks.items()},
            "good": None if state.good is None else str(state.good),
            "writer": None if state.writer is None else str(state.writer),
            **asdict(state.stays),
        }
        write_private(folder / _STATE, encode_document(content, FORMAT))
        needed = (_STATE, str(state.good), str(state.writer))
        for entry in list(folder.iterdir()):
            if entry.name not in needed:
                remove_tree(entry)

    def _folder(self, key: PlanKey) -> Path:
        return self._root / str(key)

    @contextmanager
    def _changing(self, key: PlanKey) -> Iterator[None]:
        with self._guard, host_errors(self._folder(key)):
            yield


def _attempt(text: str | None) -> AttemptId | None:
    return None if text is None else AttemptId.parse(text)


def _link_tree(source: Path, target: Path) -> None:
    """Make the same tree of hard links to the files, which nobody writes to."""
    for place, folders, files in os.walk(source):
        there = target / Path(place).relative_to(source)
        for name in folders:
            (there / name).mkdir()
        for name in files:
            os.link(Path(place, name), there / name, follow_symlinks=False)
