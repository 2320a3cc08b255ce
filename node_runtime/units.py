"""How do people write amounts, sizes and durations? ``10.5`` UNIT, ``256MiB``, ``15m``: read exactly, written short."""

import re
from datetime import datetime
from decimal import Decimal

from node_runtime.task import UNIT

DECIMALS = 12  # of a UNIT
LONGEST = 366 * 24 * 60 * 60 * 1000  # ms; a longer deadline is a slip of the pen

_AMOUNT = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,30}))?(?:\s*UNIT)?")
_SIZE = re.compile(r"([0-9]{1,15})(?:\.([0-9]{1,9}))?\s*([A-Za-z]+)")
_DURATION = re.compile(r"(?:[0-9]{1,12}\s*[a-zA-Z]+\s*)+")
_PART = re.compile(r"([0-9]{1,12})\s*([a-zA-Z]+)")
_SIZES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZES |= {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def read_amount(text: str) -> int:
    """Base units of an amount in UNIT, e.g. ``10`` or ``0.25``. Raises `ValueError` for what can't be paid exactly."""
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text[:40]}' is not an amount; write UNIT as a number, e.g. 10 or 0.25")
    decimals = (found[2] or "").rstrip("0")
    if len(decimals) > DECIMALS:
        raise ValueError(f"'{text[:40]}' has more than {DECIMALS} decimals; the smallest amount is 10⁻¹² UNIT")
    return int(found[1]) * UNIT + int(decimals.ljust(DECIMALS, "0"))


def read_size(text: str) -> int:
    """Bytes of e.g. ``256MiB`` or ``1.5GB``. Raises `ValueError`."""
    found = _SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"'{text[:40]}' is not a size; write a number with a unit, e.g. 256MiB or 1GiB")
    if found[3] not in _SIZES:
        raise ValueError(f"unknown unit '{found[3][:10]}'; {_nearest(found[3], tuple(_SIZES))}")
    return int(Decimal(f"{found[1]}.{found[2] or 0}") * _SIZES[found[3]])


def read_duration(text: str) -> int:
    """Milliseconds of e.g. ``15m``, ``2h`` or ``1d 12h``. Raises `ValueError`."""
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
    """``10 UNIT``, with all decimals that are not zero."""
    return f"{number(base_units)} UNIT"


def number(base_units: int) -> str:
    """``10.25``: exact, in UNIT."""
    sign, (whole, rest) = "-" if base_units < 0 else "", divmod(abs(base_units), UNIT)
    decimals = f"{rest:0{DECIMALS}d}".rstrip("0")
    return f"{sign}{whole:,}" + (f".{decimals}" if decimals else "")


def size(count: int) -> str:
    """``1.5 GiB``: three digits, or four."""
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            break
        value /= 1024
    return f"{value:.3g} {unit}" if value < 1000 else f"{value:.0f} {unit}"


def duration(milliseconds: int) -> str:
    """``2h 5m``: the two largest parts; ``0.4s`` below a second."""
    if milliseconds < 10_000:
        return f"{max(milliseconds, 0) / 1000:.1f}s".replace(".0s", "s")
    parts, left = [], milliseconds
    for unit in ("d", "h", "m", "s"):
        count, left = divmod(left, _MILLISECONDS[unit])
        if count:
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def since(moment: int, *, now: int) -> str:
    """``5m ago`` or ``in 2h``, of a moment in ms."""
    return f"in {duration(moment - now)}" if moment > now else f"{duration(now - moment)} ago"


def moment(milliseconds: int) -> str:
    """A moment in this machine's time zone, to the second."""
    return datetime.fromtimestamp(milliseconds / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _nearest(unit: str, known: tuple[str, ...]) -> str:
    fitting = [one for one in known if one.lower() == unit.lower() or one[0].lower() == unit[0].lower()]
    return f"did you mean '{fitting[-1]}'?" if fitting else f"known are: {', '.join(known)}"
