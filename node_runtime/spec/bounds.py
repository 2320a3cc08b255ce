"""Bounds of the packaged runtime, which its build extracts from the runtime's metadata.

They serve checks without a chain; a connected chain's own bounds (`ChainReads.bounds`) take precedence, as far as its
runtime names them: an earlier one names fewer.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from node_runtime.domain.price import Bounds

_RECORD = Path(__file__).parents[1] / "devnet" / "runtime" / "chain_runtime.json"


def packaged_bounds() -> Bounds:
    return bounds_of(tasks={}, registry={})


def bounds_of(*, tasks: Mapping[str, int], registry: Mapping[str, int]) -> Bounds:
    """Build a chain's bounds from its pallets' constants; what an earlier runtime lacks is the packaged one's."""
    packaged = _packaged_constants()
    return Bounds.of(tasks={**packaged["Tasks"], **tasks}, registry={**packaged["Registry"], **registry})


@cache
def _packaged_constants() -> dict[str, dict[str, int]]:
    constants: dict[str, dict[str, int]] = json.loads(_RECORD.read_text())["constants"]
    return constants
