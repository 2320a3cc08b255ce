"""Commands that tell what a node does, and why it does nothing: status, nodes."""

from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from node_runtime.cli.session import JsonOption, Session, open_session
from node_runtime.creator.live import attempts_elsewhere
from node_runtime.creator.mentions import Mentions, MentionTask
from node_runtime.creator.node_reports import NodeReport
from node_runtime.creator.tasks import TaskView
from node_runtime.creator.waiting import why_it_waits
from node_runtime.domain.assets import short
from node_runtime.domain.clock import wall_clock
from node_runtime.domain.task import UNIT, Kind, TaskId
from node_runtime.domain.units import amount, duration, since, size
from node_runtime.errors import InputError, NodeRuntimeError
from node_runtime.localnet.record import NetworkFile

from .known_nodes import statuses
from .operator import DEFAULT_CONFIG, ConfigOption
from .output import counted, facts, line, paragraph, print_json, render, styled, table
from .progress import at_work_table

if TYPE_CHECKING:
    from node_runtime.config import NodeConfig
    from node_runtime.worker.policy import AllowList, Policy
    from node_runtime.worker.status import NodeStatus, WaitingDelivery

CENT = UNIT // 100
LOST = "taken_by_others"  # a race for a slot is no refusal


def status(config: ConfigOption = DEFAULT_CONFIG, as_json: JsonOption = False) -> None:
    """Show what a node does: capacity, policy, attempts, outbox, and why it refuses each task. Needs no daemon."""
    from node_runtime.config import load_config
    from node_runtime.worker.logging import configure
    from node_runtime.worker.status import read_status

    settings = load_config(config)
    configure(settings.log_format)
    found = read_status(settings, config)
    if as_json:
        print_json(found)
    else:
        _print_status(found, _names(settings, found))


def _names(settings: "NodeConfig", found: "NodeStatus") -> dict[TaskId, str]:
    """Return the names of the tasks in the status, as far as chain and storage tell them."""
    from node_runtime.substrate.client import connect_reader
    from node_runtime.worker.assembly import shared_store

    tasks = {one.task for listed in (found.running, found.outbox, found.refused) for one in listed}
    names: dict[TaskId, str] = {}
    if tasks and found.balance is not None:  # else the chain didn't answer a moment ago
        with suppress(NodeRuntimeError), closing(connect_reader(settings.chain)) as chain:
            mentions = Mentions(chain, shared_store(settings))
            names.update((task, mentions.name(task)) for task in tasks)
    return names


def nodes(as_json: JsonOption = False) -> None:
    """Show the nodes of the local network: what each works on, and why it refuses tasks.

    Daemons that this user runs on its chain beside it are shown too; of others
    only the attempts they publish.
    """
    network = NetworkFile.load_running()
    if network is None:
        raise InputError(
            "no local network is running",
            remedy="start one with 'node-runtime up'; 'node-runtime status --config node.yaml' shows a node of yours",
        )
    found = statuses(network)
    if as_json:
        print_json(found)
        return
    session = open_session(network.chain, network.creator, str(network.storage_folder()))
    mentions = Mentions(session.chain, session.store)
    if found:
        _print_nodes(found, mentions.task)
    else:
        line("no node of this network is known here; 'node-runtime down', then 'up --nodes 1' starts one")
    elsewhere = attempts_elsewhere(session.chain, session.store, known={one.account for one in found.values()})
    if elsewhere:
        line("")
        line("nodes elsewhere, by what they publish in the storage:")
        render(at_work_table(elsewhere, {one.task: mentions.name(one.task) for one in elsewhere}))
    line("")
    line("an idle node of another user or machine isn't seen; its operator sees it:", style="dim")
    line("  node-runtime status --config node.yaml", style="dim")


def reasons(session: Session, view: TaskView, mentions: Mentions, *, now: int) -> tuple[str, ...]:
    """Return why the task waits or how it ended; on a local network by what its nodes say."""
    return why_it_waits(
        view,
        session.chain,
        now=now,
        store=session.store,
        nodes=lambda: local_reports(session.url, mentions.task),
        mention=mentions.task,
    )


def local_reports(url: str, mention: MentionTask) -> tuple[NodeReport, ...] | None:
    """Return what the nodes of the running local network say; None for a chain that isn't its own."""
    network = NetworkFile.load_running()
    if network is None or network.chain != url:
        return None
    return tuple(_report(name, found, mention) for name, found in statuses(network).items())


def _report(name: str, found: "NodeStatus", mention: MentionTask) -> NodeReport:
    return NodeReport(
        name=name,
        account=found.account,
        running=found.process is not None,
        obstacles=tuple(f"{one.message}: {one.remedy}" for one in found.obstacles if one.reason != "not_running"),
        refusals={one.task: one.told for one in found.refused if one.reason != LOST},
        late=frozenset(one.task for one in found.refused if one.reason == LOST),
        free_slots=found.slots_left,
        kinds=found.policy.kinds,
        works_on=tuple(mention(held.task) for held in found.running),
    )


def _print_status(found: "NodeStatus", names: Mapping[TaskId, str]) -> None:
    render(styled((f"node {found.node}", "bold"), f"  {_state(found)}"))
    for obstacle in found.obstacles:
        paragraph(f"{obstacle.message}: {obstacle.remedy}", style="yellow", first="  ▸ ", rest="    ")
    facts(_facts(found))
    _print_running(found, names)
    for waiting in found.outbox:
        line(_undelivered(waiting, names))
    _print_refused(found, names)


def _state(found: "NodeStatus") -> str:
    return f"running, process {found.process}" if found.process is not None else "not running"


def _facts(found: "NodeStatus") -> Iterator[tuple[str, str]]:
    yield "account", found.account
    yield "chain", found.chain
    balance = found.balance
    yield "balance", f"{amount(balance.free)} free, {amount(balance.held)} held" if balance is not None else "not known"
    slots, cpus, memory, disk = (found.capacity[name] for name in ("slots", "cpus", "memory", "disk"))
    yield "slots", f"{slots.used:g} of {slots.whole:g} taken"
    yield "cpus", f"{cpus.used:g} of {cpus.whole:g} taken"
    yield "memory", f"{size(int(memory.used))} of {size(int(memory.whole))} taken"
    room = f"{size(found.free_disk)} are free, {size(found.disk_floor)} of them stay free"
    yield "disk", f"{size(int(disk.used))} of {size(int(disk.whole))} taken; {room}"
    yield from _gpus(found)
    yield from _policy(found.policy)
    told = "deny: takes only tasks whose image is here already, or offered by a registry by its digest"
    yield "building", told if found.building == "deny" else found.building


def _gpus(found: "NodeStatus") -> Iterator[tuple[str, str]]:
    if found.gpus_missing:
        yield "gpus", f"none: {found.gpus_missing}"
    for one in found.gpus:
        use = "no task has it" if one.task is None else f"task {one.task} has it"
        yield f"gpu {one.gpu.index}", f"{one.gpu}; {use}"


def _policy(policy: "Policy") -> Iterator[tuple[str, str]]:
    every = len(policy.kinds) == len(Kind)
    yield "kinds", "all" if every else ", ".join(sorted(policy.kinds)) or "none"
    yield "creators", _entries(policy.creators)
    yield "code", _entries(policy.algos)
    yield "data", _entries(policy.datasets)
    limits = [f"rewards from {amount(policy.minimum_reward)}"] * bool(policy.minimum_reward)
    limits += [f"{amount(policy.minimum_rate)} an hour at least"] * bool(policy.minimum_rate)
    limits += [f"bonds up to {amount(policy.largest_bond)}"] if policy.largest_bond is not None else []
    limits += [f"attempts up to {duration(policy.longest)}"] if policy.longest is not None else []
    yield "limits", "; ".join(limits) or "none"
    if policy.manual:
        yield "approval", "each task waits for 'node-runtime approve'"


def _entries(allowed: "AllowList") -> str:
    if allowed.allows_all:
        return "any"
    return counted(len(allowed.entries), "entry").replace("entrys", "entries") if allowed.entries else "none"


def _print_running(found: "NodeStatus", names: Mapping[TaskId, str]) -> None:
    if not found.running:
        return
    now = wall_clock()
    made = table("task", "name", "attempt", "step", "began", "due", right=("task", "attempt"), whole=("began", "due"))
    for one in found.running:
        step = one.step.replace("_", " ") or ("begins" if found.process is not None else "nothing works on it")
        began, due = since(one.since, now=now), since(one.due, now=now)
        made.add_row(str(one.task), names.get(one.task, ""), str(one.epoch), step, began, due)
    line("")
    render(made)


def _undelivered(waiting: "WaitingDelivery", names: Mapping[TaskId, str]) -> str:
    task = f"task {waiting.task} {names.get(waiting.task, '')}".rstrip()
    what = f"failure ({waiting.category})" if waiting.category is not None else "result"
    after = {"packed": "waits for storage", "uploaded": "waits for the chain", "sent": "is under review"}
    return f"outbox: the {what} of {task}, attempt {waiting.epoch}, {after[waiting.step]}"


def _print_refused(found: "NodeStatus", names: Mapping[TaskId, str]) -> None:
    if not found.refused:
        return
    now = wall_clock()
    made = table("task", "name", "refused", "reason", right=("task",), whole=("refused",))
    for one in found.refused:
        made.add_row(str(one.task), names.get(one.task, ""), since(one.since, now=now), one.told)
    line("")
    render(made)
    if found.left_out:
        line(f"and {found.left_out} older ones: see the node's log", style="dim")


def _print_nodes(found: "dict[str, NodeStatus]", mention: MentionTask) -> None:
    made = table(
        "node",
        "account",
        "state",
        "slots",
        "works on",
        "UNIT free",
        right=("UNIT free",),
        whole=("node", "account", "slots"),
    )
    for name, one in found.items():
        slots = one.capacity["slots"]
        made.add_row(
            name,
            short(one.account),
            "running" if one.process is not None else "not running",
            f"{slots.used:g} of {slots.whole:g}",
            ", ".join(mention(held.task) for held in one.running),
            f"{one.balance.free // CENT / 100:,.2f}" if one.balance is not None else "not known",
        )
    render(made)
    for name, one in found.items():
        for obstacle in one.obstacles:
            paragraph(f"{name}: {obstacle.message}: {obstacle.remedy}", style="yellow", first="▸ ", rest="  ")
        for refused in (each for each in one.refused if each.reason != LOST):
            paragraph(f"{name} refuses {mention(refused.task)}: {refused.told}", first="▸ ", rest="  ")
