"""Commands of operators for private samples and models: data add, list, remove."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node_runtime.cli.session import KEY_HELP, JsonOption, read_key
from node_runtime.creator.mentions import Mentions
from node_runtime.domain.assets import Label
from node_runtime.domain.task import TaskId
from node_runtime.domain.units import size
from node_runtime.errors import InputError

from .lazy_group import HelpedCommand, example
from .operator import DEFAULT_CONFIG, ConfigOption
from .output import facts, line, paragraph, print_json, require_consent, warn
from .permissions import DownloadOption, ForOption, LogsOption, described, read_permissions, summary

if TYPE_CHECKING:
    from node_runtime.config import NodeConfig
    from node_runtime.substrate.client import SubstrateChain
    from node_runtime.worker.private_data import Sample

data = typer.Typer(help="This node's private samples and models.", no_args_is_help=True)

WHAT_FOLLOWS = (
    "This node keeps treating them as private all the same: it refuses every task that uses the same bytes in another "
    "way than as its own sample, on shared data too (private_data in 'status'). 'node-runtime data remove' ends that."
)


@data.command("add", cls=HelpedCommand, epilog=example("data add samples/ward-3 --label train --for 5Grw…utQY"))
def data_add(
    folder: Annotated[Path, typer.Argument(help="A folder; it is one data sample.")],
    label: Annotated[Label, typer.Option(help="What the sample is for; it never changes.")],
    process: ForOption = None,
    download: DownloadOption = None,
    logs: LogsOption = None,
    algo: Annotated[
        list[str] | None,
        typer.Option(metavar="DIGEST", help="A program that may run with it (default: any)."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Register a private data sample: digest, label and permissions go on chain, the bytes stay on this node.

    --for says whose tasks may use it: an account, repeated for several,
    'public', or 'me' for your own tasks alone. What isn't granted is denied:
    without --download no model made from it leaves this node. All of it is
    for ever.
    """
    from node_runtime.worker.private_data import add_sample

    if not folder.exists():
        raise InputError(f"{folder} doesn't exist", remedy="name the folder of one data sample")
    permissions = read_permissions(process, download, logs, algo, unsaid=())
    with _node(config) as (settings, chain):
        added = add_sample(settings, chain, folder, label, permissions)
    line(f"private sample {added.asset.ref}")
    facts(tuple(described(added.permissions, own=added.asset.ref.owner)))
    line("name it under 'data' in a task; only this node can run that task")
    for reason in added.public:
        warn(f"{reason}. {WHAT_FOLLOWS}")


@data.command("list", cls=HelpedCommand, epilog=example("data list --config my-node/node.yaml"))
def data_list(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """List this node's private samples and models: what they are, and which tasks used them."""
    from node_runtime.worker.assembly import shared_store
    from node_runtime.worker.private_data import list_samples

    with _node(config) as (settings, chain):
        samples = list_samples(settings, chain)
        mentions = Mentions(chain, shared_store(settings))
        uses = [] if as_json else [_described(one, mentions) for one in samples]
    if as_json:
        print_json(samples)
        return
    if not samples:
        line("no private samples; add one with 'node-runtime data add FOLDER --label train --for ACCOUNT'")
        return
    for one, used in zip(samples, uses, strict=True):
        line(one.ref.digest)  # on a line of its own, to be copied whole
        paragraph(used, first="  ", rest="  ")
        if one.permissions is not None:
            paragraph(summary(one.permissions, own=one.ref.owner), first="  ", rest="  ")
    line(f"a sample's key is {samples[0].ref.owner}/DIGEST", style="dim")


@data.command("remove", cls=HelpedCommand, epilog=example("data remove 0cfc1ad1de63"))
def data_remove(
    key: Annotated[str, typer.Argument(help=KEY_HELP)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking at the terminal.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Remove a private sample's or model's bytes from this node. On chain it stays; nothing else can run on it."""
    from node_runtime.worker.assembly import shared_store
    from node_runtime.worker.private_data import list_samples, remove_sample

    with _node(config) as (settings, chain):
        samples = list_samples(settings, chain)
        refs = [one.ref for one in samples]
        ref = read_key(key, chain.account, lambda: refs, listing="node-runtime data list")
        sample = next((one for one in samples if one.ref == ref and one.size is not None), None)
        if sample is None:
            raise InputError(f"this node has no private sample or model {ref}", remedy="see 'node-runtime data list'")
        _tell_uses(sample, Mentions(chain, shared_store(settings)))
        _confirm(sample, yes=yes)
        remove_sample(settings, sample)
    line(f"removed {sample.ref.digest}, {size(sample.size or 0)}")
    if sample.asset is not None:
        line("on chain it stays registered: tasks that name it can't run any more", style="dim")
    elif sample.made is not None:
        line("on chain its record stays: tasks that take it can't run any more", style="dim")


def _described(sample: "Sample", mentions: Mentions) -> str:
    """Return what it is, e.g. ``train, 12 KiB, used by task 3 digits-train``."""
    made = f"model '{sample.made.output}' of {mentions.task(sample.made.task)}" if sample.made is not None else ""
    what = str(sample.asset.label) if sample.asset is not None else made or "not registered"
    bytes_here = "its bytes aren't here" if sample.size is None else size(sample.size)
    used = ", ".join(_mentioned(sample.tasks, sample, mentions)) or "nothing"
    return f"{what}, {bytes_here}, used by {used}"


def _mentioned(tasks: Sequence[TaskId], sample: "Sample", mentions: Mentions) -> list[str]:
    """Return these tasks, and the objectives that name the sample, as a text mentions them."""
    objectives = (f"objective {mentions.objective(one)}" for one in sample.objectives)
    return [*map(mentions.task, tasks), *objectives]


def _tell_uses(sample: "Sample", mentions: Mentions) -> None:
    live = _mentioned(sample.live, sample, mentions)
    if live:
        paragraph(f"still referred to by {', '.join(live)}: what needs its bytes will fail", style="yellow")


def _confirm(sample: "Sample", *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise InputError("removing bytes that may be the only copy has to be confirmed", remedy="add --yes")
    require_consent(f"Remove {size(sample.size or 0)} of {sample.ref.digest}?", refused="nothing is removed")


@contextmanager
def _node(config: Path) -> "Iterator[tuple[NodeConfig, SubstrateChain]]":
    """Yield the node's configuration and its connection to the chain."""
    from node_runtime.config import load_config
    from node_runtime.worker.assembly import connect_node

    settings = load_config(config)
    chain = connect_node(settings)
    try:
        yield settings, chain
    finally:
        chain.close()
