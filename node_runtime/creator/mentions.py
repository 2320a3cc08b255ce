"""Tasks, models and objectives as texts mention them: by number, and by name where that is known."""

from collections.abc import Callable
from typing import TypeAlias

from node_runtime.domain.assets import Account, ModelId, ObjectiveId, SubmissionId
from node_runtime.domain.task import TaskId
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore

from .tasks import stored_document

MentionTask: TypeAlias = Callable[[TaskId], str]


def numbered(number: TaskId) -> str:
    """Return e.g. ``task 3``, for texts whose readers know its name."""
    return f"task {number}"


class Mentions:
    """Looks up what belongs to a number, each once. A name is known while its task's document is in storage."""

    def __init__(self, chain: ChainReads, store: AssetStore) -> None:
        self._chain = chain
        self._store = store
        self._names: dict[TaskId, str] = {}
        self._sent: dict[Account, dict[SubmissionId, TaskId]] = {}

    def task(self, number: TaskId) -> str:
        """Return e.g. ``task 3 digits-train``."""
        return f"{numbered(number)} {self.name(number)}".rstrip()

    def name(self, number: TaskId) -> str:
        """Return the task's name; empty where it isn't known."""
        if number not in self._names:
            spec = self._chain.spec(number)
            document = stored_document(spec, self._store) if spec is not None else None
            self._names[number] = document.name if document is not None else ""
        return self._names[number]

    def model(self, model: ModelId, noun: str = "model") -> str:
        """Return e.g. ``model 5 of task 3 digits-train``."""
        task = self.task_of(model)
        return f"{noun} {model}" + (f" of {self.task(task)}" if task is not None else "")

    def task_of(self, model: ModelId) -> TaskId | None:
        """Return the task whose result the model is; None once the chain has purged its records."""
        recorded = self._chain.model(model)
        if recorded is None:
            return None
        if recorded.trainer not in self._sent:
            every = self._chain.assignments(recorded.trainer)
            self._sent[recorded.trainer] = {one.submission: one.task for one in every if one.submission is not None}
        return self._sent[recorded.trainer].get(model.submission)

    def objective(self, number: ObjectiveId) -> str:
        """Return e.g. ``1 digits``."""
        known = self._chain.objective(number)
        return f"{number} {known.name}" if known is not None else str(number)
