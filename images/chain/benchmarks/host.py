"""The embedded host for a runtime with benchmarks: its storage counts keys, its clock is a node's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from node_runtime.devnet.blocks import genesis
from node_runtime.devnet.scale import Reader, ScaleError, compact, prefixed
from node_runtime.devnet.wasm.call import CallContext, HostRefusal
from node_runtime.devnet.wasm.compiled import compiled
from node_runtime.devnet.wasm.functions import HOST_FUNCTIONS, HostFunction
from node_runtime.devnet.wasm.host import Runtime

from .clock import NodeClock
from .storage import Storage

PRESET = "development"


class BenchmarkError(Exception):
    """A benchmark did not run to its end; the text says which and why."""


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One of a pallet's benchmarks, with its components: letter and bounds. ``instance`` is the pallet's name there."""

    pallet: str
    instance: str
    name: str
    components: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One run: a node's nanoseconds, and how many keys it read and wrote."""

    time: int
    reads: int
    writes: int


class BenchmarkHost:
    """A runtime that was built with the feature ``runtime-benchmarks``, at its development genesis."""

    def __init__(self, wasm: bytes, cache: Path, clock: NodeClock) -> None:
        absent = {import_.name: _absent for import_ in compiled(wasm, cache).imports if import_.name}
        self._runtime = Runtime(wasm, cache, absent | _functions(clock))
        _, state = genesis(self._runtime, wasm, PRESET)
        self._genesis = {key: value for key, value in state.changes().items() if value is not None}

    def benchmarks(self) -> list[Benchmark]:
        reader = Reader(self._runtime.call("Benchmark_benchmark_metadata", b"\0", Storage(self._genesis)))
        return [one for _ in range(reader.compact()) for one in _pallet(reader)]

    def run(self, benchmark: Benchmark, values: Sequence[int], repeats: int) -> list[Sample]:
        """Run it so often, each time from genesis, with these values of its components."""
        return self._dispatch(benchmark, values, repeats, b"\0")

    def check(self, benchmark: Benchmark, values: Sequence[int]) -> None:
        """Run it once with its own assertions; they count as reading, so nothing of it is measured."""
        self._dispatch(benchmark, values, 1, b"\1")

    def _dispatch(self, benchmark: Benchmark, values: Sequence[int], repeats: int, verify: bytes) -> list[Sample]:
        selected = b"".join(
            bytes((ord(name) - ord("a"),)) + value.to_bytes(4, "little")
            for (name, _, _), value in zip(benchmark.components, values, strict=True)
        )
        names = (benchmark.pallet, benchmark.instance, benchmark.name)
        config = b"".join(prefixed(name.encode()) for name in names) + compact(len(values)) + selected
        config += verify + repeats.to_bytes(4, "little")
        answer = self._runtime.call("Benchmark_dispatch_benchmark", config, Storage(self._genesis))
        reader = Reader(answer)
        if reader.u8():
            raise BenchmarkError(f"{benchmark.pallet}::{benchmark.name}{tuple(values)}: {reader.prefixed().decode()}")
        return [sample for _ in range(reader.compact()) for sample in _batch(reader)]


def _pallet(reader: Reader) -> list[Benchmark]:
    """A ``BenchmarkList``."""
    pallet, instance = reader.prefixed().decode(), reader.prefixed().decode()
    found = []
    for _ in range(reader.compact()):
        name = reader.prefixed().decode()
        components = tuple((chr(ord("a") + reader.u8()), reader.u32(), reader.u32()) for _ in range(reader.compact()))
        for _ in range(reader.compact()):
            reader.prefixed(), reader.prefixed()  # how proofs are to be sized
        found.append(Benchmark(pallet=pallet, instance=instance, name=name, components=components))
    return found


def _batch(reader: Reader) -> list[Sample]:
    """A ``BenchmarkBatch``."""
    for _ in range(3):
        reader.prefixed()
    return [_result(reader) for _ in range(reader.compact())]


def _result(reader: Reader) -> Sample:
    """A ``BenchmarkResult``."""
    reader.take(5 * reader.compact())  # the components
    time = reader.u128()
    reader.u128()  # of the storage root
    reads, _, writes, _, _ = (reader.u32() for _ in range(5))
    if reader.compact():
        raise ScaleError("this host tells no keys")
    return Sample(time=time, reads=reads, writes=writes)


def _functions(clock: NodeClock) -> dict[str, HostFunction]:
    """The devnet's functions on the node's clock, and those of frame-benchmarking."""
    timed = {name: clock.timed(name[len("ext_") : name.index("_version_")], it) for name, it in HOST_FUNCTIONS.items()}
    # after the measured part, and not part of it
    timed["ext_storage_root_version_2"] = lambda call, _version: call.memory.give_span(bytes(32))

    def current_time(call: CallContext) -> int:
        now = clock.now()
        clock.calls += 1  # the way back from the beginning of the measured part is within it
        return call.memory.give(now.to_bytes(16, "little"))

    def counts(call: CallContext) -> int:
        reads, writes = _storage(call).counts()
        return call.memory.give_span(b"".join(number.to_bytes(4, "little") for number in (reads, 0, writes, 0)))

    own: dict[str, HostFunction] = {
        "current_time": current_time,
        "wipe_db": lambda call: _storage(call).wipe(),
        "commit_db": lambda call: _storage(call).commit_all(),
        "read_write_count": counts,
        "reset_read_write_count": lambda call: _storage(call).reset_counts(),
        "get_whitelist": lambda call: call.memory.give_span(_storage(call).whitelist()),
        "set_whitelist": lambda call, new: _storage(call).set_whitelist(call.memory.read(new)),
        "add_to_whitelist": lambda call, entry: _storage(call).add_to_whitelist(call.memory.read(entry)),
        "remove_from_whitelist": lambda call, key: _storage(call).remove_from_whitelist(call.memory.read(key)),
        "get_read_and_written_keys": lambda call: call.memory.give_span(compact(0)),
        "proof_size": lambda call: call.memory.give_span(b"\0"),
    }
    return timed | {f"ext_benchmarking_{name}_version_1": function for name, function in own.items()}


def _absent(*_: object) -> int | None:
    raise HostRefusal("a benchmark asked for a function that this host does not have")


def _storage(call: CallContext) -> Storage:
    assert isinstance(call.overlay, Storage)
    return call.overlay
