"""SubstrateReads: the port `ChainReads` over substrate-interface."""

import time
from collections import Counter
from collections.abc import Collection, Sequence

from node_runtime.domain.assets import (
    Account,
    Asset,
    AssetRef,
    Digest,
    Model,
    ModelId,
    Objective,
    ObjectiveId,
    SubmissionId,
)
from node_runtime.domain.permissions import Admits, Permissions
from node_runtime.domain.price import Bounds
from node_runtime.domain.task import (
    Assignment,
    Balance,
    CertifiedScore,
    Kind,
    Plan,
    PlanId,
    Spec,
    Submission,
    SubmissionState,
    Task,
    TaskId,
)
from node_runtime.ports.chain import Claimable, KnownBytes, Named, TaskRecord
from node_runtime.spec.bounds import bounds_of

from . import convert, permissions
from .blocks import U64, FinalisedBlocks, Snapshot, number
from .claimable import claimable_at, pending_claims
from .connection import RETRY_TIMEOUT, Requests
from .convert import camel, digest_bytes
from .current_codec import CurrentCodec, Migrating
from .records import records_of, spec_of

DIGEST = 32  # bytes of a digest or an account at the end of a key
_PLACE = 1  # byte of an output's index there
_MODEL = U64 + 16 + 1  # bytes of a model's id at the end of a key
_MIGRATION_PAUSE = 0.05  # seconds between polls of a chain that is migrating its storage


class SubstrateReads:
    """See the port `ChainReads` for what each method promises."""

    def __init__(self, connection: Requests, account: Account) -> None:
        self._connection = connection
        self._codec = CurrentCodec(connection)
        self._blocks = FinalisedBlocks(connection, self._codec)
        self._account = account
        self._stamp = ("", 0)  # the newest block whose time was read, and the time

    @property
    def account(self) -> Account:
        return self._account

    @property
    def genesis(self) -> str:
        """Return the hash of the genesis block, the chain's identity independent of its address."""
        return str(self._connection.genesis)

    def close(self) -> None:
        """Close the connection; later requests fail."""
        self._connection.close()

    def now(self) -> int:
        return self._time_of(self._snapshot())

    def slot_duration(self) -> int:
        return self._codec.get().slot_duration()

    def bounds(self) -> Bounds:
        codec = self._snapshot().codec
        return bounds_of(tasks=codec.constants("Tasks"), registry=codec.constants("Registry"))

    def balance(self, account: Account) -> Balance:
        data = self._snapshot().value("System", "Account", account)["data"]
        return Balance(free=data["free"], held=data["reserved"])

    def asset(self, ref: AssetRef) -> Asset | None:
        found = self._snapshot().value("Registry", "Assets", ref.owner, digest_bytes(ref.digest))
        return None if found is None else convert.asset(ref, found)

    def named_by(self, spec: Spec) -> Named:
        assets = {ref: ("Registry", "Assets", (ref.owner, digest_bytes(ref.digest))) for ref in spec.assets}
        objectives = {each: ("Registry", "Objectives", (each,)) for each in spec.objectives}
        wanted = [*assets.items(), *objectives.items()]
        snapshot = self._snapshot()
        values = snapshot.values_of([item for _, item in wanted])
        known = {each: value for (each, _), value in zip(wanted, values, strict=True) if value is not None}
        return Named(
            assets={ref: convert.asset(ref, known[ref]) for ref in assets if ref in known},
            models={model.id: model for model in _models(snapshot, spec.models)},
            objectives={each: convert.objective(each, known[each]) for each in objectives if each in known},
            accepted={parent: one for parent in spec.parents if (one := _accepted(snapshot, parent)) is not None},
        )

    def known_bytes(self, digest: Digest) -> KnownBytes:
        snapshot, raw = self._snapshot(), digest_bytes(digest)
        numbers = range(1, snapshot.value("Registry", "NextObjective") + 1)
        tests = snapshot.are_stored([("Registry", "TestOf", (number, raw)) for number in numbers])
        first = snapshot.value("Registry", "ModelOf", raw)
        found = [number for number, stored in zip(numbers, tests, strict=True) if stored]
        values = snapshot.values("Registry", "Objectives", [(number,) for number in found])
        return KnownBytes(
            model=None if first is None else convert.same_bytes(digest, first["origin"]),
            objectives=tuple(
                convert.objective(ObjectiveId(number), value) for number, value in zip(found, values, strict=True)
            ),
        )

    def permissions(self, of: AssetRef | ModelId) -> Permissions:
        return permissions.permissions_of(self._snapshot(), of)

    def task_rights(self, task: TaskId) -> Permissions:
        return permissions.task_rights(self._snapshot(), task)

    def admits(self, objective: ObjectiveId) -> Admits | None:
        return permissions.admits(self._snapshot(), objective)

    def assets_of(self, owner: Account) -> tuple[Asset, ...]:
        found = self._snapshot().entries("Registry", "Assets", owner, size=DIGEST)
        return tuple(convert.asset(AssetRef(owner=owner, digest=Digest(tail.hex())), value) for tail, value in found)

    def asset_digests(self) -> frozenset[Digest]:
        tails = self._snapshot().tails("Registry", "Assets", size=DIGEST)
        return frozenset(Digest(tail.hex()) for tail in tails)

    def objective(self, objective: ObjectiveId) -> Objective | None:
        found = self._snapshot().value("Registry", "Objectives", objective)
        return None if found is None else convert.objective(objective, found)

    def objectives_of(self, owner: Account) -> tuple[Objective, ...]:
        snapshot = self._snapshot()
        ids = snapshot.ids("Registry", "ObjectivesOf", owner)
        found = snapshot.values("Registry", "Objectives", [(id_,) for id_ in ids])
        return tuple(convert.objective(ObjectiveId(id_), value) for id_, value in zip(ids, found, strict=True))

    def model(self, model: ModelId) -> Model | None:
        return next(iter(_models(self._snapshot(), (model,))), None)

    def models_of(self, submission: SubmissionId) -> tuple[Model, ...]:
        snapshot = self._snapshot()
        outputs = sorted(tail[0] for tail in snapshot.tails("Registry", "Models", submission, size=_PLACE))
        return _models(snapshot, [ModelId(submission=submission, output=output) for output in outputs])

    def every_model(self) -> tuple[Model, ...]:
        snapshot = self._snapshot()
        return _models(snapshot, list(map(_model_id, snapshot.tails("Registry", "Models", size=_MODEL))))

    def scores(self, objective: ObjectiveId) -> tuple[CertifiedScore, ...]:
        found = self._snapshot().entries("Registry", "Scores", objective, size=U64)
        every = (convert.certified_score(objective, SubmissionId(number(tail)), value) for tail, value in found)
        return tuple(sorted(every, key=lambda score: (score.at, score.submission)))

    def task(self, task: TaskId) -> Task | None:
        found = self._snapshot().value("Tasks", "Tasks", task)
        return None if found is None else convert.task(task, found)

    def spec(self, task: TaskId) -> Spec | None:
        return spec_of(self._snapshot(), task)

    def record(self, task: TaskId) -> TaskRecord | None:
        return next(iter(self.records((task,))), None)

    def records(self, tasks: Sequence[TaskId]) -> tuple[TaskRecord, ...]:
        return records_of(self._snapshot(), tasks, worker=self._account)

    def plan(self, plan: PlanId) -> Plan | None:
        found = self._snapshot().value("Tasks", "Plans", plan)
        return None if found is None else convert.plan(plan, found)

    def claimable(self, kinds: Collection[Kind]) -> Claimable:
        snapshot = self._snapshot()
        return claimable_at(snapshot, self._account, kinds, now=self._time_of(snapshot))

    def pending_claims(self) -> Counter[TaskId]:
        return pending_claims(self._connection, self._codec.get())

    def open_tasks(self, kind: Kind) -> tuple[TaskId, ...]:
        return tuple(map(TaskId, self._snapshot().ids("Tasks", "OpenTasks", camel(kind))))

    def offers(self, worker: Account) -> tuple[TaskId, ...]:
        return tuple(map(TaskId, self._snapshot().ids("Tasks", "Offers", worker)))

    def every_task(self) -> tuple[TaskId, ...]:
        return tuple(map(TaskId, self._snapshot().ids("Tasks", "Tasks")))

    def tasks_of(self, creator: Account) -> tuple[TaskId, ...]:
        return tuple(map(TaskId, self._snapshot().ids("Tasks", "TasksOf", creator)))

    def assignment(self, worker: Account, task: TaskId) -> Assignment | None:
        return assignment_in(self._snapshot(), worker, task)

    def assignments(self, worker: Account) -> tuple[Assignment, ...]:
        found = self._snapshot().entries("Tasks", "Assignments", worker, size=U64)
        ordered = sorted((number(tail), value) for tail, value in found)
        return tuple(convert.assignment(worker, TaskId(id_), value) for id_, value in ordered)

    def assignments_of(self, worker: Account, tasks: Sequence[TaskId]) -> tuple[Assignment | None, ...]:
        found = self._snapshot().values("Tasks", "Assignments", [(worker, task) for task in tasks])
        return tuple(
            None if value is None else convert.assignment(worker, task, value)
            for task, value in zip(tasks, found, strict=True)
        )

    def attempts(self, task: TaskId) -> tuple[Assignment, ...]:
        snapshot = self._snapshot()
        workers = [convert.address(tail) for tail in snapshot.tails("Tasks", "Workers", task, size=DIGEST)]
        found = snapshot.values("Tasks", "Assignments", [(worker, task) for worker in workers])
        held = zip(workers, found, strict=True)
        attempts = [convert.assignment(worker, task, value) for worker, value in held if value is not None]
        return tuple(sorted(attempts, key=lambda attempt: attempt.epoch))

    def submissions(self, task: TaskId) -> tuple[Submission, ...]:
        return _submissions(self._snapshot(), task)

    def submissions_named(self, wanted: Sequence[tuple[TaskId, SubmissionId]]) -> tuple[Submission | None, ...]:
        found = self._snapshot().values("Tasks", "Submissions", wanted)
        return tuple(
            None if value is None else convert.submission(task, id_, value)
            for (task, id_), value in zip(wanted, found, strict=True)
        )

    def reviews(self, judge: Account) -> tuple[tuple[TaskId, SubmissionId], ...]:
        found = self._snapshot().entries("Tasks", "Reviews", judge, size=U64)
        return tuple(sorted((TaskId(task), SubmissionId(number(tail))) for tail, task in found))

    def _known(self, assets: Sequence[Asset]) -> list[tuple[Asset, Asset | None]]:
        """Return each asset once, with its record on chain."""
        unique = {asset.ref: asset for asset in assets}
        keys = [(ref.owner, digest_bytes(ref.digest)) for ref in unique]
        found = self._snapshot().values("Registry", "Assets", keys)
        known = (None if value is None else convert.asset(ref, value) for ref, value in zip(unique, found, strict=True))
        return list(zip(unique.values(), known, strict=True))

    def _time_of(self, snapshot: Snapshot) -> int:
        """Return the block's time, which is asked for once: a poll of a chain that stands still is one request."""
        block, stamp = self._stamp
        if block != snapshot.block:
            stamp = int(snapshot.value("Timestamp", "Now"))
            self._stamp = (snapshot.block, stamp)
        return stamp

    def _snapshot(self, block: str | None = None) -> Snapshot:
        """Return the state at `block`, or at the newest readable one; wait while the chain migrates its storage."""
        give_up = time.monotonic() + RETRY_TIMEOUT
        while True:
            at = block or self._blocks.head_hash()
            try:
                return Snapshot(connection=self._connection, codec=self._codec.at(at), block=at)
            except Migrating:
                if block is not None or time.monotonic() > give_up:
                    raise
            time.sleep(_MIGRATION_PAUSE)


def _models(snapshot: Snapshot, models: Sequence[ModelId]) -> tuple[Model, ...]:
    """Return those of the models that the chain knows, in their order."""
    keys = [(each.submission, each.output) for each in models]
    found = snapshot.values("Registry", "Models", keys)
    private = snapshot.codec.knows("Registry", "PrivateModels")
    kept = snapshot.are_stored([("Registry", "PrivateModels", key) for key in keys]) if private else [False] * len(keys)
    known = zip(models, found, kept, strict=True)
    return tuple(convert.model(id_, value, private=stays) for id_, value, stays in known if value is not None)


def _model_id(tail: bytes) -> ModelId:
    """Return the id by the end of its key: the submission, the hash of the output's place, and that place."""
    return ModelId(submission=SubmissionId(number(tail[:U64])), output=tail[-1])


def _submissions(snapshot: Snapshot, task: TaskId) -> tuple[Submission, ...]:
    found = snapshot.entries("Tasks", "Submissions", task, size=U64)
    every = (convert.submission(task, SubmissionId(number(tail)), value) for tail, value in found)
    return tuple(sorted(every, key=lambda submission: submission.id))


def _accepted(snapshot: Snapshot, task: TaskId) -> Submission | None:
    return next((one for one in _submissions(snapshot, task) if one.state is SubmissionState.ACCEPTED), None)


def assignment_in(snapshot: Snapshot, worker: Account, task: TaskId) -> Assignment | None:
    found = snapshot.value("Tasks", "Assignments", worker, task)
    return None if found is None else convert.assignment(worker, task, found)
