"""How is a runtime called? Each call gets a fresh wasm instance with its own memory, and the host's functions with it.

Source: the Polkadot protocol specification, "Host API".
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import wasmtime

from node_runtime.errors import InputError

from .call import Call, HostRefusal, Memory
from .compiled import compiled, engine, unpacked
from .host_functions import HOST_FUNCTIONS, HostFunction
from .imports import Imports
from .scale import ScaleError
from .state import EmptyView, Overlay

_EXPECTED = (HostRefusal, ScaleError, ValueError)
"""What the runtime can bring about in a host function; anything else is this program's or the disk's failure."""

_ALLOCATOR = Path(__file__).with_name("allocator.wat")
_ALLOCATOR_FUNCTIONS = ("ext_allocator_malloc_version_1", "ext_allocator_free_version_1")
_RUNTIME = "runtime"  # the linker's name for the newest instance
_SPARE_PAGES = 64  # 4 MiB to begin with, so that few calls have to grow it; untouched pages cost nothing
_MOST_PAGES = 4096  # 256 MiB; a call that wants more is broken


Export = TypeVar("Export")


class RuntimePanic(Exception):
    """A call did not return: the runtime panicked, or asked for what this host does not give. The text says why."""


class Runtime:
    """A chain's rules, ready to be called. One thread at a time; calls leave nothing behind but the overlay's changes.

    Raises `InputError` when the code is no runtime, or wants host functions that this host does not have.
    """

    def __init__(self, code: bytes, cache_folder: Path) -> None:
        self._cache_folder = cache_folder
        self._module = compiled(unpacked(code), cache_folder)
        self._linker = wasmtime.Linker(engine())
        self._linker.allow_shadowing = True  # each call brings its own memory and allocator
        self._imports = Imports(self._linker, self._note_failure)
        self._calls: list[Call] = []
        self._memory_pages = 0
        self.functions = frozenset(
            export.name for export in self._module.exports if isinstance(export.type, wasmtime.FuncType)
        )
        for import_ in self._module.imports:
            self._link(import_)

    def call(self, function: str, argument: bytes, overlay: Overlay) -> bytes:
        """Call an exported function with encoded arguments; returns the encoded result.

        Raises `RuntimePanic`; storage transactions that the call opened are then rolled back, but not its other
        changes.
        """
        if function not in self.functions:
            raise RuntimePanic(f"the runtime has no function {function}")
        store = wasmtime.Store(engine())
        memory, called = self._instance(store, function, overlay)
        depth = overlay.depth
        try:
            address = memory.give(argument)
            return memory.read(called(store, address, len(argument)))
        except (wasmtime.WasmtimeError, wasmtime.Trap, HostRefusal) as failure:
            overlay.rollback_to(depth)
            raise RuntimePanic(self._reason(failure)) from failure
        finally:
            self._calls.pop()

    def _instance(self, store: wasmtime.Store, function: str, overlay: Overlay) -> tuple[Memory, wasmtime.Func]:
        limits = wasmtime.Limits(self._memory_pages + _SPARE_PAGES, _MOST_PAGES)
        wasm_memory = wasmtime.Memory(store, wasmtime.MemoryType(limits))
        self._linker.define(store, "env", "memory", wasm_memory)
        allocator = self._linker.instantiate(store, _allocator()).exports(store)
        malloc, free, init = (_exported(allocator[name], wasmtime.Func) for name in ("malloc", "free", "init"))
        for name, allocating in zip(_ALLOCATOR_FUNCTIONS, (malloc, free), strict=True):
            self._linker.define(store, "env", name, allocating)
        # through the linker, because an instance's own list of exports takes as long to make as the instance
        self._linker.define_instance(store, _RUNTIME, self._linker.instantiate(store, self._module))
        heap = _exported(self._linker.get(store, _RUNTIME, "__heap_base"), wasmtime.Global)
        table: int = init(store, heap.value(store))
        memory = Memory(store, wasm_memory, malloc, table)
        self._calls.append(Call(memory, overlay, self._version_of))
        return memory, _exported(self._linker.get(store, _RUNTIME, function), wasmtime.Func)

    def _link(self, import_: wasmtime.ImportType) -> None:
        if isinstance(import_.type, wasmtime.MemoryType):
            self._memory_pages = import_.type.limits.min
        elif import_.name not in _ALLOCATOR_FUNCTIONS:
            name = import_.name or ""
            function = HOST_FUNCTIONS.get(name)
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

    def _reason(self, failure: Exception) -> str:
        """Why a call ended: what a host function met, else what the runtime said last, else wasmtime's trap."""
        call = self._calls[-1]
        if call.failure is None:
            return call.last_words or str(failure)
        if not isinstance(call.failure, _EXPECTED):
            raise call.failure
        return str(call.failure)

    def _version_of(self, code: bytes) -> bytes:
        try:
            return Runtime(code, self._cache_folder).call("Core_version", b"", Overlay(EmptyView(), lambda: None))
        except (InputError, RuntimePanic) as failure:
            raise ScaleError(f"no version: {failure}") from failure


def _exported(export: object, kind: type[Export]) -> Export:
    """The export, which has to be of this kind in anything that calls itself a runtime."""
    if not isinstance(export, kind):
        raise InputError(f"the runtime exports a {type(export).__name__} where a {kind.__name__} belongs")
    return export


@cache
def _allocator() -> wasmtime.Module:
    return wasmtime.Module(engine(), _ALLOCATOR.read_text())
