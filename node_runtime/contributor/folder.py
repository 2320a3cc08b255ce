"""Which folder does a person work in, and whose attempt is it?

task-12/                    the bundle's files, the person's to change
    start_task.sh
    data/<digest>/          the task's data samples
    models/<digest>         its in-models, each what an earlier task left as its model
    outputs/                what is to be sent
    .node-runtime/
        hold.json           whose attempt this is
        task.env            what start_task.sh is told, for a shell to read
        logs/               of the last run in a container
        ready               there once everything is here
"""

import os
import shlex
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from node_runtime.errors import InputError
from node_runtime.stages.bundle import OUTPUTS
from node_runtime.task import Assignment, TaskId
from node_runtime.trouble import host_trouble

OWN = ".node-runtime"  # of a task's folder: ours, not the bundle's
ENVIRONMENT = f"{OWN}/task.env"


class Hold(BaseModel):
    """hold.json: which attempt the folder was made for. ``due`` in ms tells apart a chain that began anew."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: int
    epoch: int
    worker: str
    due: int

    @classmethod
    def of(cls, hold: Assignment) -> "Hold":
        return cls(task=hold.task, epoch=hold.epoch, worker=hold.worker, due=hold.due)


class TaskFolder:
    """The folder at `path`, which may not exist yet."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.own = path / OWN
        self.outputs = path / OUTPUTS
        self.logs = self.own / "logs"

    @property
    def ready(self) -> bool:
        return (self.own / "ready").exists()

    def is_free(self) -> bool:
        """Whether there is nothing yet that could be somebody's."""
        with host_trouble(self.path):
            return not os.path.lexists(self.path) or (self.path.is_dir() and not any(self.path.iterdir()))

    def hold(self) -> Hold | None:
        """Whose attempt this is, None for a folder that isn't a task's. Raises `InputError` for a damaged one."""
        path = self.own / "hold.json"
        try:
            return Hold.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except ValidationError as error:
            raise InputError(f"{path} is damaged", remedy=f"move {self.path} away and assign again") from error

    def check_is_of(self, hold: Assignment) -> None:
        """Raise `InputError` when it was made for another attempt than this."""
        made_for = self.hold()
        if made_for is None or made_for == Hold.of(hold):
            return
        if (made_for.task, made_for.worker) != (hold.task, hold.worker):
            raise InputError(
                f"{self.path} is the folder of task {made_for.task}, held by {made_for.worker}",
                remedy=f"name another folder for task {hold.task}",
            )
        raise InputError(
            f"{self.path} is of an earlier attempt at task {hold.task} (epoch {made_for.epoch}), now you are at "
            f"epoch {hold.epoch}",
            remedy=f"'node-runtime assign {hold.task} --into FOLDER' makes a new one; copy into it what you keep",
        )

    def begin(self, hold: Assignment) -> None:
        """Make the folder this attempt's. May be repeated."""
        with host_trouble(self.path):
            self.own.mkdir(parents=True, exist_ok=True)
            unfinished = self.own / "hold.part"
            unfinished.write_text(Hold.of(hold).model_dump_json() + "\n")
            unfinished.replace(self.own / "hold.json")

    def finish(self, environment: tuple[tuple[str, str], ...]) -> None:
        """Everything is here. ``environment`` is what the task's scripts are told."""
        told = (f"export {name}={shlex.quote(value)}\n" for name, value in environment)
        with host_trouble(self.path):
            (self.path / ENVIRONMENT).write_text("".join(told), encoding="utf-8")
            self.outputs.mkdir(exist_ok=True)
            (self.own / "ready").touch()


def default_folder(task: TaskId) -> Path:
    """Where a person who names no folder means: here, when this is the task's folder, else ``task-NUMBER``."""
    here = TaskFolder(Path()).hold()
    return Path() if here is not None and here.task == task else Path(f"task-{task}")
