"""What is built from a creator's Dockerfile? Pure: its text and the node's base image → the text that is built.

The creator's file stays as it is; only the copy that goes to the engine is changed.
"""

import re
from collections.abc import Sequence

BASE_ARGUMENT = "BASE_IMAGE"

_FROM = re.compile(r"^(?P<head>\s*FROM\s+(?:--\S+\s+)*)(?P<image>\S+)(?P<tail>.*)$", re.IGNORECASE)
_OFFICIAL = re.compile(r"(?:docker\.io/)?(?:library/)?python:3(?:\.11(?:\.\d+)?)?(?:-slim)?(?:-bookworm)?")


def stands_for(image: str) -> bool:
    """Whether the base image may take the place of `image`: Docker's official Python 3.11 on Debian 12."""
    return _OFFICIAL.fullmatch(image) is not None


def mapped(text: str, *, base: str, arguments: Sequence[str]) -> str:
    """The Dockerfile with `base` in place of the official Python, and `arguments` known to every stage's RUN steps.

    When `base` is itself an official image, every FROM stays: the registry it came from has the others too.
    """
    lines = []
    for line in text.splitlines():
        found = _FROM.match(line)
        if found is None:
            lines.append(line)
            continue
        replaced = stands_for(found["image"]) and not stands_for(base)
        lines.append(f"{found['head']}{base if replaced else found['image']}{found['tail']}")
        lines.extend(f"ARG {argument}" for argument in arguments)
    return "\n".join(lines) + "\n"
