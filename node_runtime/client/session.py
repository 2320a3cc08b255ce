"""A connection for notebooks: an account on a chain, and a storage."""

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from node_runtime.config.storage_access import storage_access
from node_runtime.creator.comparison import COLUMNS, comparison_rows, measure, number_names
from node_runtime.creator.leaderboard import Board, find_objective, read_board
from node_runtime.creator.plans import PlanReader, PlanView, plan_to_extend
from node_runtime.creator.reading import AssetView, fetch_asset, view_asset
from node_runtime.creator.results import read_result
from node_runtime.creator.submit import SubmitJournal, submit
from node_runtime.creator.tasks import AccountRole, TaskFilter, TaskView, chosen_result, list_tasks, view_task
from node_runtime.creator.upload import add_asset
from node_runtime.domain.assets import Account, Asset, AssetKind, AssetRef, Label, Objective, ObjectiveId, SubmissionId
from node_runtime.domain.task import Balance, Kind, PlanId, Submission, TaskId, TaskState
from node_runtime.errors import InputError
from node_runtime.localnet.record import NetworkFile
from node_runtime.platform.printable import Say
from node_runtime.ports.chain import Chain
from node_runtime.ports.store import AssetStore
from node_runtime.spec.fields import read_account, read_asset
from node_runtime.spec.messages import nearest
from node_runtime.stores import open_store
from node_runtime.substrate.client import connect as connect_chain

from .documents import YamlDocument, permissions_in, spec_file
from .handles import PlanHandle, TaskHandle
from .messages import in_python, print_wrapped

if TYPE_CHECKING:
    from node_runtime.creator.federation import Federated

Choice = TypeVar("Choice", bound=StrEnum)
Read = TypeVar("Read")


class Client:
    """An account's connection to the chain at ``url``, and a storage; a context manager that closes it.

    ``say`` takes what is done, a line each. Safe to share between threads. Made by `connect`.
    """

    def __init__(self, url: str, chain: Chain, store: AssetStore, say: Say, close: Callable[[], None]) -> None:
        self.url = url
        self.chain = chain
        self.store = store
        self.say = say
        self.close = close

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<client of {self.account} at {self.url}>"

    @property
    def account(self) -> Account:
        return self.chain.account

    @in_python
    def balance(self, account: str | None = None) -> Balance:
        """Return what an account has, by default this one: free and held, in base units (10⁻¹² UNIT)."""
        return self.chain.balance(self._account(account))

    @in_python
    def submit(self, *documents: YamlDocument, plan: PlanHandle | int | None = None) -> PlanHandle:
        """Store, register and create what the documents describe; the rewards are held from then on.

        A document that others refer to comes before them. The same again makes new tasks; after an interruption it goes
        on instead. Tasks that extend a ``plan`` may name its tasks. Raises `SpecError` naming every wrong argument
        before anything is stored or paid.
        """
        extends = plan_to_extend(_plan_number(plan), self.chain, self.store) if plan is not None else None
        file = spec_file(documents, extends=extends)
        for warning in file.warnings:
            self.say(f"warning: {warning}")
        journal = SubmitJournal.of(self.url, self.account)
        made = submit(file, self.chain, self.store, say=self.say, journal=journal)
        tasks = [TaskHandle(self, one.id, one.name) for one in made.tasks]
        return PlanHandle(self, tasks, made.plan, made.objectives)

    @in_python
    def task(self, number: int) -> TaskHandle:
        """Return a task by its number. Raises `NoSuchTask`."""
        return self._handle(view_task(self.chain, self.store, TaskId(number)))

    @in_python
    def tasks(
        self,
        role: AccountRole | str = AccountRole.MINE,
        *,
        kind: Kind | str | None = None,
        state: TaskState | str | None = None,
        plan: int | None = None,
        objective: int | None = None,
    ) -> list[TaskHandle]:
        """Return the tasks with which the account has this role (mine, open, worker, judge, all), oldest first."""
        only = TaskFilter(
            kind=_chosen(Kind, kind) if kind is not None else None,
            state=_chosen(TaskState, state) if state is not None else None,
            plan=PlanId(plan) if plan is not None else None,
            objective=ObjectiveId(objective) if objective is not None else None,
        )
        found = list_tasks(self.chain, self.store, role=_chosen(AccountRole, role), only=only)
        return [self._handle(view) for view in found]

    @in_python
    def plan(self, number: int) -> PlanHandle:
        """Return a plan of this account by its number. Raises `InputError`."""
        tasks = self.tasks(plan=number)
        if not tasks:
            raise InputError(f"no task of yours is of a plan {number}", remedy="see 'node-runtime list'")
        return PlanHandle(self, tasks, PlanId(number))

    @in_python
    def compare(self, *results: TaskHandle | Submission | int) -> list[dict[str, Any]]:
        """Return a row for each result with the numbers of its perf.json, ``all`` first, e.g. for ``pandas.DataFrame``.

        A task stands for its newest result that stands. Raises `InputError` for one that scores nothing.
        """
        every = []
        for number, submission in map(_which, results):
            view = view_task(self.chain, self.store, number)
            every.append(measure(view, read_result(chosen_result(view, submission), self.store)))
        names = number_names(every)
        rows = [[float(one) if isinstance(one, Decimal) else one for one in row] for row in comparison_rows(every)]
        return [dict(zip((*COLUMNS, *names), row, strict=True)) for row in rows]

    @in_python
    def federate(self, *results: TaskHandle | Submission | int, out: str | Path) -> "Federated":
        """Write the average of the results' models, weighted by the examples they were trained on, to a new folder.

        A task stands for all its accepted results. Models of different structures are refused, naming the layer.
        """
        from node_runtime.creator.federation import Chosen, federate  # numpy is slow to import

        chosen = [Chosen(task=number, submission=submission) for number, submission in map(_which, results)]
        return federate(chosen, self.chain, self.store, Path(out))

    @in_python
    def add_asset(
        self,
        path: str | Path,
        kind: AssetKind | str,
        label: Label | str | None = None,
        *,
        permissions: Mapping[str, object] | None = None,
    ) -> Asset:
        """Store a file or folder and register it; a data sample has a label, train or test, for ever.

        ``permissions`` are as in the YAML, e.g. ``{"process": ["5Grw…"], "logs": []}``; without them everyone has all
        rights. They never change either.
        """
        labelled = _chosen(Label, label) if label is not None else None
        permitted = permissions_in(permissions) if permissions is not None else None
        return add_asset(
            Path(path).expanduser(),
            _chosen(AssetKind, kind),
            labelled,
            self.chain,
            self.store,
            permissions=permitted,
            say=self.say,
        )

    @in_python
    def assets(self, owner: str | None = None) -> tuple[Asset, ...]:
        """Return the assets that an account registered, by default this one."""
        return self.chain.assets_of(self._account(owner))

    @in_python
    def asset(self, which: Asset | AssetRef | str) -> AssetView:
        """Return an asset and its files; a text is its key ``owner/digest``. Raises `InputError`."""
        ref = which.ref if isinstance(which, Asset) else which
        return view_asset(self.chain, self.store, _read(read_asset, ref) if isinstance(ref, str) else ref)

    @in_python
    def download_asset(self, which: Asset | AssetRef | str, folder: str | Path) -> Path:
        """Write an asset's files, verified, to a new folder."""
        fetch_asset(self.asset(which), self.store, Path(folder))
        return Path(folder)

    @in_python
    def objectives(self, owner: str | None = None) -> tuple[Objective, ...]:
        """Return the objectives of an account, by default this one."""
        return self.chain.objectives_of(self._account(owner))

    @in_python
    def objective(self, which: str | int) -> Objective:
        """Return an objective by its number, or one of this account by its name. Raises `InputError`."""
        return find_objective(str(which), self.chain)

    @in_python
    def leaderboard(self, which: Objective | str | int) -> Board:
        """Return the models that have certified scores for an objective, best first, and cross-validations beside."""
        found = which if isinstance(which, Objective) else self.objective(which)
        return read_board(found, self.chain, self.store)

    def read_plan(self, number: PlanId | None) -> PlanView | None:
        """Return all of a plan, as 'plan show' tells it; None of none."""
        return PlanReader(chain=self.chain, store=self.store, number=number).read() if number is not None else None

    def _handle(self, view: TaskView) -> TaskHandle:
        return TaskHandle(self, view.task.id, view.name)

    def _account(self, named: str | None) -> Account:
        return self.account if named is None else _read(read_account, named)


@in_python
def connect(
    chain: str | None = None,
    *,
    key: str | Path | None = None,
    storage: str | Path | None = None,
    password_file: str | Path | None = None,
    say: Say = print_wrapped,
) -> Client:
    """Connect to a chain (ws://…) and a storage with a key, by default those of the running local network.

    ``key`` is a keystore file, or a development account like ``//Alice`` on a development chain. Its password comes
    from ``password_file``, from the file that NODE_RUNTIME_PASSWORD_FILE names, or from a prompt. As on the command
    line, NODE_RUNTIME_CHAIN, NODE_RUNTIME_KEY and NODE_RUNTIME_STORAGE stand for arguments that are left out. The
    storage is a folder or ``s3://bucket/prefix``, which the file NODE_RUNTIME_STORAGE_ACCESS gives access to.

    Raises `InputError` where an argument is needed and no local network runs, and `ChainUnavailable`.
    """
    named = {"chain": chain, "key": key, "storage": storage}
    given = {name: value or os.environ.get(f"NODE_RUNTIME_{name.upper()}") for name, value in named.items()}
    network = NetworkFile.load_running() if None in given.values() else None
    missing = [name for name, value in given.items() if value is None]
    if missing and network is None:
        raise InputError(
            f"no {' and no '.join(missing)} given, and no local network is running",
            remedy="start one with 'node-runtime up', or name chain, key and storage",
        )
    if network is not None:
        folder = given["storage"] or network.storage_folder()
        given = {"chain": network.chain, "key": network.creator, **{k: v for k, v in given.items() if v is not None}}
        given["storage"] = folder
    password = Path(password_file).expanduser() if password_file is not None else None
    opened = connect_chain(str(given["chain"]), str(given["key"]), password_file=password)
    store = open_store(str(given["storage"]), writer=opened.account, access=storage_access())
    return Client(str(given["chain"]), opened, store, say, opened.close)


def _plan_number(plan: PlanHandle | int) -> PlanId:
    number = plan.number if isinstance(plan, PlanHandle) else PlanId(plan)
    if number is None:
        raise InputError("a task alone is no plan to extend", remedy="submit it with a client.Plan(name=…) before it")
    return number


def _which(result: TaskHandle | Submission | int) -> tuple[TaskId, SubmissionId | None]:
    match result:
        case Submission():
            return result.task, result.id
        case TaskHandle():
            return TaskId(result.id), None
    return TaskId(result), None


def _chosen(choices: type[Choice], given: str) -> Choice:
    """Return the member of that value. Raises `InputError` with the nearest one."""
    try:
        return choices(given)
    except ValueError:
        told = f"{str(given)[:40]!r} is no {choices.__name__}"
        raise InputError(told, remedy=nearest(str(given)[:40], tuple(one.value for one in choices))) from None


def _read(read: Callable[[str], Read], given: str) -> Read:
    try:
        return read(given)
    except ValueError as error:
        raise InputError(str(error)) from None
