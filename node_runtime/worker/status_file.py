"""The status file of a node: what its daemon works on, which tasks it refuses and why, and why it claims nothing.

The daemon writes it when something in it changes; `status`, `nodes` and `show` read it, whether the daemon runs or not.
"""

from pathlib import Path

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from node_runtime.domain.assets import Account
from node_runtime.domain.task import TaskId
from node_runtime.errors import HostError
from node_runtime.platform.files import FILE, write_atomically
from node_runtime.platform.stored_format import StoredFormat, decode_document, encode_document, unversioned

from .reasons import Reason

log = structlog.get_logger()

STATUS_FILE = "status.json"
FORMAT = StoredFormat(
    name="the status of a node",
    remedy="use that release, or move the file away: the daemon writes a new one",
    steps=(unversioned,),
)
MOST_REFUSED = 200  # tasks, the newest
MOST_MESSAGE = 400  # characters


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Refused(_Part):
    """A task that the node refuses. ``since``: when it was first refused for this reason, ms since 1970.

    ``remedy`` is empty where nothing is to be done, and where an earlier release wrote the file.
    """

    task: TaskId
    reason: Reason
    message: str
    remedy: str = ""
    since: int

    @property
    def told(self) -> str:
        """The reason and what to do about it."""
        return f"{self.message}; {self.remedy}" if self.remedy else self.message


class Obstacle(_Part):
    """Why the node claims nothing at all; ``since`` in ms since 1970."""

    reason: str
    message: str
    remedy: str
    since: int


class Working(_Part):
    """An attempt under way: its latest step, and the resources it has reserved. ``memory`` and ``disk`` in bytes.

    ``gpus`` are UUIDs; an earlier release wrote none.
    """

    task: TaskId
    epoch: int
    step: str
    since: int
    due: int
    cpus: float
    memory: int
    disk: int
    gpus: tuple[str, ...] = ()


class NodeState(_Part):
    """What a daemon knows of its node. ``chain`` is the chain's mark, ``left_out`` counts refusals beyond the bound."""

    chain: str
    account: Account
    obstacles: tuple[Obstacle, ...] = ()
    refused: tuple[Refused, ...] = ()
    left_out: int = 0
    working: tuple[Working, ...] = ()

    def bounded(self) -> "NodeState":
        """Return the state with at most `MOST_REFUSED` tasks, each with a message of at most `MOST_MESSAGE`."""
        newest = sorted(self.refused, key=lambda one: (one.since, one.task))[-MOST_REFUSED:]
        shown = (one.model_copy(update={"message": one.message[:MOST_MESSAGE]}) for one in newest)
        left_out = len(self.refused) - len(newest)
        return self.model_copy(update={"refused": tuple(sorted(shown, key=lambda one: one.task)), "left_out": left_out})


class StatusFile:
    """The status file in a node's work folder."""

    def __init__(self, work: Path) -> None:
        self._path = work / STATUS_FILE
        self._written: NodeState | None = None
        self._failing = False

    def write(self, state: NodeState) -> None:
        """Write the state if it changed. A file that can't be written is logged: the node works on without it."""
        if state == self._written:
            return
        try:
            text = encode_document(state.bounded().model_dump(mode="json"), FORMAT) + "\n"
            write_atomically(self._path, text, mode=FILE)
        except HostError as error:
            if not self._failing:
                log.warning("status_not_written", reason=error.message, remedy=error.remedy)
            self._failing = True
            return
        self._written, self._failing = state, False

    def read(self) -> NodeState | None:
        """Return the latest state; None without one. Raises `HostError` for a damaged file or a newer version."""
        try:
            return NodeState.model_validate(decode_document(self._path.read_bytes(), FORMAT, self._path))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HostError(f"{self._path}: {error.strerror}", remedy="check its folder and rights") from error
        except (ValueError, ValidationError) as error:
            raise HostError(
                f"{self._path} is damaged", remedy="remove it: the daemon writes a new one at its next start"
            ) from error
