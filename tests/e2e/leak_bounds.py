"""How many bits of private data may leave, computed from the constants of the code that bounds them."""

import math

from node_runtime.domain.units import FIXED_DECIMALS, LARGEST_NUMBER
from node_runtime.errors import FailureCategory
from node_runtime.kinds.perf import MOST_NUMBERS, PRIVATE_DIGITS
from node_runtime.spec.common import LimitsSpec
from node_runtime.worker.withholding import power_of_two

LIMITS = LimitsSpec()  # the limits of a task that names none
ATTEMPT = 3_600_000  # ms, as in the table of docs/privacy.md
MOMENTS = 4  # of a scoring after its program began: its metrics, outputs and upload in the live channel, its submission


def numbers() -> int:
    """Bits of the numbers of one scoring: up to `MOST_NUMBERS`, of `PRIVATE_DIGITS` digits and the chain's range."""
    largest = _exponent(LARGEST_NUMBER)
    digits = (min(PRIVATE_DIGITS, exponent + FIXED_DECIMALS + 1) for exponent in range(-FIXED_DECIMALS, largest))
    values = 2 * (sum(9 * 10 ** (count - 1) for count in digits) + 1) + 1  # both signs, the largest number, and zero
    return math.ceil(math.log2(sum(values**count for count in range(1, MOST_NUMBERS + 1))))


def _exponent(power_of_ten: int) -> int:
    return len(str(power_of_ten)) - 1


def moments() -> int:
    """Bits of the moments at which the parts of a scoring's attempt are seen, to a millisecond."""
    return MOMENTS * math.ceil(math.log2(ATTEMPT))


def resources() -> int:
    """Bits of the seconds and peaks of memory in result.json: of two stages, their sum, and the outputs' step."""
    stage, whole = LIMITS.timeout / 1000, ATTEMPT / 1000
    seconds = [_powers(stage), _powers(stage), _powers(2 * stage), _powers(whole)]
    peaks = [_powers(LIMITS.memory) + 1] * 2  # or none
    return math.ceil(math.log2(math.prod([*seconds, *peaks])))


def outcomes() -> int:
    """Bits of how an attempt ends: done, or one of the failures' categories."""
    return math.ceil(math.log2(len(FailureCategory) + 1))


def _powers(most: float) -> int:
    """Return how many values up to ``most`` a number that is rounded up to a power of two has."""
    return int(math.log2(power_of_two(most))) + 1
