"""Which task, and which of its submissions, does a command mean? ``12``, ``12/3``, ``12 --submission 3``."""

import re
from typing import Annotated

import typer

from node_runtime.errors import InputError
from node_runtime.task import SubmissionId, TaskId

_NUMBER = re.compile(r"[0-9]{1,9}")


def read_task(text: str) -> TaskId:
    """A task's number. Raises `InputError`."""
    if not _NUMBER.fullmatch(text):
        raise InputError(f"'{text}' is no task's number", remedy="see 'node-runtime list' for the numbers of yours")
    return TaskId(int(text))


def read_which(which: str, option: int | None) -> tuple[TaskId, SubmissionId | None]:
    """``12`` or ``12/3``; the option names the submission too. Raises `InputError`."""
    task, slash, named = which.partition("/")
    if not _NUMBER.fullmatch(task) or (slash and not _NUMBER.fullmatch(named)):
        raise InputError(f"'{which}' names no task", remedy="write its number, e.g. 12, or 12/3 for submission 3 of it")
    submission = int(named) if named else option
    if option not in (None, submission):
        raise InputError(f"'{which}' and --submission {option} name two submissions", remedy="leave one of them out")
    return TaskId(int(task)), SubmissionId(submission) if submission is not None else None


TaskArgument = Annotated[int, typer.Argument(metavar="TASK", parser=read_task, help="The task's number.")]
WhichArgument = Annotated[
    str, typer.Argument(metavar="TASK[/SUBMISSION]", help="E.g. 12, or 12/3 for submission 3 of it.")
]
SubmissionOption = Annotated[int | None, typer.Option("--submission", "-s", help="12 -s 3 is the same as 12/3.")]
