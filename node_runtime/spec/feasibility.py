"""What of a task's terms no node can meet, what few can, what the chain's bounds refuse, and which keys contradict.

Each with its place.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

from node_runtime.domain.assets import AssetKind
from node_runtime.domain.document import MOST_BYTES
from node_runtime.domain.parameters import FILE_NAME as PARAMETERS
from node_runtime.domain.price import Bounds
from node_runtime.domain.units import amount, duration, size
from node_runtime.kinds import TaskSpec

from .bounds import packaged_bounds
from .common import PREPARING, Conflicts
from .messages import Location


def errors_in(spec: TaskSpec) -> Conflicts:
    """Yield the requirements that no node can meet, with place and remedy."""
    for key in ("memory", "outputs", "scratch", "gpu_memory"):
        given = getattr(spec.limits, key)
        if given is not None and given > MOST_BYTES:
            yield ("limits", key), f"no node has {size(given)}; at most {size(MOST_BYTES)} can be asked for"
    if "scratch" in spec.limits.model_fields_set and spec.limits.scratch > spec.limits.memory:
        yield (
            ("limits", "scratch"),
            f"scratch counts as memory, of which there is {size(spec.limits.memory)}; raise limits.memory as well",
        )
    if spec.limits.gpu_memory is not None and not spec.limits.gpus:
        yield ("limits", "gpu_memory"), "gpu_memory is that of each GPU, and the task has none; add 'gpus: 1', or more"
    if spec.deadline < _containers(spec):
        yield (
            ("deadline",),
            f"{duration(spec.deadline)} is over before {_run_time(spec)} could be; "
            "lower limits.timeout or give the task a later deadline",
        )


def warnings_in(spec: TaskSpec) -> Conflicts:
    """Yield deadlines shorter than an attempt may need, and results that are paid unreviewed."""
    if spec.slots > 1 and spec.validation.auto is not None:
        yield (
            ("slots",),
            f"{spec.slots} results are accepted without a look, copies of one another too; "
            "validation: manual or custom allows the rejection of duplicates, which the chain reports",
        )
    if _containers(spec) <= spec.deadline < attempt_time(spec):
        yield (
            ("deadline",),
            f"{duration(spec.deadline)} is short: an attempt may need {duration(attempt_time(spec))}, "
            f"{_run_time(spec)} and {duration(PREPARING)} to fetch and build before",
        )


def beyond_bounds(spec: TaskSpec, bounds: Bounds) -> Conflicts:
    """Yield the terms that exceed their bound, each with its place."""
    if spec.reward < bounds.min_reward:
        yield ("reward",), f"reward {amount(spec.reward)} is below {amount(bounds.min_reward)}"
    least_bond = max(bounds.min_bond, bounds.rejection(spec.reward) if spec.rejects else 0)
    if spec.worker_bond < least_bond:
        yield ("bond",), f"bond {amount(spec.worker_bond)} is below {amount(least_bond)}"
    most_bond = spec.reward * bounds.rewards_per_bond + bounds.bond_allowance
    terms: list[tuple[Location, str, int, int, Callable[[int], str]]] = [
        (("reward",), "reward", spec.reward, bounds.max_reward, amount),
        (("bond",), "bond", spec.worker_bond, most_bond, amount),
        (("slots",), "slots", spec.slots, bounds.max_slots, str),
        (("max_failures",), "max_failures", spec.failures, bounds.max_failures, str),
        (("max_rejects",), "max_rejects", spec.rejects, bounds.rejects_per_slot * spec.slots, str),
        (("deadline",), "deadline", spec.deadline, bounds.max_duration, duration),
        (("limits", "timeout"), _words_for_attempt(spec), attempt_time(spec), bounds.max_timeout, duration),
        *_windows(spec, bounds),
    ]
    for location, word, given, most, shown in terms:
        if given > most:
            yield location, f"{word} {shown(given)} is above {shown(most)}"


def attempt_time(spec: TaskSpec) -> int:
    """Return the timeout of an attempt in ms: all its containers, plus fetching inputs and building images."""
    return _containers(spec) + PREPARING


def _windows(spec: TaskSpec, bounds: Bounds) -> Iterator[tuple[Location, str, int, int, Callable[[int], str]]]:
    for name, each in (("manual", spec.validation.manual), ("custom", spec.validation.custom)):
        if each is not None:
            yield ("validation", name, "window"), "validation window", each.window, bounds.max_window, duration


def _words_for_attempt(spec: TaskSpec) -> str:
    return f"{_run_time(spec)} with {duration(PREPARING)} to fetch and build:"


def _containers(spec: TaskSpec) -> int:
    """Return the total container time of one attempt in milliseconds."""
    return spec.stages * spec.limits.timeout


def _run_time(spec: TaskSpec) -> str:
    each = duration(spec.limits.timeout)
    return f"the {each} of its container" if spec.stages == 1 else f"{spec.stages} containers of {each} each"


def task_conflicts(spec: TaskSpec) -> Conflicts:
    """Yield conflicts between the keys common to every kind of task."""
    yield from errors_in(spec)
    yield from _parameters_in_the_way(spec)
    if spec.assign_to is not None and spec.slots > 1:
        yield ("slots",), "one account delivers one result; leave 'slots' or 'assign_to' out"
    if spec.validation.auto is not None and spec.rejects:
        yield ("max_rejects",), "with validation 'auto' nothing is rejected; leave it out, or use 'manual'"
    chain = packaged_bounds()
    if spec.bond is not None and spec.rejects and spec.bond < chain.rejection(spec.reward):
        yield ("bond",), f"a rejection costs the worker {chain.reject_fee}% of the reward; the bond must cover that"


def _parameters_in_the_way(spec: TaskSpec) -> Conflicts:
    bundles = [one.source for one in spec.assets() if one.kind is AssetKind.BUNDLE and isinstance(one.source, Path)]
    if spec.parameters is not None and any((bundle / PARAMETERS).exists() for bundle in bundles):
        yield ("parameters",), f"the bundle has a {PARAMETERS} of its own; rename that, or leave 'parameters' out"
