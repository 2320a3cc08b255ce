"""Submission of a file: check, price, store, register, create. Each step is idempotent.

A journal of unfinished submissions lets a repeated submit resume. ``<home>/submits/<hash of chain and account>/`` holds
a file per unfinished submission with the number of the account's newest task when it began: ``{"version": 1, "newest":
7}``. Version 0 was the number alone.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from node_runtime.creator.terms import check_balance, escrow, price_lines
from node_runtime.creator.upload import Uploaded, foreseen, register, upload
from node_runtime.domain.assets import Account, Objective
from node_runtime.domain.clock import ChainTime, Clock
from node_runtime.domain.price import Price
from node_runtime.domain.task import PlanId, TaskId
from node_runtime.errors import ChainRefused, ChainUnavailable, InputError
from node_runtime.platform.files import host_errors
from node_runtime.platform.locks import locked
from node_runtime.platform.paths import home
from node_runtime.platform.printable import Say
from node_runtime.platform.stored_format import StoredFormat, decode_document, encode_document, unversioned
from node_runtime.ports.chain import CreatorCalls
from node_runtime.ports.store import AssetStore
from node_runtime.spec.objective import ObjectiveSpec
from node_runtime.spec.read import SpecFile

from .declarations import with_declarations
from .dropped import refuse_dropped
from .existing import created_since
from .output_rights import unusable_by_chain
from .references import Known, Places, look_up, own_objectives, places_in
from .task_creation import Creation, PreparedTasks, SubmittedTask

AGAIN = "submit the same file again: that goes on where this one stopped, and creates nothing twice"

FORMAT = StoredFormat(
    name="the journal entry of an interrupted submit",
    remedy="finish that submit with that release, or remove the file: its tasks may then be created a second time",
    steps=(unversioned,),
)


@dataclass(frozen=True, kw_only=True)
class SubmitJournal:
    """The unfinished submissions of one account to one chain from this machine."""

    folder: Path

    @classmethod
    def of(cls, url: str, account: Account) -> "SubmitJournal":
        """Key the journal by the chain's URL: local networks share genesis and accounts."""
        return cls(folder=home() / "submits" / hashlib.sha256(f"{url} {account}".encode()).hexdigest()[:16])

    @property
    def empty(self) -> bool:
        """Whether there is no unfinished submission."""
        with host_errors(self.folder):
            return not self.folder.is_dir() or not any(self.folder.iterdir())

    def alone(self, say: Say) -> AbstractContextManager[None]:
        """Serialise submissions of the account: concurrent ones could not tell their tasks apart."""
        return locked(self.folder, waiting=lambda: say("waiting for another submit of this account"))

    @contextmanager
    def begun(self, mark: str, newest: TaskId) -> Iterator[TaskId | None]:
        """Enter a submission into the journal while the ``with`` body runs. ``mark`` identifies its tasks.

        Yields the account's newest task when an interrupted submission of the same tasks began; None if there was none.
        The entry is removed when the body succeeds or raises `ChainRefused`; any other error keeps it for a resumption.
        """
        entry = self.folder / mark
        before = _read_entry(entry)
        if before is None:
            with host_errors(self.folder):
                fresh = entry.with_suffix(".new")
                fresh.write_text(encode_document({"newest": newest}, FORMAT) + "\n")
                fresh.replace(entry)
        try:
            yield before
        except ChainRefused:
            entry.unlink(missing_ok=True)
            raise
        entry.unlink(missing_ok=True)


def _read_entry(entry: Path) -> TaskId | None:
    try:
        text = entry.read_text().strip()
        if text.isdecimal():  # version 0
            text = f'{{"newest": {text}}}'
        return TaskId(int(decode_document(text, FORMAT, entry)["newest"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):  # a power failure may leave it empty
        return None


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """The objectives and tasks of a submitted file. ``plan`` groups several tasks.

    ``clock_skew`` is the lower bound in ms of this machine's clock ahead of the chain's, negative when behind.
    ``price`` is the price as announced; None for a submission that resumed an interrupted one.
    """

    objectives: tuple[Objective, ...]
    plan: PlanId | None
    tasks: tuple[SubmittedTask, ...]
    clock_skew: int = 0
    price: Price | None = None


def submit(
    file: SpecFile,
    chain: CreatorCalls,
    store: AssetStore,
    *,
    say: Say,
    warn: Say | None = None,
    journal: SubmitJournal | None = None,
) -> Submitted:
    """Submit a whole file; create its tasks in order. The same file again creates new tasks of the same assets.

    ``warn`` prints what is valid but probably not meant, by what the chain knows; None for ``say``.
    With a ``journal`` an interrupted submission of the same file is resumed and nothing is paid twice.
    Raises `SpecError` for terms and references that the chain would refuse, before anything is stored or paid, and
    `ChainRefused` for violated rules; no task of the file is open to workers then.
    """
    file = with_declarations(file, store)
    specs, bounds = [spec for _, spec in file.tasks], chain.bounds()
    objectives = look_up(file, chain, bounds)
    refuse_dropped(file, chain, store)
    for doubt in unusable_by_chain(file, objectives, chain):
        warn(doubt) if warn is not None else say(f"warning: {doubt}")
    begins = journal is None or journal.empty  # else part of it may be in escrow already; checked below
    free, price = chain.balance(chain.account).free if begins else 0, None
    if begins and free < escrow(specs, bounds):  # checked before anything is uploaded
        check_balance(_price(file, foreseen(file, chain.account), objectives, chain, store), free, chain.account)
    uploaded = upload(file, chain.account, store, say=say)
    if begins:
        price = _price(file, uploaded, objectives, chain, store)
        check_balance(price, free, chain.account)
        for line in price_lines(price):
            say(line)
    register(uploaded, chain, store)
    say("registered on chain")
    with ExitStack() as stack:
        if journal is not None:
            stack.enter_context(journal.alone(say))
            chain.catch_up()
        created = tuple(_objective(spec, uploaded, chain, say) for spec in file.objectives)
        objectives |= {objective.name: objective for objective in created}
        if not specs:
            return Submitted(objectives=created, plan=None, tasks=(), price=price)
        prepared = _prepared(file, uploaded, objectives, places_in(file, chain))
        return replace(_tasks(prepared, price, chain, store, say, journal), objectives=created)


def create_objective(
    spec: ObjectiveSpec,
    file: SpecFile,
    chain: CreatorCalls,
    store: AssetStore,
    *,
    say: Say,
    journal: SubmitJournal | None = None,
) -> Objective:
    """Create one objective of a file, without its tasks."""
    entries = tuple(entry for entry in file.entries if entry.spec is spec)
    alone = SpecFile(path=file.path, entries=entries, others=file.entries)
    return submit(alone, chain, store, say=say, journal=journal).objectives[0]


def _price(file: SpecFile, uploaded: Uploaded, known: Known, chain: CreatorCalls, store: AssetStore) -> Price:
    """Return the price of all transactions for the file."""
    own = own_objectives(chain) if file.objectives else {}
    wanted = [uploaded.objective(spec, chain.account) for spec in file.objectives]
    new = [one for one in wanted if one.name not in own]
    named: Known = {**known, **{one.name: own.get(one.name, one) for one in wanted}}
    return chain.price(_prepared(file, uploaded, named, places_in(file, chain)).draft(new, chain, store))


def _prepared(file: SpecFile, uploaded: Uploaded, objectives: Known, places: Places) -> PreparedTasks:
    return PreparedTasks(
        specs=[spec for _, spec in file.tasks],
        uploaded=uploaded,
        objectives=objectives,
        places=places,
        in_plan=file.is_plan,
        plan_name=file.plan_name,
        extends=file.extends,
    )


def _tasks(
    prepared: PreparedTasks,
    price: Price | None,
    chain: CreatorCalls,
    store: AssetStore,
    say: Say,
    journal: SubmitJournal | None,
) -> Submitted:
    with ExitStack() as stack:
        before: TaskId | None = None
        if journal is not None:
            newest = max(chain.tasks_of(chain.account), default=TaskId(0))
            before = stack.enter_context(journal.begun(prepared.mark(chain), newest))
            if before is None and price is None:
                free = chain.balance(chain.account).free
                check_balance(chain.price(prepared.draft((), chain, store)), free, chain.account)
        time = ChainTime(Clock(), slot=chain.slot_duration())
        time.saw_head(chain.now())
        try:
            there = created_since(before, chain)
            creation = Creation(
                prepared=prepared, there=there, chain=chain, store=store, time=time, bounds=chain.bounds(), say=say
            )
            plan, tasks = creation.create_all()
            return Submitted(objectives=(), plan=plan, tasks=tasks, clock_skew=time.skew(), price=price)
        except ChainUnavailable as error:
            error.remedy = AGAIN if journal is not None else "look at 'node-runtime list' before you submit again"
            raise
        except KeyboardInterrupt:
            say(f"stopped: what is created stays; {AGAIN}" if journal is not None else "stopped: what is created stays")
            raise


def _objective(spec: ObjectiveSpec, uploaded: Uploaded, chain: CreatorCalls, say: Say) -> Objective:
    """Create the objective unless an identical one exists. Raises `InputError` if the name is in use by another."""
    wanted, admits = uploaded.objective(spec, chain.account), uploaded.admits.get(spec.name)
    known = own_objectives(chain).get(spec.name)
    if known is not None:
        if _content(known) != _content(wanted) or chain.admits(known.id) != admits:
            raise InputError(
                f"you have an objective '{spec.name}' on chain, number {known.id}, which is another one",
                remedy="give this one its own name; an objective can't be changed",
            )
        say(f"objective {known.id} {known.name} is on chain already")
        return known
    number = chain.create_objective(
        name=wanted.name,
        metric=wanted.metric,
        opener=wanted.opener,
        direction=wanted.direction,
        tolerance=wanted.tolerance,
        samples=wanted.samples,
        admits=admits,
    )
    say(f"objective {number} {spec.name} created")
    created = chain.objective(number)
    assert created is not None  # its block is finalised
    return created


def _content(objective: Objective) -> tuple[object, ...]:
    samples = frozenset(objective.samples)
    return (objective.metric, objective.opener, objective.direction, objective.tolerance, samples)
