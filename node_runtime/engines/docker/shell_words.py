"""Expansion of quotes, escapes and variables in a Dockerfile's words, like the builder's own.

Format: Docker's "Environment replacement" with the modifiers ``:-``, ``-``, ``:+`` and ``+``. Pure.
"""

import re
from collections.abc import Mapping

_VARIABLE = re.compile(r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?P<rest>[^}]*)\})")
MOST_CHARACTERS = 4096  # of an expanded word: each variable may double another one
_ADDRESSES = ("http://", "https://", "git://", "ssh://", "git@", "github.com/")
_MODIFIERS = (":-", ":+", "-", "+")


def expanded(word: str, values: Mapping[str, str], *, escape: str = "\\") -> str:
    """Expand a word: resolve quotes and replace variables, unset ones by nothing.

    Raises `ValueError` for an unsupported form of a variable.
    """
    said, quote, place, length = list[str](), "", 0, 0
    while place < len(word):
        sign = word[place]
        if quote == "'" and sign != "'":
            said.append(sign)
        elif sign in ("'", '"') and quote in ("", sign):
            quote = "" if quote else sign
        elif sign == escape and place + 1 < len(word):
            place += 1
            said.append(word[place] if not quote or word[place] in ('"', "$", escape) else sign + word[place])
        elif sign == "$":
            found = _VARIABLE.match(word, place)
            if found is None:
                raise ValueError(f"{word!r}: only $NAME, ${{NAME}} and ${{NAME:-default}} are known here")
            said.append(_value(found, values, escape))
            place = found.end() - 1
        else:
            said.append(sign)
        length += len(said[-1]) if said else 0
        if length > MOST_CHARACTERS:
            raise ValueError(f"with its variables replaced it has more than {MOST_CHARACTERS} characters")
        place += 1
    return "".join(said)


def _value(found: re.Match[str], values: Mapping[str, str], escape: str) -> str:
    name, rest = found["plain"] or found["name"], found["rest"] or ""
    if not rest:
        return values.get(name, "")
    modifier = next((one for one in _MODIFIERS if rest.startswith(one)), None)
    if modifier is None:
        raise ValueError(f"{found[0]!r}: only $NAME, ${{NAME}} and ${{NAME:-default}} are known here")
    has = bool(values.get(name)) if modifier.startswith(":") else name in values
    if modifier.endswith("+"):
        return expanded(rest.removeprefix(modifier), values, escape=escape) if has else ""
    return values[name] if has else expanded(rest.removeprefix(modifier), values, escape=escape)


def may_be_address(word: str) -> bool:
    """Whether the word is or may expand to an address outside the folder. Variables are not expanded.

    The beginning decides: a builder recognises an address by its prefix.
    """
    bare = re.sub(r"[\"'\\`]", "", word)
    known, _, variable = bare.partition("$")
    if variable or bare.endswith("$"):
        return any(start.startswith(known.lower()) or known.lower().startswith(start) for start in _ADDRESSES)
    return known.lower().startswith(_ADDRESSES) or re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", known) is not None
