"""Could anybody do what a task of the YAML asks for? What nobody could is a mistake, what few could a warning. Pure."""

from collections.abc import Iterator

from node_runtime.spec_models import TaskSpec
from node_runtime.spec_parts import PREPARING
from node_runtime.units import duration, size
from node_runtime.yaml_marks import Location

TIB = 1 << 40
MOST_MEMORY = 32 * TIB  # more than the largest machines have
MOST_OUTPUTS = 64 * TIB  # of one container, to be written, packed, stored and fetched again


def impossible(spec: TaskSpec) -> Iterator[tuple[Location, str]]:
    """What no node can give, with its place and remedy."""
    for key, given, most in (
        ("memory", spec.limits.memory, MOST_MEMORY),
        ("outputs", spec.limits.outputs, MOST_OUTPUTS),
    ):
        if given > most:
            yield ("limits", key), f"no node has {size(given)}; at most {size(most)} can be asked for"
    if spec.deadline < _containers(spec):
        yield (
            ("deadline",),
            f"{duration(spec.deadline)} is over before {_run_time(spec)} could be; "
            "lower limits.timeout or give the task a later deadline",
        )


def doubtful(spec: TaskSpec) -> Iterator[tuple[Location, str]]:
    """What leaves a node less time than an attempt may need."""
    needed = _containers(spec) + PREPARING
    if _containers(spec) <= spec.deadline < needed:
        yield (
            ("deadline",),
            f"{duration(spec.deadline)} is short: an attempt may need {duration(needed)}, "
            f"{_run_time(spec)} and {duration(PREPARING)} to fetch and build before",
        )


def _containers(spec: TaskSpec) -> int:
    """Milliseconds that the containers of one attempt may run."""
    return spec.stages * spec.limits.timeout


def _run_time(spec: TaskSpec) -> str:
    each = duration(spec.limits.timeout)
    return f"the {each} of its container" if spec.stages == 1 else f"{spec.stages} containers of {each} each"
