"""A class for each kind of document, made from the registry of kinds; ``kinds.pyi`` has their types for editors.

After a change of a kind's keys `make types` writes that file anew.
"""

from .documents import class_names, class_of


def __getattr__(name: str) -> type:
    kind = class_names().get(name)
    if kind is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return class_of(kind)


def __dir__() -> list[str]:
    return sorted(class_names())
