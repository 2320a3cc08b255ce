"""Translation of a Dockerfile, with the ids of the images that it names, into the text that is built. Pure.

Only FROM instructions, and the ``--from`` of a COPY that names an image, are rewritten: both then name the image by its
id. BuildKit's parser reads the file; instructions that the engine's classic builder, which is used here, can't execute
are refused with their line.
"""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .shell_words import expanded, may_be_address

if TYPE_CHECKING:
    from dockerfile import Command


BASE_ARGUMENT = "BASE_IMAGE"
LEFT_LABEL = "node-runtime-build"  # on all images and containers of a build, even a failed one
SHARED_STEPS = "1"
NO_IMAGE = "scratch"
MOST_TEXT = 256 << 10  # bytes: held in memory
MOST_INSTRUCTIONS = 1000
MOST_STAGES = 64  # each base image must be present

_ESCAPE = re.compile(r"#\s*escape\s*=\s*(?P<sign>[\\`])\s*", re.IGNORECASE)
_BUILDKITS = {
    "RUN": ("mount", "network", "security", "device"),
    "COPY": ("chmod", "link", "parents", "exclude"),
    "ADD": ("chmod", "link", "checksum", "keep-git-dir", "unpack", "exclude"),
}


def build_label(steps: str) -> str:
    """The first instruction of each stage of a build, with which the engine compares it to others."""
    return f"LABEL {LEFT_LABEL}={steps}"


@dataclass(frozen=True, kw_only=True)
class _Use:
    """An instruction that names an image, with its lines counted from 1."""

    first: int
    last: int
    image: str
    head: str  # the text before the image's id
    tail: str
    begins_stage: bool


@dataclass(frozen=True, kw_only=True)
class Program:
    """What an image runs, as far as its Dockerfile says: ENTRYPOINT and CMD of the last stage and those it builds on.

    ``entrypoint`` are the words of the list form, ``shell`` the text of the shell form; both None: ``base``, the image
    that it begins with, decides. ``line`` is the ENTRYPOINT's, else the FROM's. ``steps`` are the texts of RUN.
    """

    base: str
    line: int
    entrypoint: tuple[str, ...] | None = None
    shell: str | None = None
    command: bool = False
    steps: tuple[str, ...] = ()

    def after(self, command: "Command") -> "Program":
        """Return the program after one more instruction."""
        match command.cmd.upper():
            case "ENTRYPOINT" if not command.json:
                return replace(self, line=command.start_line, entrypoint=None, shell=" ".join(command.value))
            case "ENTRYPOINT":
                words = tuple(command.value) or None
                return replace(self, line=command.start_line, entrypoint=words, shell=None)
            case "CMD":
                return replace(self, command=bool(command.value))
            case "RUN":
                return replace(self, steps=(*self.steps, " ".join(command.value)))
        return self


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A parsed Dockerfile. ``images`` are the images it names, as they are written, without duplicates."""

    images: tuple[str, ...]
    program: Program
    lines: tuple[str, ...] = field(repr=False)
    uses: tuple[_Use, ...] = field(repr=False)

    def text(self, ids: Mapping[str, str], *, arguments: Sequence[str], steps: str = SHARED_STEPS) -> str:
        """Render the Dockerfile with image ids in place of names, and `arguments` declared in every stage.

        Builds with equal ``steps`` share those steps of theirs that are equal.
        """
        lines, place = list[str](), 0
        known = [build_label(steps), *(f"ARG {argument}" for argument in arguments)]
        for use in self.uses:
            lines.extend(self.lines[place : use.first - 1])
            lines.append(f"{use.head}{ids.get(use.image, use.image)}{use.tail}")
            lines.extend(known if use.begins_stage else ())
            place = use.last
        return "\n".join((*lines, *self.lines[place:])).rstrip("\n") + "\n"


def read_recipe(text: str, *, base: str) -> Recipe:
    """Parse a Dockerfile. Raises `ValueError` with the line of an instruction that can't be built.

    `base` is the build argument BASE_IMAGE.
    """
    escape, uses = _escape(text), list[_Use]()
    values, stages, programs = {BASE_ARGUMENT: base}, list[str](), list[Program]()
    for command in _commands(text):
        with _Place(command.start_line):
            _check(command, escape)
            if command.cmd.upper() == "ARG" and not stages:
                _note_arguments(command, values, escape)
            elif command.cmd.upper() == "FROM":
                use, name = _from(command, values, escape, stages, base)
                programs.append(_begun(use, programs, stages))
                uses.append(use)
                stages.append(name)
            elif (named := _copied_from(command, stages)) is not None:
                uses.append(_copy(command, named, base))
            if programs:
                programs[-1] = programs[-1].after(command)
            if len(stages) > MOST_STAGES or len(uses) > 2 * MOST_STAGES:
                raise ValueError(f"it names more than {MOST_STAGES} images")
    if not stages:
        raise ValueError("it has no FROM")
    images = dict.fromkeys(use.image for use in uses if use.image not in ("", NO_IMAGE))
    return Recipe(images=tuple(images), program=programs[-1], lines=tuple(text.split("\n")), uses=tuple(uses))


def read_dockerfile(path: Path) -> str:
    """Read a Dockerfile. Raises `ValueError` for invalid UTF-8 or an oversized file."""
    with path.open("rb") as file:
        content = file.read(MOST_TEXT + 1)
    if len(content) > MOST_TEXT:
        raise ValueError(f"it is larger than {MOST_TEXT >> 10} KiB")
    return content.decode()


def check_dockerfile(path: Path) -> Program:
    """Return what its image runs. Raises `ValueError` for one that no node can build, judged by its text alone."""
    return read_recipe(read_dockerfile(path), base="python:3.11-slim-bookworm").program


def check_triggers(triggers: Sequence[str]) -> None:
    """Raise `ValueError` for ONBUILD instructions of an image that a Dockerfile may not have."""
    for trigger in triggers:
        for command in _commands(trigger):
            _check(command, "\\")


class _Place:
    """Prefixes a `ValueError` with the line number."""

    def __init__(self, line: int) -> None:
        self._line = line

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ValueError):
            raise ValueError(f"line {self._line}: {error}") from error


def _commands(text: str) -> "Sequence[Command]":
    import dockerfile  # lazy import: 8 MB and the threads of Go

    if "\0" in text:  # the parser stops there
        raise ValueError("it has a NUL character")
    try:
        commands: Sequence[Command] = dockerfile.parse_string(text)
    except dockerfile.GoParseError as error:
        raise ValueError(str(error)) from error
    if len(commands) > MOST_INSTRUCTIONS:
        raise ValueError(f"it has {len(commands)} instructions, more than {MOST_INSTRUCTIONS}")
    return commands


def _escape(text: str) -> str:
    """The escape character, set by a directive in the Dockerfile's leading comments."""
    for line in text.removeprefix("\ufeff").split("\n"):
        if not line.lstrip().startswith("#"):
            break
        if found := _ESCAPE.fullmatch(line.strip()):
            return found["sign"]
    return "\\"


def _check(command: "Command", escape: str) -> None:
    name = command.cmd.upper()
    if name == "ONBUILD":
        # the parser reads the flags and heredocs of a trigger only as an instruction of its own
        _, _, trigger = re.sub(r"\s", " ", command.original).strip().partition(" ")
        for inner in _commands(f"# escape={escape}\n{trigger}"):
            _check(inner, escape)
        return
    if command.heredocs:
        raise ValueError("a heredoc needs BuildKit, which nodes don't build with: write `RUN a && b`, or a script")
    for flag in command.flags:
        option = flag.removeprefix("--").partition("=")[0]
        if option in _BUILDKITS.get(name, ()):
            raise ValueError(f"{name} --{option} needs BuildKit, which nodes don't build with: do without it")
    if name == "ADD" and any(may_be_address(source) for source in command.value[:-1]):
        raise ValueError(
            "ADD of an address is refused: it would be read from where the node stands. Use RUN to download, COPY for "
            "a file of the folder, and ./ before a file's name that begins with a variable"
        )


def _note_arguments(command: "Command", values: dict[str, str], escape: str) -> None:
    for word in command.value:
        name, given, default = word.partition("=")
        if given and name != BASE_ARGUMENT:
            values[name] = expanded(default, values, escape=escape)


def _from(
    command: "Command", values: Mapping[str, str], escape: str, stages: Sequence[str], base: str
) -> tuple[_Use, str]:
    words = command.value
    if len(words) not in (1, 3) or (len(words) == 3 and words[1].upper() != "AS"):
        raise ValueError("FROM has one image, or `image AS name`")
    written = expanded(words[0], values, escape=escape)
    if not written:
        raise ValueError(f"FROM {words[0]} names no image")
    earlier = written.lower() in stages
    tail = f" AS {words[2]}" if len(words) == 3 else ""
    use = _Use(
        first=command.start_line,
        last=command.end_line,
        image="" if earlier else _checked(written, base),
        head=" ".join(("FROM", *command.flags, written if earlier else "")),
        tail=tail,
        begins_stage=True,
    )
    return use, words[2].lower() if tail else ""


def _begun(use: _Use, programs: Sequence[Program], stages: Sequence[str]) -> Program:
    """Return the program of a stage that begins: of the earlier stage that it names, or of an image."""
    if not use.image:
        return programs[stages.index(use.head.rpartition(" ")[2].lower())]
    return Program(base=use.image, line=use.first)


def _copied_from(command: "Command", stages: Sequence[str]) -> str | None:
    """The image that a COPY names; None for a stage of this Dockerfile."""
    if command.cmd.upper() != "COPY":
        return None
    named = [flag.removeprefix("--from=") for flag in command.flags if flag.startswith("--from=")]
    if not named or named[0].lower() in stages:
        return None
    if "$" in named[0]:
        raise ValueError(f"COPY --from={named[0]}: a variable isn't replaced there, name the stage or image itself")
    return None if named[0].isdigit() and int(named[0]) < len(stages) else named[0]


def _copy(command: "Command", named: str, base: str) -> _Use:
    head, _, tail = command.original.partition(f"--from={named}")
    return _Use(
        first=command.start_line,
        last=command.end_line,
        image=_checked(named, base),
        head=f"{head}--from=",
        tail=tail,
        begins_stage=False,
    )


def _checked(image: str, base: str) -> str:
    """Raise `ValueError` for a registry on the node's own machine."""
    registry, inside, _ = image.partition("/")
    if image != base and inside and _is_nearby(urlsplit(f"//{registry}").hostname or ""):
        raise ValueError(f"the image {image} is of a registry on the node's own machine: name one that all nodes reach")
    return image


def _is_nearby(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:  # a host name, or a number that some resolvers accept as an address
        return host.rstrip(".").rpartition(".")[2] in ("localhost", "localdomain") or host.replace(".", "").isdigit()
    return address.is_loopback or address.is_link_local or address.is_unspecified
