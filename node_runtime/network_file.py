"""Is a local network up, and where? What `up` wrote down for the other commands and for `down`."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from node_runtime.errors import InputError, StorageError
from node_runtime.home import network_folder
from node_runtime.processes import ProcessRecord

FILE_NAME = "network.json"
CREATOR = "//Alice"


class NetworkFile(BaseModel):
    """A local network: addresses, processes, and whether `down` stops the container engine too."""

    model_config = ConfigDict(frozen=True)

    chain: str
    storage: Path
    engine: str  # where the container engine answers
    started_engine: bool  # `down` stops it
    base_image: str
    creator: str = CREATOR
    processes: tuple[ProcessRecord, ...] = ()
    stopping: bool = False  # `down` is at work: what ends now was told to

    @classmethod
    def load(cls, folder: Path) -> "NetworkFile | None":
        path = folder / FILE_NAME
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise InputError(
                f"{path} is damaged: {error}", remedy="remove it and run 'node-runtime up' again"
            ) from error

    @classmethod
    def load_running(cls) -> "NetworkFile | None":
        """The local network of this user, if its processes run."""
        network = cls.load(network_folder())
        return network if network is not None and network.running() else None

    def running(self) -> tuple[ProcessRecord, ...]:
        return tuple(record for record in self.processes if record.process() is not None)

    def storage_folder(self) -> Path:
        """Where its assets are. `up` made it, so one that is gone was moved away or its disk isn't mounted: an empty
        one in its place would hide what it holds. Raises `StorageError` then.
        """
        if not self.storage.is_dir():
            raise StorageError(
                f"the local network's storage {self.storage} isn't there any more",
                remedy="put it back; or, to go on with an empty one, 'node-runtime down' and then 'node-runtime up'",
            )
        return self.storage

    def save(self, folder: Path) -> None:
        fresh = folder / f"{FILE_NAME}.new"
        fresh.write_text(self.model_dump_json(indent=2) + "\n")
        fresh.replace(folder / FILE_NAME)
