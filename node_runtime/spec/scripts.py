"""Checks of a bundle's scripts: what keeps them from running in a container, whoever wrote them.

The container runs ``chmod u+x start_task.sh && exec ./start_task.sh`` by /bin/sh, which runs a script without a ``#!``
line itself. So neither a missing run bit nor a missing ``#!`` line ends the task; a line end of Windows does, since the
carriage return becomes part of the interpreter's name or of a command's last word.
"""

from collections.abc import Iterator
from pathlib import Path

MOST_READ = 1 << 20  # bytes of a script that are looked at
_SHELLS = ("sh", "bash", "dash", "ash", "ksh", "zsh")
_MARK = b"\xef\xbb\xbf"


def script_faults(script: Path) -> Iterator[str]:
    """Yield what ends the script in a container, with the remedy."""
    content = _start_of(script)
    interpreter = _interpreter(content)
    first, _, _ = content.partition(b"\n")
    remedy = f"write LF line ends: sed -i 's/\\r$//' {script.name}"
    if interpreter is not None and first.endswith(b"\r"):
        missing = f"no container finds its interpreter '{interpreter}\\r'"
        yield f"{script}:1: the line ends with CR LF, so {missing}; {remedy}"
    elif b"\r\n" in content and (interpreter is None or interpreter in _SHELLS):
        line = content[: content.index(b"\r\n")].count(b"\n") + 1
        yield f"{script}:{line}: the line ends with CR LF, and sh takes the CR as part of its last word; {remedy}"


def script_warnings(script: Path) -> Iterator[str]:
    """Yield what makes the script run otherwise than it looks."""
    content = _start_of(script)
    if content.startswith(_MARK):
        yield f"{script}:1: a byte order mark stands before the first line, so sh runs it; save it as UTF-8 without one"
    elif _interpreter(content) is None:
        yield f"{script}:1: without a #! line sh runs it; begin it with #!/bin/sh, or its interpreter's #! line"


def program_warnings(program: Path, *, changed: bool) -> Iterator[str]:
    """Yield what keeps a file from being started by its path, as an ENTRYPOINT does.

    ``changed``: whether the Dockerfile changes modes, so that the run bit in the folder decides nothing.
    """
    content = _start_of(program)
    if not changed and not program.stat().st_mode & 0o100:
        yield f"{program} is started by its path and isn't executable; chmod +x it"
    if content.startswith(b"#!"):
        yield from script_faults(program)
    elif not content.startswith(b"\x7fELF"):
        yield f"{program} is started by its path and has no #! line ('exec format error'); begin it with #!/bin/sh"


def _start_of(script: Path) -> bytes:
    try:
        with script.open("rb") as file:
            return file.read(MOST_READ)
    except OSError:  # told as a fault of its folder
        return b"#!/bin/sh\n"


def _interpreter(content: bytes) -> str | None:
    """The name of the program in the ``#!`` line, that of ``env``'s argument included."""
    if not content.startswith(b"#!"):
        return None
    words = content.partition(b"\n")[0][2:].decode(errors="replace").split() or [""]
    named = [word.rsplit("/", 1)[-1] for word in words if not word.startswith("-")]
    return named[1] if named[0] == "env" and len(named) > 1 else named[0]
