"""Messages on a YAML's mistakes in its author's terms and units: pydantic's errors, and the nearest valid word."""

import difflib
from collections.abc import Callable, Iterator
from typing import Any, Protocol, TypeAlias

from node_runtime.domain.units import amount, duration, read_amount, read_duration, read_size, size

Location: TypeAlias = tuple[int | str, ...]
"""A value's place in a document: keys and indices from the root."""


class WrittenDocument(Protocol):
    """A document as its author wrote it, in a file or as arguments in Python: plain values, and their places."""

    @property
    def value(self) -> dict[str, Any]: ...
    def at(self, location: Location, *, key: bool = False) -> str:
        """Format the place of a value, or of its key, for a message. Steps that aren't there are skipped."""
        ...

    def keys(self, location: Location) -> tuple[str, ...]:
        """Return the keys to name beside the place, from the root; none where the place names them itself."""
        ...


_WANTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing_size": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "tuple_type": "a list, e.g. [a, b]",
    "list_type": "a list, e.g. [a, b]",
    "dict_type": "keys with values, e.g. {key: value}",
    "model_type": "keys with values, e.g. {key: value}",
    "model_attributes_type": "keys with values, e.g. {key: value}",
    "none_required": "nothing",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_UNITS: tuple[tuple[Callable[[str], int], Callable[[int], str]], ...] = (
    (read_duration, duration),
    (read_size, size),
    (read_amount, amount),
)


def describe_error(mistake: Any) -> str:
    """Return the reason and the given value of one of pydantic's error details, without the place.

    Bounds are converted from milliseconds, bytes or base units to the unit in which the value was written.
    """
    given, kind, context = mistake.get("input"), mistake["type"], mistake.get("ctx", {})
    if kind in ("value_error", "assertion_error"):
        return _lowered(mistake["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, "))
    if kind in ("too_long", "too_short"):
        most = kind == "too_long"
        bound = context["max_length" if most else "min_length"]
        return f"{'at most' if most else 'at least'} {bound} can stand here, there are {context['actual_length']}"
    quotes = "; put quotes around it" if kind == "string_type" and isinstance(given, int | float) else ""
    return _wanted(mistake, given) + _got(given) + quotes


def _wanted(mistake: Any, given: object) -> str:
    kind, context = mistake["type"], mistake.get("ctx", {})
    if kind in _BOUNDS:
        bound, words = _BOUNDS[kind]
        return f"{words} {_like(given, context[bound])}"
    if kind in ("literal_error", "enum"):
        return f"must be {context['expected']}"
    if kind == "string_pattern_mismatch":
        return f"must match {context['pattern']}"
    return f"must be {_WANTED[kind]}" if kind in _WANTED else _lowered(mistake["msg"])


def _like(given: object, bound: Any) -> str:
    """Format a bound like the given value: ``2s`` for ``0m``."""
    if isinstance(given, str):
        for read, shown in _UNITS:
            try:
                read(given)
            except ValueError:
                continue
            return shown(int(bound))
    return f"{bound:,}" if isinstance(bound, int) else f"{bound:g}"


def _got(given: object) -> str:
    if given is None:
        return ", but nothing stands there"
    if isinstance(given, bool):
        return f", not {str(given).lower()}"
    if isinstance(given, str | int | float):
        return f", not {given!r:.60}"
    return ", not a list" if isinstance(given, list | tuple) else ", not keys with values"


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:]


def nearest(word: str, valid: Iterator[str] | tuple[str, ...]) -> str:
    """Return a hint: ``did you mean 'memory'?``, ``known are: …`` without a close match, empty without valid words."""
    names = sorted(set(valid))
    close = difflib.get_close_matches(word, names, n=1)
    if close:
        return f"did you mean '{close[0]}'?"
    return f"known are: {', '.join(names)}" if names else ""
