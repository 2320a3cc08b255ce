"""Command purge: removes the records of final tasks from the chain, which returns the price of their specs."""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from node_runtime.cli.session import ChainOption, KeyOption, open_account, read_task
from node_runtime.creator.purge import RecordsKept, check_purge, purge_tasks
from node_runtime.domain.task import Task, TaskId
from node_runtime.domain.units import amount, moment, since

from .output import line, paragraph, require_consent


def purge(
    tasks: Annotated[list[int], typer.Argument(metavar="TASK", parser=read_task, help="The tasks' numbers.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Purge without asking at the terminal.")] = False,
    chain: ChainOption = None,
    key: KeyOption = None,
) -> None:
    """Remove final tasks' records from the chain for good; what is held for their specs comes back.

    The creator may 7 days after a task's end if no result was rejected;
    else, and for anyone else, it takes 180 days. Nothing is sent unless all can go.
    """
    account = open_account(chain, key)
    found = check_purge(account, [TaskId(number) for number in tasks])
    _tell(found)
    if not yes and sys.stdin.isatty():
        require_consent("Purge?", refused="nothing is purged")
    for one in purge_tasks(account, found):
        whose = "yours" if one.creator == account.account else f"{one.creator}'s"
        line(f"task {one.task} is purged; {amount(one.returned)}, held for its spec, are {whose} again")


def _tell(tasks: Sequence[Task]) -> None:
    """Print what is lost and what stays, before it is sent."""
    named = f"{'task' if len(tasks) == 1 else 'tasks'} {', '.join(str(task.id) for task in tasks)}"
    paragraph(
        f"of {named} the terms, attempts and results go from the chain: 'show', 'results', 'logs' and 'fetch' find "
        "them no more. Models and certified scores stay, and so does what is in storage.",
        style="dim",
    )


def describe_kept(kept: RecordsKept, number: TaskId, *, now: int) -> str:
    """Return until when a task's records are kept, and what their purge returns."""
    back = f" returns {amount(kept.held)}, held for its spec" if kept.held else " removes them"
    if now > kept.until:
        return f"'node-runtime purge {number}'{back}"
    return f"kept until {moment(kept.until)}, {since(kept.until, now=now)}; then 'node-runtime purge {number}'{back}"
