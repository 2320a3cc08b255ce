"""Measures the pallets' benchmarks in the embedded host, and writes their `weights.rs`.

    benchmark.py                 measure all, write both files (`make weights`); then `make chain`
    benchmark.py --only NAME     measure this benchmark and print it; nothing is written

Not part of the tests: the figures are this machine's, and are committed with its description.

Method. A second wasm is built, with the feature `runtime-benchmarks`. Each benchmark runs from the development genesis:
for each of its components at STEPS values between its bounds, the others at their upper ones, REPEATS times each. The
keys it reads and writes are counted as Substrate's own tool does, and must be the same each time. Its time is told by
a node's clock (`benchmarks/clock.py`): the runtime's code as it runs here, without the time of this host's functions
and of the calls into them, and with the time that a node's functions take instead, which `host_calls` measures. The
fastest repeat counts; least squares over the components give the weight.

Not in it: what a node's allocator takes longer than ours, and wasmtime's entering of a native function, which takes
nanoseconds.
"""

import argparse
import platform
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter_ns

import build
from benchmarks.clock import NodeClock, node_prices
from benchmarks.fit import bound, least_squares
from benchmarks.host import Benchmark, BenchmarkHost, Sample
from benchmarks.render import Measured, write_weights

from node_runtime.devnet.wasm.compiled import default_cache

STEPS, REPEATS = 4, 6
PICOSECONDS = 1_000


def main() -> None:
    """Does what the command line asks."""
    modes = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    modes.add_argument("--only", metavar="NAME", help="measure one benchmark and print it")
    only = modes.parse_args().only
    wasm = build.build("runtime-benchmarks")
    clock = NodeClock(prices=node_prices([str(native_host_calls())]))
    clock.calibrate()
    print(f"weights: a call into this host takes {clock.crossing:.0f} ns beside what it does")
    host = BenchmarkHost(wasm, default_cache(), clock)
    chosen = [one for one in host.benchmarks() if only in (None, one.name)]
    begun = perf_counter_ns()
    measured = [(one.pallet, measure(host, one)) for one in chosen]
    if only is None:
        for pallet in dict.fromkeys(pallet for pallet, _ in measured):
            path = build.WORKSPACE / "pallets" / pallet.removeprefix("pallet_") / "src" / "weights.rs"
            write_weights(path, head(clock), [one for of, one in measured if of == pallet])
    print(f"weights: {len(chosen)} benchmarks in {(perf_counter_ns() - begun) / 1e9:.0f} s")


def native_host_calls() -> Path:
    """The built program that measures a node's host functions."""
    build.cargo("build", "--profile=native", "--locked", "-p", "host-calls",
                folder=build.WORKSPACE, target=build.TARGET, flags=[])  # fmt: skip
    return build.TARGET / "native" / "host-calls"


def measure(host: BenchmarkHost, benchmark: Benchmark) -> Measured:
    points = [(values, fastest(host, benchmark, values)) for values in grid(benchmark)]
    found = Measured(
        name=benchmark.name,
        components=benchmark.components,
        ref_time=least_squares([(values, sample.time * PICOSECONDS) for values, sample in points]),
        reads=bound([(values, sample.reads) for values, sample in points]),
        writes=bound([(values, sample.writes) for values, sample in points]),
    )
    print(f"{benchmark.pallet}::{found.name}: {found.ref_time.base / 1e6:.1f} us", end="")
    for name, *slopes in zip(found.names, found.ref_time.slopes, found.reads.slopes, found.writes.slopes, strict=True):
        print(f" + {slopes[0] / 1e6:.2f} us/{name} ({slopes[1]}r {slopes[2]}w)", end="")
    print(f", {found.reads.base} reads, {found.writes.base} writes", flush=True)
    return found


def grid(benchmark: Benchmark) -> Iterator[tuple[int, ...]]:
    """The values to measure at, each once: along each component, with the others at their upper bounds."""
    upper = tuple(high for _, _, high in benchmark.components)
    seen = {upper}
    yield upper
    for place, (_, low, high) in enumerate(benchmark.components):
        for step in range(STEPS - 1):
            values = (*upper[:place], low + (high - low) * step // (STEPS - 1), *upper[place + 1 :])
            if values not in seen:
                seen.add(values)
                yield values


def fastest(host: BenchmarkHost, benchmark: Benchmark, values: Sequence[int]) -> Sample:
    """The fastest of the repeats; all of them touch as many keys."""
    host.check(benchmark, values)
    samples = host.run(benchmark, values, REPEATS)
    touched = {(sample.reads, sample.writes) for sample in samples}
    if len(touched) > 1:
        sys.exit(f"{benchmark.name}{tuple(values)} doesn't touch as many keys each time: {touched}")
    return min(samples, key=lambda sample: sample.time)


def head(clock: NodeClock) -> list[str]:
    """What stands above the weights."""
    price = {
        name: f"{clock.prices[name].base / 1e3:.2f} us" for name in ("storage_get", "storage_set", "hashing_blake2_128")
    }
    return [
        "Weights of the pallet's benchmarks. Written by `benchmark.py`, which tells the method; not to be edited.",
        "",
        f"Measured on {datetime.now(UTC):%Y-%m-%d}, {processor()}, {STEPS} steps a component, {REPEATS} repeats.",
        f"A node's functions there, without the database: reading {price['storage_get']}, writing"
        f" {price['storage_set']}, a blake2 hash {price['hashing_blake2_128']}.",
    ]


def processor() -> str:
    """The model of the processor, as far as the machine tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()


if __name__ == "__main__":
    main()
