"""What the client prints, and its errors: where a remedy names a command, the method that does the same."""

import re
import textwrap
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from node_runtime.errors import NodeRuntimeError
from node_runtime.platform.files import host_error_boundary
from node_runtime.platform.printable import one_line, print_line

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

WIDTH = 80  # columns
_TASK = r"'?node-runtime {} (\d+)'?"
_RESULT = r"'?node-runtime {} (\d+)/(\d+){}'?"
_CALLS = (
    (_TASK.format("show"), r"client.task(\1).why()"),
    (_TASK.format("logs"), r"client.task(\1).logs()"),
    (_TASK.format("cancel") + r" --abort'?", r"client.task(\1).cancel(abort=True)"),
    (_TASK.format("cancel"), r"client.task(\1).cancel()"),
    (_TASK.format("resume"), r"client.task(\1).resume()"),
    (_RESULT.format("fetch", r" FOLDER"), r"client.task(\1).download('FOLDER', \2)"),
    (_RESULT.format("accept", ""), r"client.task(\1).accept(\2)"),
    (_RESULT.format("reject", r"[^']*"), r"client.task(\1).reject('reason', \2)"),
    (r"'?node-runtime show TASK'?", "client.task(TASK).why()"),
    (r"'?node-runtime list'?", "client.tasks()"),
    (r"name one of yours: '?node-runtime plan list'?", "name one of yours, by its number or as submit returned it"),
    (r"submit the file without --plan", "submit without plan="),
    (r"--fake N\b", "fake=N"),
    (r"the folder that '?node-runtime fetch'? wrote", "the folder that download() wrote"),
    (r"'?node-runtime objective list'?", "client.objectives()"),
    (r"'?node-runtime asset list'?", "client.assets()"),
    (r"--label (train|test)", r"label='\1'"),
    (r"--label\b", "label"),
    (r"submit the same file again", "submit the same documents again"),
    (r"in this file\b", "among these documents"),
)
"""Commands and words for files, with what stands for them in Python. Others exist in a shell only."""


def translated(text: str) -> str:
    """Return the text with methods in place of the commands that do the same."""
    for command, call in _CALLS:
        text = re.sub(command, call, text)
    return text


def in_python(method: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Decorate a method: every expected failure is a `NodeRuntimeError` whose remedy can be done in Python."""

    @wraps(method)
    def translating(*args: Parameters.args, **keywords: Parameters.kwargs) -> Result:
        try:
            with host_error_boundary():
                return method(*args, **keywords)
        except NodeRuntimeError as error:
            error.message, error.remedy = translated(error.message), translated(error.remedy)
            error.args = (error.message,)
            raise

    return translating


def print_wrapped(text: str) -> None:
    """Print a line, escaped and broken between words at 80 columns; paths in the working directory without it."""
    here = one_line(text).replace(f"{Path.cwd()}/", "")
    lines = textwrap.wrap(here, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    for each in lines:
        print_line(each)
