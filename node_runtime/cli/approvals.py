"""Command approve: lists the tasks that wait for the operator's approval, and approves one."""

import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node_runtime.cli.session import JsonOption, read_task
from node_runtime.domain.admission import admitted_document
from node_runtime.domain.assets import Account
from node_runtime.domain.task import Kind, TaskId
from node_runtime.domain.units import amount, duration, size
from node_runtime.errors import NodeRuntimeError, NoSuchTask
from node_runtime.platform.files import private_folder, write_private

from .operator import DEFAULT_CONFIG, ConfigOption
from .output import counted, counted_cpus, facts, line, print_json, styled
from .output import render as render_table

if TYPE_CHECKING:
    from node_runtime.config import NodeConfig
    from node_runtime.substrate.client import SubstrateChain


@dataclass(frozen=True, kw_only=True)
class Awaiting:
    """A task that waits for approval. ``code`` are the keys of its algo, metric or bundle, by their role."""

    task: TaskId
    name: str
    kind: Kind
    creator: Account
    reward: int
    bond: int
    code: dict[str, str]
    wants: str


def approve(
    task: Annotated[
        int | None, typer.Argument(metavar="TASK", parser=read_task, help="Its number (default: list them).")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Approve a task under the policy 'approve: manual', or without TASK list those that wait for it.

    The approval is valid for the document that is on chain now.
    """
    from node_runtime.config import load_config
    from node_runtime.substrate.client import connect_reader

    settings = load_config(config)
    chain = connect_reader(settings.chain)
    try:
        if task is not None:
            _approve(TaskId(task), settings, chain)
            return
        waiting = _awaiting(settings, chain)
    finally:
        chain.close()
    if as_json:
        print_json(waiting)
    elif settings.policy.approve != "manual":
        line(f"no task waits: {config} has 'approve: auto' in its policy")
    elif not waiting:
        line("no task waits for approval; 'node-runtime status' shows what the node does, and what else it refuses")
    else:
        for one in waiting:
            _print(one, config)


def _approve(task: TaskId, settings: "NodeConfig", chain: "SubstrateChain") -> None:
    from node_runtime.worker.state_dir import approvals_of, mark_of

    spec = chain.spec(task)
    if spec is None:
        raise NoSuchTask(task, remedy="'node-runtime list --role open' shows those that are there")

    folder = approvals_of(settings.work, mark_of(chain.genesis))
    for each in (settings.work, folder):
        private_folder(each)
    write_private(folder / str(task), spec.digest + "\n")
    line(f"task {task} is approved, document {spec.digest}")


def _awaiting(settings: "NodeConfig", chain: "SubstrateChain") -> tuple[Awaiting, ...]:
    """Return the tasks that the daemon last refused for lack of approval, as far as they are still there."""
    from node_runtime.worker.reasons import Reason
    from node_runtime.worker.status_file import StatusFile

    state = StatusFile(settings.work).read()
    numbers = [one.task for one in state.refused if one.reason is Reason.APPROVAL] if state is not None else []
    found = (_read(number, settings, chain) for number in numbers)
    return tuple(one for one in found if one is not None)


def _read(number: TaskId, settings: "NodeConfig", chain: "SubstrateChain") -> Awaiting | None:
    from node_runtime.worker.assembly import shared_store

    record = chain.record(number)
    if record is None:
        return None
    terms = record.task.terms
    try:
        document = admitted_document(record.task, record.spec, shared_store(settings))
    except NodeRuntimeError as error:
        name, code, wants = "", {}, f"not known: {error.message}"
    else:
        limits = document.limits
        name = document.name
        programs = set(document.programs())
        code = {role.name: role.key for role in document.roles() if role.key in programs}
        wants = (
            f"{counted_cpus(limits.cpus)}, {size(limits.memory)} of memory, "
            f"{duration(limits.timeout * 1000)} a container, "
            f"{size(limits.outputs)} of outputs, {counted(len(document.data), 'data sample')}"
        )
    return Awaiting(
        task=number,
        name=name,
        kind=terms.kind,
        creator=record.task.creator,
        reward=terms.reward,
        bond=terms.bond,
        code=code,
        wants=wants,
    )


def _print(one: Awaiting, config: Path) -> None:
    render_table(styled((f"task {one.task}", "bold"), f"  {one.name}  {one.kind}"))
    told = [
        ("creator", one.creator),
        ("reward", f"{amount(one.reward)} for each result, bond {amount(one.bond)}"),
        *one.code.items(),
        ("wants", one.wants),
        ("approve", f"node-runtime approve {one.task}" + _named(config)),
    ]
    facts(told)


def _named(config: Path) -> str:
    return "" if config == DEFAULT_CONFIG else f" --config {shlex.quote(str(config))}"
