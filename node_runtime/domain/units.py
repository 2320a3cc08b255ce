"""Parsing and formatting of amounts, sizes and durations: ``10.5`` UNIT, ``256MiB``, ``15m``."""

import re
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal

from .task import UNIT

DECIMALS = 12  # of a UNIT
FIXED_DECIMALS = 18  # of a score
LARGEST_NUMBER = 10**18  # of a score
LONGEST = 366 * 24 * 60 * 60 * 1000  # ms; a longer deadline is taken as a mistake

_EXACT = Context(prec=80)
_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,30}))?(?:\s*UNIT)?")
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?\s*([A-Za-z]+)")
_DURATION = re.compile(r"(?:[0-9]{1,12}\s*[a-zA-Z]+\s*)+")
_PART = re.compile(r"([0-9]{1,12})\s*([a-zA-Z]+)")
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES |= {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
# what `read_amount`, `read_size` and `read_duration` take, for JSON schemas
AMOUNT_PATTERN = rf"^{_AMOUNT.pattern}$"
SIZE_PATTERN = rf"^[0-9]{{1,15}}(\.[0-9]{{1,9}})?\s*({'|'.join(_SIZES)})$"
DURATION_PATTERN = rf"^([0-9]{{1,12}}\s*({'|'.join(_MILLISECONDS)})\s*)+$"


def to_fixed(exact: Decimal) -> int:
    """Convert to units of 10⁻¹⁸, rounded half to even. Raises `ValueError` beyond ±10¹⁸."""
    if not exact.is_finite() or exact.copy_abs() > LARGEST_NUMBER:
        raise ValueError(f"{exact:.6g} is out of the range of ±10¹⁸")
    if exact.adjusted() < -FIXED_DECIMALS - 1:
        return 0  # below half a unit, possibly with more digits than the context's precision
    unit = Decimal(1).scaleb(-FIXED_DECIMALS)
    return int(exact.quantize(unit, rounding=ROUND_HALF_EVEN, context=_EXACT).scaleb(FIXED_DECIMALS, _EXACT))


def from_fixed(units: int) -> Decimal:
    """Convert units of 10⁻¹⁸ to an exact number without trailing zeros."""
    return Decimal(plain(Decimal(units).scaleb(-FIXED_DECIMALS, _EXACT)))


def plain(exact: Decimal) -> str:
    """Format all digits of a number, without exponent and trailing zeros."""
    text = f"{exact:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if exact else "0"


def read_amount(text: str) -> int:
    """Parse an amount in UNIT, e.g. ``10`` or ``0.25``, to base units. Raises `ValueError` for an inexact one."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text[:40]}' is not an amount; write UNIT as a number, e.g. 10 or 0.25")
    decimals = (found[2] or "").rstrip("0")
    if len(decimals) > DECIMALS:
        raise ValueError(f"'{text[:40]}' has more than {DECIMALS} decimals; the smallest amount is 10⁻¹² UNIT")
    return int(found[1]) * UNIT + int(decimals.ljust(DECIMALS, "0"))


def read_size(text: str) -> int:
    """Parse a size, e.g. ``256MiB`` or ``1.5GB``, to bytes. Raises `ValueError`."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text[:40]}' is not a size; write a number with a unit, e.g. 256MiB or 1GiB")
    if found[3] not in _SIZES:
        raise ValueError(f"unknown unit '{found[3][:10]}'; {_nearest(found[3], tuple(_SIZES))}")
    return int(Decimal(f"{found[1]}.{found[2] or 0}") * _SIZES[found[3]])


def read_duration(text: str) -> int:
    """Parse a duration, e.g. ``15m``, ``2h`` or ``1d 12h``, to milliseconds. Raises `ValueError`."""
    if not _DURATION.fullmatch(text.strip()):
        raise ValueError(f"'{text[:40]}' is not a duration; write a whole number with a unit, e.g. 15m, 2h or 1d")
    total = 0
    for number, unit in _PART.findall(text):
        if unit not in _MILLISECONDS:
            raise ValueError(f"unknown unit '{unit[:10]}'; {_nearest(unit, tuple(_MILLISECONDS))}")
        total += int(number) * _MILLISECONDS[unit]
    if total > LONGEST:
        raise ValueError(f"'{text[:40]}' is longer than a year")
    return total


def amount(base_units: int) -> str:
    """Format base units as ``10 UNIT``, exactly."""
    return f"{number(base_units)} UNIT"


def at_most(base_units: int) -> str:
    """Format as ``0.005124 UNIT``, rounded up: to four digits below one UNIT, to four decimals above."""
    step = 10 ** max(min(len(str(base_units)), DECIMALS) - 4, 0)
    return amount(-(-base_units // step) * step)


def number(base_units: int) -> str:
    """Format base units as ``10.25``, exactly, in UNIT."""
    sign, (whole, rest) = "-" if base_units < 0 else "", divmod(abs(base_units), UNIT)
    decimals = f"{rest:0{DECIMALS}d}".rstrip("0")
    return f"{sign}{whole:,}" + (f".{decimals}" if decimals else "")


def size(count: int) -> str:
    """Format bytes as ``1.5 GiB``, with three or four digits."""
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"


def gpus(count: int, memory: int | None = None) -> str:
    """Format as ``2 GPUs``, or ``1 GPU with 8 GiB`` and ``2 GPUs with 8 GiB each``; ``memory`` in bytes."""
    told = f"{count} GPU{'s' if count != 1 else ''}"
    return f"{told} with {size(memory)}{' each' if count != 1 else ''}" if memory else told


def duration(milliseconds: int) -> str:
    """Format as ``2h 5m``, the two largest parts; as ``0.4s`` below ten seconds."""
    if milliseconds < 10_000:
        return f"{max(milliseconds, 0) / 1000:.1f}s".replace(".0s", "s")
    parts, left = [], milliseconds
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, _MILLISECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def since(moment: int, *, now: int) -> str:
    """Format a moment in ms as ``5m ago`` or ``in 2h``."""
    return f"in {duration(moment - now)}" if moment > now else f"{duration(now - moment)} ago"


def moment(milliseconds: int) -> str:
    """Format a moment in ms in this machine's time zone, to the second."""
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _nearest(unit: str, known: tuple[str, ...]) -> str:
    fitting = [one for one in known if one.lower() == unit.lower() or one[0].lower() == unit[0].lower()]
    return f"did you mean '{fitting[-1]}'?" if fitting else f"known are: {', '.join(known)}"
