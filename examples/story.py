"""What the stories of a checkout share: a network of their own, an account for each role, and the balances at the end.

A story is a script beside the YAML files it submits. Whatever happens, nothing it started is left running.
"""

import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from substrateinterface.utils.ss58 import ss58_encode

from examples.steps import Steps
from node_runtime.cli.listing import Table
from node_runtime.cli.output import table
from node_runtime.cli.progress import NodesStatus
from node_runtime.domain.assets import Account
from node_runtime.domain.task import UNIT, Submission, Task, TaskId, TaskState
from node_runtime.errors import ChainError, FailureCategory, TaskFailed
from node_runtime.localnet.network import NetworkSettings, bring_up, local_nodes, take_down
from node_runtime.localnet.record import CREATOR, NetworkFile
from node_runtime.platform.locks import try_locked
from node_runtime.platform.paths import home
from node_runtime.platform.printable import Say
from node_runtime.platform.signals import ignore_closed_output, interrupt_on_signals
from node_runtime.ports.store import AssetStore
from node_runtime.stores import open_store
from node_runtime.substrate.client import SubstrateChain, connect
from node_runtime.substrate.keys import load_key

TIMEOUT = 600.0  # seconds for the tasks of one step, the building of their images included
TREASURY = Account(ss58_encode(b"modlnrt/trsy".ljust(32, b"\0"), 42))  # fees go there
_LOOK = 0.2  # seconds

Roles = Mapping[str, str]
"""What each development account is in the story, e.g. ``{"alice": "creator", "bob": "engineer"}``."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A network that is up. ``chain`` speaks for the creator; ``before`` is what every account had, in base units."""

    url: str  # where the chain answers
    chain: SubstrateChain
    store: AssetStore
    steps: Steps
    accounts: Mapping[str, Account]  # by role
    before: Mapping[Account, int]
    nodes: Mapping[str, Path] = field(default_factory=dict)  # the configuration of each node, by its name


@contextmanager
def on_stage(name: str, roles: Roles, nodes: Sequence[str], steps: Steps) -> Iterator[Stage]:
    """A fresh network with a daemon for each of `nodes`, one task at a time; gone at the end, also after an error."""
    folder = home() / f"story-{name}"
    interrupt_on_signals()
    with (
        try_locked(folder),
        _network(folder, nodes, steps) as network,
        closing(connect(network.chain, CREATOR)) as chain,
    ):
        store = open_store(network.storage)
        steps.watch(NodesStatus(chain, store, nodes))
        configurations = local_nodes(network, folder / "network")
        yield replace(stage_at(network.chain, chain, store, roles, steps), nodes=configurations)


def stage_at(url: str, chain: SubstrateChain, store: AssetStore, roles: Roles, steps: Steps) -> Stage:
    """On a network that is up already; ``chain`` speaks for the creator."""
    accounts = {role: _account(one) for one, role in roles.items()} | {"treasury": TREASURY}
    before = {account: _wealth(chain, account) for account in accounts.values()}
    return Stage(url=url, chain=chain, store=store, steps=steps, accounts=accounts, before=before)


@contextmanager
def _network(folder: Path, nodes: Sequence[str], steps: Steps) -> Iterator[NetworkFile]:
    place = folder / "network"
    take_down(place, lambda _: None)  # of a story that was killed
    settings = NetworkSettings(folder=place, port=0, nodes=tuple(nodes), slots=1, fresh=True)
    try:
        with steps.step(f"bring up Docker, the chain and {len(nodes)} nodes, each with an account of its own"):
            network = bring_up(settings, steps.say)
        yield network
    finally:
        with steps.last_step("stop what was started"):
            take_down(place, ignore_closed_output(steps.say))
            shutil.rmtree(folder, ignore_errors=True)


def wait_for_results(
    stage: Stage, tasks: Mapping[str, TaskId], *, told: Collection[str] | None = None
) -> dict[str, Submission]:
    """The latest submission of each task, once all have as many as they have slots. Raises `TaskFailed`.

    All news are said, or of those in ``told`` only that they are done.
    """
    tell = _Teller(stage, tasks)
    give_up = time.monotonic() + TIMEOUT
    while True:
        found = {name: stage.chain.task(number) for name, number in tasks.items()}
        there = {name: task for name, task in found.items() if task is not None}
        for name, task in there.items():
            if told is None or (name in told and task.counters.accepted):
                tell(name, task)
            broken = task.state is TaskState.PAUSED or task.counters.failures > 0
            if broken or (task.state.final and not task.counters.accepted):
                raise _failure(task, name, stage)
        if all(_delivered(task) >= task.terms.slots for task in there.values()):
            return {name: stage.chain.submissions(number)[-1] for name, number in tasks.items()}
        if time.monotonic() > give_up:
            raise TaskFailed(FailureCategory.TIMEOUT, "the tasks did not end in time", remedy="see the nodes' logs")
        time.sleep(_LOOK)


def balances(stage: Stage) -> Table:
    """What each role had and has. Raises `ChainError` when a base unit is missing or too much."""
    after = {account: _wealth(stage.chain, account) for account in stage.accounts.values()}
    total_before, total = sum(stage.before.values()), sum(after.values())
    if total != total_before:
        raise ChainError(f"{total - total_before:+} base units came from nowhere", remedy="look for who else was paid")
    made = table("role", "account", "before", "after", "change", right=("before", "after", "change"))
    made.title = "balances in UNIT, held amounts included; fees go to the treasury"
    for role, account in stage.accounts.items():
        then, now = stage.before[account], after[account]
        made.add_row(role, f"{account[:6]}…", *(f"{amount / UNIT:,.6f}" for amount in (then, now)), _signed(now - then))
    made.add_row("together", "", f"{total_before / UNIT:,.6f}", f"{total / UNIT:,.6f}", _signed(total - total_before))
    return made


class _Teller:
    """Says what became of tasks, each news once."""

    def __init__(self, stage: Stage, tasks: Mapping[str, TaskId]) -> None:
        self._roles = {account: role for role, account in stage.accounts.items()}
        self._chain = stage.chain
        self._say: Say = stage.steps.say
        self._told = dict.fromkeys(tasks, "")
        self._began = time.monotonic()

    def __call__(self, name: str, task: Task) -> None:
        news = self._news(task)
        if news != self._told[name]:
            self._told[name] = news
            self._say(f"{time.monotonic() - self._began:6.1f} s  task {task.id} '{name}' {news}")

    def _news(self, task: Task) -> str:
        counters = task.counters
        if counters.live:
            workers = [self._roles.get(one.worker, one.worker) for one in self._chain.attempts(task.id)]
            return f"is being done by {', '.join(workers)}"
        if counters.accepted:
            return "is done, accepted and paid"
        if counters.submitted:
            return "has a result, which waits for the creator"
        return "waits for another task's result" if task.state is TaskState.WAITING else "waits for its worker"


def _delivered(task: Task) -> int:
    counters = task.counters
    return counters.submitted + counters.accepted + counters.rejected


def _failure(task: Task, name: str, stage: Stage) -> TaskFailed:
    category = next(
        (attempt.category for attempt in stage.chain.attempts(task.id) if attempt.category is not None),
        FailureCategory.NODE_ERROR,
    )
    return TaskFailed(
        category, f"task {task.id} '{name}' is {task.state}: {category}", remedy="run the task alone: node-runtime run"
    )


def _account(name: str) -> Account:
    return Account(load_key(f"//{name.capitalize()}", password_file=None, development=True).ss58_address)


def _wealth(chain: SubstrateChain, account: Account) -> int:
    balance = chain.balance(account)
    return balance.free + balance.held


def _signed(amount: int) -> str:
    return f"{amount / UNIT:+,.6f}"
