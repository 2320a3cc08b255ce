"""What has to stay on this node of all that an attempt leaves, noted in its workspace before it sees a byte.

    task-12-epoch-3/stays.json

A note is only ever widened: it holds when the chain or the node later forgets why, e.g. after a purge, or when an input
is removed while the attempt runs.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from node_runtime.errors import HostError
from node_runtime.platform.files import write_private
from node_runtime.platform.stored_format import StoredFormat, decode_document, encode_document, unversioned

FORMAT = StoredFormat(
    name="what stays of an attempt",
    remedy="run that release again; this one keeps all that the attempt leaves",
    steps=(unversioned,),
)
_FILE = "stays.json"


@dataclass(frozen=True, kw_only=True)
class Stays:
    """What something makes stay of all that is made of it.

    ``private``: it has private data of this node; ``models``: not everyone may download it, so that models stay too;
    ``logs``: not everyone may read logs of it.
    """

    private: bool = False
    models: bool = False
    logs: bool = False

    def __or__(self, other: "Stays") -> "Stays":
        return Stays(
            private=self.private or other.private,
            models=self.models or other.models,
            logs=self.logs or other.logs,
        )

    @classmethod
    def of(cls, content: Mapping[str, object]) -> "Stays":
        """Read the flags among ``content``. Raises `KeyError` for a missing one."""
        return cls(**{one.name: bool(content[one.name]) for one in fields(cls)})


NOTHING = Stays()
EVERYTHING = Stays(private=True, models=True, logs=True)


def read_stays(workspace: Path) -> Stays:
    """Return what is noted in the workspace: nothing without a workspace, everything where its note isn't readable."""
    path = workspace / _FILE
    try:
        return Stays.of(decode_document(path.read_bytes(), FORMAT, path))
    except (OSError, ValueError, KeyError, HostError):
        return EVERYTHING if workspace.exists() else NOTHING


def note_stays(workspace: Path, stays: Stays, *, seen: bool) -> None:
    """Widen the note; without one, everything stays of an attempt that has ``seen`` something already. Idempotent."""
    path = workspace / _FILE
    before = read_stays(workspace) if path.exists() or seen else NOTHING
    write_private(path, encode_document(asdict(before | stays), FORMAT))
