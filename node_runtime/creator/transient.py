"""Transient models: those of a plan's tasks with ``keep: false``, whose bytes are dropped once no task needs them.

Their records on chain stay. The creator drops them, since it alone knows that its plan is not extended further; nodes
never remove what is in storage. Dropping is repeatable: one that is interrupted goes on the next time.
"""

from collections import defaultdict
from collections.abc import Iterator, Set
from dataclasses import dataclass

from node_runtime.domain.assets import Digest, SubmissionId
from node_runtime.domain.document import Document
from node_runtime.domain.task import Spec, SubmissionState, TaskId
from node_runtime.ports.chain import ChainReads, TaskRecord
from node_runtime.ports.store import AssetStore

from .plans import PlanView
from .tasks import stored_document

MODEL = "model"  # the output


@dataclass(frozen=True, kw_only=True)
class Transient:
    """A transient model of a plan. ``needed`` is why it stays; empty for one that was dropped now or before."""

    task: TaskId
    name: str
    digest: Digest
    needed: str


def prune(view: PlanView, chain: ChainReads, store: AssetStore) -> Iterator[Transient]:
    """Drop the plan's transient models that nothing needs; yield all that are or were in storage."""
    uses = _Uses(view, chain)
    for one in view.tasks:
        accepted = next((each for each in one.submissions if each.state is SubmissionState.ACCEPTED), None)
        digest = accepted.result.output(MODEL) if accepted is not None else None
        if digest is None or not is_transient(one.document):
            continue
        needed = uses.reason(one.task.id, digest)
        if not needed:
            store.remove(digest)
        yield Transient(task=one.task.id, name=one.name, digest=digest, needed=needed)


def is_dropped(number: TaskId, chain: ChainReads, store: AssetStore) -> bool:
    """Return whether the task's model was transient and is not in storage any more."""
    spec = chain.spec(number)
    if spec is None or not is_transient(stored_document(spec, store)):
        return False
    accepted = (one for one in chain.submissions(number) if one.state is SubmissionState.ACCEPTED)
    digest = next((one.result.output(MODEL) for one in accepted), None)
    return digest is not None and not store.has(digest)


class _Uses:
    """Who needs the bytes of models, whoever it is, as far as the chain knows: read once for all of them."""

    def __init__(self, view: PlanView, chain: ChainReads) -> None:
        self._over = all(one.task.state.final for one in view.tasks)
        self._transient = {one.task.id for one in view.tasks if is_transient(one.document)}
        self._own = {each.id for one in view.tasks if one.task.id in self._transient for each in one.submissions}
        self._records = {record.task.id: record for record in chain.records(chain.every_task())}
        self._assets = chain.asset_digests()
        self._models = defaultdict[Digest, set[SubmissionId]](set)
        for model in chain.every_model():
            self._models[model.digest].add(model.id.submission)
        self._makers = defaultdict[Digest, set[TaskId]](set)
        for record in self._records.values():
            counters = record.task.counters
            brought = counters.submitted or counters.accepted or counters.rejected
            for submission in chain.submissions(record.task.id) if brought else ():
                for output in submission.result.outputs:
                    self._makers[output.digest].add(record.task.id)

    def reason(self, task: TaskId, digest: Digest) -> str:
        """Return why the bytes of the task's model stay; empty if nothing needs them."""
        makers = self._makers[digest] | {task}
        if digest in self._assets:
            return "an asset has the same bytes"
        if self._models[digest] - self._own or makers - self._transient:
            return "another task's result has the same bytes"
        takers = [record for record in self._records.values() if self._takes(record, makers, digest)]
        waiting = next((record.task.id for record in takers if not record.task.state.final), None)
        if waiting is not None:
            return f"task {waiting} takes it"
        if not self._over and (not takers or len(makers) > 1):
            return "the plan goes on, and a task may still take it"
        twin = next((number for number in self._records if self._may_make(number, task)), None)
        return f"task {twin} may make the same bytes" if twin is not None else ""

    def _takes(self, record: TaskRecord, makers: Set[TaskId], digest: Digest) -> bool:
        spec = record.spec
        return (
            not makers.isdisjoint(spec.parents)
            or any(model.submission in self._models[digest] for model in spec.models)
            or any(asset.digest == digest for asset in spec.assets)
        )

    def _may_make(self, number: TaskId, task: TaskId) -> bool:
        """Return whether an unfinished task has the same inputs: its node may find these bytes stored already."""
        record, own = self._records[number], self._records.get(task)
        return own is not None and not record.task.state.final and _inputs(record.spec) == _inputs(own.spec)


def is_transient(document: Document | None) -> bool:
    return document is not None and document.keep is False


def _inputs(spec: Spec) -> tuple[Set[object], ...]:
    return frozenset(spec.assets), frozenset(spec.models), frozenset(spec.parents)
