"""Calls into the runtime: each gets a fresh wasm instance with its own memory.

Source: the Polkadot protocol specification, "Host API".
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

import wasmtime

from node_runtime.devnet.scale import ScaleError
from node_runtime.devnet.state.state import EmptyView, Overlay
from node_runtime.errors import InputError

from .call import CallContext, HostRefusal, Imports, Memory
from .compiled import compiled, engine, unpacked
from .functions import HOST_FUNCTIONS, HostFunction

_EXPECTED = (HostRefusal, ScaleError, ValueError)
"""Failures that the runtime can cause in a host function; others are this program's or the disk's."""

_INSIDE = Path(__file__).with_name("inside.wat")
_MALLOC = "ext_allocator_malloc_version_1"
_RUNTIME = "runtime"  # the linker's name for the newest instance
_SPARE_PAGES = 64  # 4 MiB at the start, so that few calls grow the memory; untouched pages cost nothing
_MOST_PAGES = 4096  # 256 MiB; a call that wants more is broken
TRIAL_S = 60.0
"""Time limit of a call of a runtime on trial. The longest migration that a block holds takes a tenth of it."""


Export = TypeVar("Export")


class RuntimePanic(Exception):
    """A call did not return: the runtime panicked, or requested an unsupported operation. The text has the reason."""


class Runtime:
    """A compiled runtime. One thread at a time; calls have no effect but the overlay's changes.

    ``functions`` are the host's. Calls of one that is ``on_trial`` end after `TRIAL_S` seconds, since they might never
    return. Raises `InputError` when the code is no runtime, or imports other functions than these.
    """

    def __init__(
        self,
        code: bytes,
        cache_folder: Path,
        functions: Mapping[str, HostFunction] = HOST_FUNCTIONS,
        *,
        on_trial: bool = False,
    ) -> None:
        self._cache_folder = cache_folder
        self._functions = functions
        self._on_trial = on_trial
        self._engine = engine(interruptible=on_trial)
        self._module = compiled(unpacked(code), cache_folder, interruptible=on_trial)
        self._linker = wasmtime.Linker(self._engine)
        self._linker.allow_shadowing = True  # each call defines its own memory and the allocator in it
        self._imports = Imports(self._linker, self._note_failure)
        self._calls: list[CallContext] = []
        self._memory_pages = 0
        self.functions = frozenset(
            export.name for export in self._module.exports if isinstance(export.type, wasmtime.FuncType)
        )
        for import_ in self._module.imports:
            self._link(import_)

    def call(self, function: str, argument: bytes, overlay: Overlay) -> bytes:
        """Call an exported function with encoded arguments; return the encoded result.

        Raises `RuntimePanic` and rolls back the storage transactions that the call opened, but not its other changes.
        """
        if function not in self.functions:
            raise RuntimePanic(f"the runtime has no function {function}")
        store = wasmtime.Store(self._engine)
        with self._in_time(store):
            memory, called = self._instance(store, function, overlay)
            depth = overlay.depth
            try:
                address = memory.give(argument)
                return memory.read(called(store, address, len(argument)))
            except (wasmtime.WasmtimeError, wasmtime.Trap, HostRefusal) as failure:
                overlay.rollback_to(depth)
                raise RuntimePanic(self._reason(failure, function)) from failure
            finally:
                self._calls.pop()

    @contextmanager
    def _in_time(self, store: wasmtime.Store) -> Iterator[None]:
        if not self._on_trial:
            yield
            return
        store.set_epoch_deadline(1)
        alarm = threading.Timer(TRIAL_S, self._engine.increment_epoch)
        alarm.daemon = True
        alarm.start()
        try:
            yield
        finally:
            alarm.cancel()

    def _instance(self, store: wasmtime.Store, function: str, overlay: Overlay) -> tuple[Memory, wasmtime.Func]:
        limits = wasmtime.Limits(self._memory_pages + _SPARE_PAGES, _MOST_PAGES)
        wasm_memory = wasmtime.Memory(store, wasmtime.MemoryType(limits))
        self._linker.define(store, "env", "memory", wasm_memory)
        # through the linker, because an instance's own list of exports takes as long to make as the instance
        self._linker.define_instance(store, "env", self._linker.instantiate(store, _inside(self._engine)))
        malloc, init = (_exported(self._linker.get(store, "env", name), wasmtime.Func) for name in (_MALLOC, "init"))
        self._linker.define_instance(store, _RUNTIME, self._linker.instantiate(store, self._module))
        heap = _exported(self._linker.get(store, _RUNTIME, "__heap_base"), wasmtime.Global)
        table: int = init(store, heap.value(store))
        memory = Memory(store, wasm_memory, malloc, table)
        self._calls.append(CallContext(memory, overlay, self._version_of))
        return memory, _exported(self._linker.get(store, _RUNTIME, function), wasmtime.Func)

    def _link(self, import_: wasmtime.ImportType) -> None:
        if isinstance(import_.type, wasmtime.MemoryType):
            self._memory_pages = import_.type.limits.min
        elif import_.name not in _inside_functions():
            name = import_.name or ""
            function = self._functions.get(name)
            if import_.module != "env" or function is None or not isinstance(import_.type, wasmtime.FuncType):
                raise InputError(
                    f"the runtime imports {import_.module}.{name}, which this host does not have",
                    remedy="build the runtime with the polkadot-sdk release this version is made for",
                )
            self._imports.define(name, import_.type, self._bound(function))

    def _bound(self, function: HostFunction) -> Callable[..., int | None]:
        calls = self._calls
        return lambda *arguments: function(calls[-1], *arguments)

    def _note_failure(self, failure: Exception) -> None:
        self._calls[-1].failure = failure

    def _reason(self, failure: Exception, function: str) -> str:
        """Return why a call failed: a host function's failure, else the runtime's last log, else wasmtime's trap."""
        call = self._calls[-1]
        if isinstance(failure, wasmtime.Trap) and failure.trap_code == wasmtime.TrapCode.INTERRUPT:
            return f"{function} didn't end within {TRIAL_S:g} seconds"
        if call.failure is None:
            return call.last_words or str(failure)
        if not isinstance(call.failure, _EXPECTED):
            raise call.failure
        return str(call.failure)

    def _version_of(self, code: bytes) -> bytes:
        try:
            other = Runtime(code, self._cache_folder, on_trial=True)
            return other.call("Core_version", b"", Overlay(EmptyView(), lambda: None))
        except (InputError, RuntimePanic) as failure:
            raise ScaleError(f"no version: {failure}") from failure


def _exported(export: object, kind: type[Export]) -> Export:
    """Return the export. Raises `InputError` unless it is of this kind, as in every runtime."""
    if not isinstance(export, kind):
        raise InputError(f"the runtime exports a {type(export).__name__} where a {kind.__name__} belongs")
    return export


@cache
def _inside(of: wasmtime.Engine) -> wasmtime.Module:
    return wasmtime.Module(of, _INSIDE.read_text())


@cache
def _inside_functions() -> frozenset[str]:
    return frozenset(export.name for export in _inside(engine()).exports)
