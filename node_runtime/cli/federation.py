"""The command `federate`: several results' models, averaged on this machine."""

from pathlib import Path
from typing import Annotated

import typer

from node_runtime.cli.session import ChainOption, JsonOption, KeyOption, StorageOption, open_session
from node_runtime.cli.text import counted, line, print_json
from node_runtime.cli.which import read_which


def federate(
    tasks: Annotated[
        list[str],
        typer.Argument(
            metavar="TASK[/SUBMISSION]...", help="A task's accepted results, or e.g. 12/3 to try one under review."
        ),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="A new folder for the model.")],
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
    storage: StorageOption = None,
) -> None:
    """Average the models of results, each weighted by the examples it was trained on (FedAvg).

    They are fetched verified. Models whose structures differ are refused,
    naming the layer. An aggregation task does the same on a node.
    """
    from node_runtime.creator.federation import Chosen
    from node_runtime.creator.federation import federate as average

    named = [read_which(which, None) for which in tasks]
    chosen = [Chosen(task=task, submission=submission) for task, submission in named]
    session = open_session(chain, key, storage)
    made = average(chosen, session.chain, session.store, out)
    if as_json:
        print_json(made)
        return
    for one in made.submissions:
        line(f"result {one.task}/{one.id} of {one.worker}: {one.state.replace('_', ' ')}")
    line(f"{made.folder}/: the model of {counted(len(made.submissions), 'result')}, trained on {made.samples} examples")
