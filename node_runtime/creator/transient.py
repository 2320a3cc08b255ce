"""Transient models: those of a plan's tasks with ``keep: false``, whose bytes are dropped once no task needs them.

Their records on chain stay. The creator drops them, since it alone knows that its plan is not extended further; nodes
never remove what is in storage. Dropping is repeatable: one that is interrupted goes on the next time.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass

from node_runtime.domain.assets import Digest, ModelId, SubmissionId
from node_runtime.domain.document import Document
from node_runtime.domain.permissions import Right
from node_runtime.domain.task import OutputKind, PlanId, Spec, Submission, SubmissionState, Take, TaskId
from node_runtime.errors import HostError, StorageError
from node_runtime.ports.chain import ChainReads, TaskRecord
from node_runtime.ports.store import AssetStore

from .plans import PlanReader, PlanView
from .tasks import stored_document

MODEL = "model"  # the output of a task that declares none
PAUSE = 60.0  # seconds between two looks on the way


@dataclass(frozen=True, kw_only=True)
class Transient:
    """A transient model of a plan: the ``output`` of a task.

    ``needed`` is why it stays; empty for one that was dropped now or before.
    """

    task: TaskId
    name: str
    output: str
    digest: Digest
    needed: str


def prune(view: PlanView, chain: ChainReads, store: AssetStore, *, untaken: bool = True) -> Iterator[Transient]:
    """Drop the plan's transient models that nothing needs; yield all that are or were in storage.

    ``untaken``: of a plan that is over, also those that no task took.
    """
    uses = _Uses(view, chain, store, untaken=untaken)
    for one in view.tasks:
        accepted = _accepted(one.submissions)
        if accepted is None or not is_transient(one.document):
            continue
        for place, output in uses.models_of(one.task.id):
            digest = accepted.result.output(output)
            if digest is None:
                continue
            needed = uses.reason(Take(parent=one.task.id, output=place), digest)
            if not needed and not uses.is_current():
                needed = "a task was created meanwhile, which may take it"
            if not needed:
                store.remove(digest)
            yield Transient(task=one.task.id, name=one.name, output=output, digest=digest, needed=needed)


class Pruning:
    """Drops models of the account's own plans while a command follows these: those that tasks took and need no more.

    What no task has taken stays for `prune`, as a later file may extend the plan from there.
    """

    def __init__(self, plans: Iterable[PlanId], chain: ChainReads, store: AssetStore) -> None:
        self._chain, self._store = chain, store
        self._readers = [PlanReader(chain=chain, store=store, number=number) for number in dict.fromkeys(plans)]
        self._dropped = set[tuple[TaskId, str]]()
        self.trouble = ""  # why no more are dropped
        self._next = time.monotonic() + PAUSE

    @property
    def dropped(self) -> int:
        """How many models were dropped so far."""
        return len(self._dropped)

    def on_the_way(self) -> None:
        """Drop what can be dropped, if the last look was a while ago: each reads all of the chain's tasks."""
        if time.monotonic() >= self._next:
            self.look()
            self._next = time.monotonic() + PAUSE

    def look(self) -> None:
        """Drop what can be dropped now. What hinders it is noted in ``trouble``: the plan goes on all the same."""
        try:
            for reader in self._readers:
                self._look_at(reader.read())
        except (StorageError, HostError) as error:
            self.trouble, self._readers = str(error), []

    def _look_at(self, view: PlanView) -> None:
        if view.plan.creator == self._chain.account and any(is_transient(one.document) for one in view.tasks):
            for one in prune(view, self._chain, self._store, untaken=False):
                self._dropped |= {(one.task, one.output)} if not one.needed else set()


def dropped_models(number: TaskId, chain: ChainReads, store: AssetStore) -> dict[int, str]:
    """Return the task's transient models that are not in storage any more: names by places among its outputs."""
    spec = chain.spec(number)
    accepted = _accepted(chain.submissions(number))
    if spec is None or accepted is None or not is_transient(stored_document(spec, store)):
        return {}
    if not chain.task_rights(number).is_public(Right.DOWNLOAD):  # its models were never in storage
        return {}
    digests = {(place, name): accepted.result.output(name) for place, name in model_outputs(spec)}
    return {place: name for (place, name), digest in digests.items() if digest is not None and not store.has(digest)}


def model_outputs(spec: Spec) -> tuple[tuple[int, str], ...]:
    """Return the places and names of a task's models that are put into storage."""
    if spec.roles is None or not spec.roles.outputs:
        return ((0, MODEL),)
    outputs = enumerate(spec.roles.outputs)
    return tuple((place, one.name) for place, one in outputs if one.kind is OutputKind.MODEL and not one.private)


def is_transient(document: Document | None) -> bool:
    return document is not None and document.keep is False


def _accepted(submissions: Iterable[Submission]) -> Submission | None:
    return next((one for one in submissions if one.state is SubmissionState.ACCEPTED), None)


class _Uses:
    """Who needs the bytes of models, whoever it is, as far as the chain knows: read once for all of them."""

    def __init__(self, view: PlanView, chain: ChainReads, store: AssetStore, *, untaken: bool) -> None:
        self._chain, self._account, self._store = chain, chain.account, store
        self._untaken = untaken
        self._plan = view.plan.id
        self._transient = {one.task.id: is_transient(one.document) for one in view.tasks}
        self._records = {record.task.id: record for record in chain.records(chain.every_task())}
        every = self._records.values()
        self._going_on = {one.task.terms.plan for one in every if not one.task.state.final}
        self._taken = {each for one in every for each in _taken(one.spec)}
        self._assets = chain.asset_digests()
        self._kept = set[Digest]()
        self._makers = defaultdict[Digest, set[Take]](set)
        noted = {submission for record in every for submission in self._noted(record, chain)}
        self._models = defaultdict[Digest, set[ModelId]](set)
        for model in chain.every_model():
            self._models[model.digest].add(model.id)
            if model.id.submission not in noted:  # its task is purged
                self._kept.add(model.digest)

    def _noted(self, record: TaskRecord, chain: ChainReads) -> Iterator[SubmissionId]:
        """Note the outputs of a task's results: its models, and others, which are never dropped."""
        places = {name: place for place, name in model_outputs(record.spec)}
        counters = record.task.counters
        brought = counters.submitted or counters.accepted or counters.rejected
        for submission in chain.submissions(record.task.id) if brought else ():
            yield submission.id
            for output in submission.result.outputs:
                if output.name in places:
                    self._makers[output.digest].add(Take(parent=record.task.id, output=places[output.name]))
                else:
                    self._kept.add(output.digest)

    def models_of(self, task: TaskId) -> tuple[tuple[int, str], ...]:
        """Return the models of a task that its node puts into storage: those that everyone may download."""
        record = self._records.get(task)
        stays = record is None or not record.output_rights.is_public(Right.DOWNLOAD)
        return () if record is None or stays else model_outputs(record.spec)

    def is_current(self) -> bool:
        """Return whether no task was created since the chain was read."""
        return max(self._chain.every_task(), default=0) == max(self._records, default=0)

    def reason(self, made: Take, digest: Digest) -> str:
        """Return why the bytes of this output stay; empty if nothing needs them."""
        makers = self._makers[digest] | {made}
        if digest in self._assets:
            return "an asset has the same bytes"
        if digest in self._kept or not all(map(self._may_drop, makers)):
            return "another task's result has the same bytes"
        takers = [record for record in self._records.values() if self._takes(record, makers, digest)]
        waiting = next((record.task.id for record in takers if not record.task.state.final), None)
        if waiting is not None:
            return f"task {waiting} takes it"
        if self._plan in self._going_on and (not takers or (makers - {made}) - self._taken):
            return "the plan goes on, and a task may still take it"
        if not self._untaken and not takers:
            return "no task took it"
        twin = next((number for number in self._records if self._may_make(number, made.parent)), None)
        return f"task {twin} may make the same bytes" if twin is not None else ""

    def _may_drop(self, made: Take) -> bool:
        """Return whether this model is transient: of this plan, or of one that is over, where a task took it."""
        if made.parent in self._transient:
            return self._transient[made.parent]
        record = self._records[made.parent]
        ended = record.task.creator == self._account and record.task.terms.plan not in self._going_on
        return ended and made in self._taken and is_transient(stored_document(record.spec, self._store))

    def _takes(self, record: TaskRecord, makers: Set[Take], digest: Digest) -> bool:
        spec = record.spec
        return (
            not makers.isdisjoint(_taken(spec))
            or not self._models[digest].isdisjoint(spec.models)
            or any(asset.digest == digest for asset in spec.assets)
        )

    def _may_make(self, number: TaskId, task: TaskId) -> bool:
        """Return whether an unfinished task has the same inputs: its node may find these bytes stored already."""
        record, own = self._records[number], self._records.get(task)
        return own is not None and not record.task.state.final and _inputs(record.spec) == _inputs(own.spec)


def _taken(spec: Spec) -> Iterator[Take]:
    """Yield what a task takes of its parents: the first output of each that it says no more of."""
    named = spec.roles.takes if spec.roles is not None else ()
    yield from named
    rest = set(spec.parents) - {one.parent for one in named}
    yield from (Take(parent=parent) for parent in rest)


def _inputs(spec: Spec) -> tuple[Set[object], ...]:
    return frozenset(spec.assets), frozenset(spec.models), frozenset(spec.parents)
