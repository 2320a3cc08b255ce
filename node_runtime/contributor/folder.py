"""The folder of a person's attempt.

task-12/                    the bundle's files, which the person may change
    start_task.sh
    data/<digest>/          the task's data samples
    models/<digest>         its in-models, each the model output of an earlier task
    parameters.json         the task's parameters, if it has any
    outputs/                the outputs to send
    .node-runtime/
        hold.json           the attempt that the folder belongs to
        task.env            environment of start_task.sh, for a shell to source
        logs/               logs of the last run in a container
        ready               marker: all inputs are complete
"""

import os
import shlex
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from node_runtime.domain.task import Assignment, TaskId
from node_runtime.errors import InputError
from node_runtime.kinds.layouts.bundle import OUTPUTS
from node_runtime.platform.files import host_errors, write_atomically
from node_runtime.platform.stored_format import StoredFormat, decode_document, encode_document, unversioned

OWN = ".node-runtime"  # state of this program in a task's folder
ENVIRONMENT = f"{OWN}/task.env"
FORMAT = StoredFormat(
    name="whose attempt a folder is of",
    remedy="go on with that release",
    steps=(unversioned,),
)


class AttemptRecord(BaseModel):
    """hold.json: the attempt that the folder belongs to. ``due`` in ms tells a restarted chain from the earlier one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: int
    epoch: int
    worker: str
    due: int

    @classmethod
    def of(cls, assignment: Assignment) -> "AttemptRecord":
        return cls(task=assignment.task, epoch=assignment.epoch, worker=assignment.worker, due=assignment.due)


class TaskFolder:
    """The folder of an attempt at `path`, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.own = path / OWN
        self.outputs = path / OUTPUTS
        self.logs = self.own / "logs"

    @property
    def ready(self) -> bool:
        return (self.own / "ready").exists()

    def is_free(self) -> bool:
        """Return whether the folder is missing or empty."""
        with host_errors(self.path):
            return not os.path.lexists(self.path) or (self.path.is_dir() and not any(self.path.iterdir()))

    def attempt(self) -> AttemptRecord | None:
        """Return the attempt of the folder, None if it is no task's. Raises `InputError` if the record is damaged."""
        path = self.own / "hold.json"
        try:
            return AttemptRecord.model_validate(decode_document(path.read_bytes(), FORMAT, path))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValueError as error:
            raise InputError(f"{path} is damaged", remedy=f"move {self.path} away and assign again") from error

    def check_is_of(self, assignment: Assignment) -> None:
        """Raise `InputError` when the folder belongs to another attempt."""
        made_for = self.attempt()
        if made_for is None or made_for == AttemptRecord.of(assignment):
            return
        if (made_for.task, made_for.worker) != (assignment.task, assignment.worker):
            raise InputError(
                f"{self.path} is the folder of task {made_for.task}, held by {made_for.worker}",
                remedy=f"name another folder for task {assignment.task}",
            )
        raise InputError(
            f"{self.path} is of an earlier attempt at task {assignment.task} (epoch {made_for.epoch}), now you are at "
            f"epoch {assignment.epoch}",
            remedy=f"'node-runtime assign {assignment.task} --into FOLDER' makes a new one; copy into it what you keep",
        )

    def begin(self, assignment: Assignment) -> None:
        """Record the attempt in the folder. Idempotent."""
        with host_errors(self.path):
            self.own.mkdir(parents=True, exist_ok=True)
            write_atomically(
                self.own / "hold.json", encode_document(AttemptRecord.of(assignment).model_dump(), FORMAT) + "\n"
            )

    def finish(self, environment: tuple[tuple[str, str], ...]) -> None:
        """Write the environment of the task's scripts and mark the inputs as complete."""
        told = (f"export {name}={shlex.quote(value)}\n" for name, value in environment)
        with host_errors(self.path):
            (self.path / ENVIRONMENT).write_text("".join(told), encoding="utf-8")
            self.outputs.mkdir(exist_ok=True)
            (self.own / "ready").touch()


def default_folder(task: TaskId) -> Path:
    """Return the default folder: the working directory if it is the task's folder, else ``task-NUMBER``."""
    here = TaskFolder(Path()).attempt()
    return Path() if here is not None and here.task == task else Path(f"task-{task}")
