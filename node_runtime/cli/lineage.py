"""How a task's models were made, as the chain records it."""

from collections.abc import Iterator, Sequence

from node_runtime.creator.lineage import Lineage
from node_runtime.creator.mentions import Mentions
from node_runtime.domain.assets import Model, SameBytes, short

from .output import counted, line, paragraph

UNKNOWABLE = (
    "The chain compares digests: bytes changed by one bit are new bytes to it, an algo may carry anything its author "
    "put into it, and what a worker ran is what it says it ran."
)


def print_lineages(lineages: Sequence[Lineage], mentions: Mentions) -> None:
    """Print what the chain knows of each model, and of those it was made from."""
    for lineage in lineages:
        first, *others = lineage.models
        line("")
        line(f"model {first.id}  {short(first.digest)}", style="bold")
        for told in describe_model(first, mentions):
            paragraph(told, first="  ", rest="    ")
        for model in others:
            line(f"  from {mentions.model(model.id)}  {short(model.digest)}")
            for told in describe_model(model, mentions):
                paragraph(told, style="dim", first="    ", rest="      ")
        if not lineage.complete:
            line(f"  and older ones: the first {counted(len(lineage.models), 'model')} are shown", style="dim")
    if lineages:
        paragraph(UNKNOWABLE, style="dim")


def describe_model(model: Model, mentions: Mentions) -> Iterator[str]:
    yield f"made by {model.trainer}, paid for by {model.owner}"
    if model.input_owners:
        yield f"inputs of {', '.join(model.input_owners)}"
    if model.parents:
        yield f"made from {', '.join(map(mentions.model, model.parents))}"
    clean = ", ".join(map(mentions.objective, model.clean_for))
    yield f"clean for objective {clean}" if clean else "clean for no objective"
    for same in model.same_bytes:
        this = " as this one" if same.digest == model.digest else ""
        yield f"same bytes {short(same.digest)}{this}: {_origin(same, mentions)}"
    if model.more_same_bytes:
        yield f"and {model.more_same_bytes} more of the same bytes"


def _origin(same: SameBytes, mentions: Mentions) -> str:
    return mentions.model(same.model) if same.model is not None else f"imported by {same.importer}"
