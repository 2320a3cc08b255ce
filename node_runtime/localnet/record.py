"""The record of a running local network, a file read by other commands and by `down`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from node_runtime.errors import InputError, StorageError
from node_runtime.platform.paths import network_folder
from node_runtime.platform.stored_format import StoredFormat, decode_document, encode_document, unversioned

from .processes import ProcessRecord

FILE_NAME = "network.json"
CREATOR = "//Alice"
FORMAT = StoredFormat(
    name="the record of a running network",
    remedy="stop the network with that release's 'node-runtime down'",
    steps=(unversioned,),
)


class NetworkFile(BaseModel):
    """A running local network: addresses, processes, and whether `down` stops the container engine too."""

    model_config = ConfigDict(frozen=True)

    chain: str
    storage: Path
    engine: str  # the container engine's address
    started_engine: bool  # `down` stops it
    base_image: str
    creator: str = CREATOR
    processes: tuple[ProcessRecord, ...] = ()
    stopping: bool = False  # `down` is in progress: exits of processes are expected

    @classmethod
    def load(cls, folder: Path) -> "NetworkFile | None":
        path = folder / FILE_NAME
        try:
            return cls.model_validate(decode_document(path.read_bytes(), FORMAT, path))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise InputError(
                f"{path} is damaged: {_reason(error)}",
                remedy="end the processes that it names, remove it and run 'node-runtime up' again",
            ) from error

    @classmethod
    def load_running(cls) -> "NetworkFile | None":
        """Load this user's local network; None unless its processes run."""
        network = cls.load(network_folder())
        return network if network is not None and network.running() else None

    def running(self) -> tuple[ProcessRecord, ...]:
        return tuple(record for record in self.processes if record.process() is not None)

    def storage_folder(self) -> Path:
        """The folder of the store. Raises `StorageError` when it is missing, e.g. moved or not mounted.

        `up` created it, so a new empty store in its place would hide the assets.
        """
        if not self.storage.is_dir():
            raise StorageError(
                f"the local network's storage {self.storage} isn't there any more",
                remedy="put it back; or, to go on with an empty one, 'node-runtime down' and then 'node-runtime up'",
            )
        return self.storage

    def save(self, folder: Path) -> None:
        fresh = folder / f"{FILE_NAME}.new"
        fresh.write_text(encode_document(self.model_dump(mode="json"), FORMAT, indent=2) + "\n")
        fresh.replace(folder / FILE_NAME)


def _reason(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
