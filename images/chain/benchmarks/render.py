"""The Rust of measured weights: the trait `WeightInfo`, and its implementations with a runtime's and RocksDB's prices
of the database."""

import subprocess
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .fit import Linear


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One benchmark: its components with their bounds, picoseconds, and how many keys it reads and writes."""

    name: str
    components: tuple[tuple[str, int, int], ...]
    ref_time: Linear
    reads: Linear
    writes: Linear

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _, _ in self.components)


_IMPLEMENTATIONS = (
    (
        "/// With the prices of the runtime's database.",
        "impl<T: frame_system::Config> WeightInfo for SubstrateWeight<T>",
        "T::DbWeight::get()",
    ),
    ("/// With RocksDB's prices, for tests.", "impl WeightInfo for ()", "RocksDbWeight::get()"),
)
_IMPORTS = """
use core::marker::PhantomData;
use frame_support::{traits::Get, weights::{constants::RocksDbWeight, Weight}};
"""


def write_weights(path: Path, head: Sequence[str], measured: Sequence[Measured]) -> None:
    """Write the file, formatted."""
    path.write_text("\n".join(_lines(head, measured)) + "\n")
    config = Path(__file__).resolve().parent.parent / "rustfmt.toml"
    subprocess.run(["/usr/bin/rustfmt", "--edition", "2021", "--config-path", str(config), str(path)], check=True)


def _lines(head: Sequence[str], measured: Sequence[Measured]) -> Iterator[str]:
    yield from (f"//! {line}".rstrip() for line in head)
    yield _IMPORTS
    yield "/// What each benchmark weighs."
    yield "pub trait WeightInfo {"
    yield from (f"fn {_signature(one)};" for one in measured)
    yield from ("}", "", "pub struct SubstrateWeight<T>(PhantomData<T>);")
    for comment, header, database in _IMPLEMENTATIONS:
        yield from ("", comment, header + " {")
        for number, one in enumerate(measured):
            if number:
                yield ""
            yield from _function(one, database)
        yield "}"


def _signature(one: Measured, unused: Collection[str] = ()) -> str:
    parameters = ", ".join(f"{'_' if name in unused else ''}{name}: u32" for name in one.names)
    return f"{one.name}({parameters}) -> Weight"


def _function(one: Measured, database: str) -> Iterator[str]:
    if one.components:
        bounds = ", ".join(f"`{name}` from {low} to {high}" for name, low, high in one.components)
        yield f"/// With {bounds}."
    slopes = zip(one.ref_time.slopes, one.reads.slopes, one.writes.slopes, strict=True)
    unused = {name for name, of in zip(one.names, slopes, strict=True) if not any(of)}
    yield f"fn {_signature(one, unused)} {{"
    yield f"Weight::from_parts({one.ref_time.base:_}, 0)"
    for name, slope in zip(one.names, one.ref_time.slopes, strict=True):
        if slope:
            yield f".saturating_add(Weight::from_parts({slope:_}, 0).saturating_mul({name}.into()))"
    for access, count in (("reads", one.reads), ("writes", one.writes)):
        if count.base:
            yield f".saturating_add({database}.{access}({count.base}))"
        for name, slope in zip(one.names, count.slopes, strict=True):
            if slope:
                times = f"{name}.into()" if slope == 1 else f"u64::from({name}).saturating_mul({slope})"
                yield f".saturating_add({database}.{access}({times}))"
    yield "}"
