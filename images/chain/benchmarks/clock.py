"""A clock that tells how long a node would have taken, while the embedded host runs.

The runtime's own code is the same machine code here and in a node: both compile the wasm with wasmtime. What differs
are the host functions, Python here and Rust there. So this clock stands still while one of ours runs, and goes on by
what a node's takes instead, which `host_calls` measures on the same machine in the same minutes. Entering and
leaving a function of ours takes long too; that is measured with one that does nothing, and taken off each call.
"""

import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import thread_time_ns
from typing import Any

import wasmtime

from node_runtime.devnet.wasm.call import Imports
from node_runtime.devnet.wasm.compiled import engine

HostFunction = Callable[..., int | None]

_LOOP = """
(module
  (import "env" "nothing" (func $nothing (param i64) (result i64)))
  (func (export "run") (param $count i32)
    (loop $again
      (drop (call $nothing (i64.const 7)))
      (local.set $count (i32.sub (local.get $count) (i32.const 1)))
      (br_if $again (local.get $count)))))
"""
_CALLS, _ROUNDS = 500, 400  # each round shorter than a turn of the scheduler


@dataclass(frozen=True, kw_only=True)
class Price:
    """Nanoseconds of a node's host function: for a call, and for each byte of its first argument."""

    base: float
    per_byte: float


FREE = Price(base=0, per_byte=0)


@dataclass(kw_only=True)
class NodeClock:
    """``prices`` by the names of the functions; one without a price takes a node no time."""

    prices: Mapping[str, Price]
    crossing: float = 0.0
    calls: int = 0
    in_host: int = 0
    in_node: float = 0.0
    counted: dict[str, int] = field(default_factory=dict)

    def now(self) -> int:
        """Nanoseconds since some moment."""
        return round(thread_time_ns() - self.in_host - self.calls * self.crossing + self.in_node)

    def timed(self, name: str, function: HostFunction) -> HostFunction:
        """The function as the clock wants it called."""
        price = self.prices.get(name, FREE)

        def call(*arguments: Any) -> int | None:
            begun = thread_time_ns()
            try:
                return function(*arguments)
            finally:
                self.calls += 1
                self.in_node += price.base + price.per_byte * (arguments[1] >> 32) if price.per_byte else price.base
                self.in_host += thread_time_ns() - begun

        return call

    def calibrate(self) -> None:
        """Measure what entering and leaving a host function takes, beyond what is seen inside."""
        linker = wasmtime.Linker(engine())
        imports = Imports(linker, _fail)
        module = wasmtime.Module(engine(), _LOOP)
        nothing = self.timed("nothing", lambda _call, number: number)
        imports.define("nothing", module.imports[0].type, lambda *arguments: nothing(None, *arguments))  # type: ignore[arg-type]
        store = wasmtime.Store(engine())
        run = linker.instantiate(store, module).exports(store)["run"]
        assert isinstance(run, wasmtime.Func)
        crossings = []
        for _ in range(_ROUNDS):
            begun, in_host = thread_time_ns(), self.in_host
            run(store, _CALLS)
            crossings.append((thread_time_ns() - begun - (self.in_host - in_host)) / _CALLS)
        self.crossing = min(crossings)


def _fail(failure: Exception) -> None:
    raise failure


def node_prices(program: list[str]) -> dict[str, Price]:
    """What `host_calls` tells, by the names of the host's functions."""
    told = subprocess.run(program, check=True, capture_output=True, text=True).stdout
    measured = {
        name: Price(base=float(base), per_byte=float(each)) for name, base, each in map(str.split, told.splitlines())
    }
    transaction = measured.pop("storage_transaction")
    ends = ("start_transaction", "commit_transaction", "rollback_transaction")
    # the pair with what it brings over, so each end has half of it
    half = Price(base=transaction.base / 2, per_byte=0)
    return measured | {f"storage_{end}": half for end in ends}
