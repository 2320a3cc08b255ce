"""The live area of an object storage: one object each, below ``live/``. The content is untrusted."""

from itertools import islice

from node_runtime.domain.live import MOST_BYTES, ChunkName, check_live_name, check_live_prefix, check_live_size

from .object_client import Objects

_ALL = "live/"

MOST_LISTED = 10_000  # objects of one worker that are looked at


class LiveObjects:
    """The port `LiveArea` over objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def put(self, name: str, content: bytes) -> None:
        self._objects.put(check_live_name(name), check_live_size(name, content))

    def list(self, prefix: str) -> tuple[str, ...]:
        check_live_prefix(prefix)
        workers = [prefix]
        if prefix == _ALL:  # each apart: one that puts odd names there hides its own only
            workers = [f"{_ALL}{worker}/" for worker in self._objects.folders_below(_ALL)]
        names = (name for worker in workers for name, _ in islice(self._objects.each_below(worker), MOST_LISTED))
        return tuple(sorted(name for name in names if ChunkName.parse(name) is not None))

    def read(self, name: str) -> bytes | None:
        return self._objects.get_small(check_live_name(name), most=MOST_BYTES)

    def delete(self, name: str) -> None:
        self._objects.delete([check_live_name(name)])
