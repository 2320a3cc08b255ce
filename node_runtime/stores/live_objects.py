"""The live area of an object storage: one object each, below ``live/``. The content is untrusted."""

from node_runtime.domain.live import MOST_BYTES, ChunkName, check_live_name, check_live_prefix, check_live_size

from .object_client import Objects

MOST_LISTED = 10_000  # objects of one prefix that are looked at


class LiveObjects:
    """The port `LiveArea` over objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def put(self, name: str, content: bytes) -> None:
        self._objects.put(check_live_name(name), check_live_size(name, content))

    def list(self, prefix: str) -> tuple[str, ...]:
        found = self._objects.below(check_live_prefix(prefix), most=MOST_LISTED)
        return tuple(sorted(name for name, _ in found if ChunkName.parse(name) is not None))

    def read(self, name: str) -> bytes | None:
        return self._objects.get_small(check_live_name(name), most=MOST_BYTES)

    def delete(self, name: str) -> None:
        self._objects.delete([check_live_name(name)])
