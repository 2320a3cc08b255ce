"""What can an account see and do on the chain? The port `Chain` over substrate-interface."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from substrateinterface import Keypair

from node_runtime.errors import FailureCategory, InputError
from node_runtime.task import (
    Account,
    Asset,
    AssetRef,
    Assignment,
    Balance,
    Digest,
    Direction,
    Kind,
    Model,
    Objective,
    ObjectiveId,
    PlanId,
    Result,
    Spec,
    Submission,
    SubmissionId,
    Task,
    TaskId,
    Terms,
)

from . import nouns
from .blocks import FinalisedBlocks
from .codec import Call, CurrentCodec
from .connection import Connection
from .keys import load_key
from .nouns import camel, digest_bytes, text_bytes
from .refusals import dispatch_refusal
from .sender import Outcome, Sender, batched
from .snapshot import U64, Snapshot, number

_DIGEST = 32  # bytes of a key's last parameter that is a digest or an account
_BATCH = 200  # assets registered by one transaction


def connect(
    url: str, key: str | Keypair, *, password_file: Path | None = None, password: str | None = None
) -> "SubstrateChain":
    """The view of the account that `key` is or names (see `keys.load_key`) of the chain at `url`, ws:// or wss://.

    Raises `ChainUnavailable` when nothing answers and `InputError` when the key can't be had.
    """
    connection = Connection(url)
    try:
        development = connection.request("system_chainType") == "Development"
        if isinstance(key, str):
            key = load_key(key, password_file=password_file, password=password, development=development)
        return SubstrateChain(connection, key)
    except BaseException:
        connection.close()
        raise


class SubstrateChain:
    """See the port `Chain` for what each method promises."""

    def __init__(self, connection: Connection, key: Keypair) -> None:
        self._connection = connection
        self._codec = CurrentCodec(connection)
        self._blocks = FinalisedBlocks(connection)
        self._sender = Sender(connection, self._codec, self._blocks, key)
        self._account = Account(key.ss58_address)

    @property
    def account(self) -> Account:
        return self._account

    @property
    def genesis(self) -> str:
        """The hash of the chain's first block: its name, whatever address it is reached by."""
        return str(self._connection.genesis)

    def close(self) -> None:
        """Ends the connection; nothing can be asked afterwards."""
        self._connection.close()

    # What is there

    def now(self) -> int:
        return int(self._snapshot().value("Timestamp", "Now"))

    def balance(self, account: Account) -> Balance:
        data = self._snapshot().value("System", "Account", account)["data"]
        return Balance(free=data["free"], held=data["reserved"])

    def asset(self, ref: AssetRef) -> Asset | None:
        found = self._snapshot().value("Registry", "Assets", ref.owner, digest_bytes(ref.digest))
        return None if found is None else nouns.asset(ref, found)

    def assets_of(self, owner: Account) -> tuple[Asset, ...]:
        found = self._snapshot().entries("Registry", "Assets", owner, size=_DIGEST)
        return tuple(nouns.asset(AssetRef(owner=owner, digest=Digest(tail.hex())), value) for tail, value in found)

    def objective(self, objective: ObjectiveId) -> Objective | None:
        found = self._snapshot().value("Registry", "Objectives", objective)
        return None if found is None else nouns.objective(objective, found)

    def objectives_of(self, owner: Account) -> tuple[Objective, ...]:
        snapshot = self._snapshot()
        ids = snapshot.ids("Registry", "ObjectivesOf", owner)
        found = snapshot.values("Registry", "Objectives", [(id_,) for id_ in ids])
        return tuple(nouns.objective(ObjectiveId(id_), value) for id_, value in zip(ids, found, strict=True))

    def model(self, submission: SubmissionId) -> Model | None:
        found = self._snapshot().value("Registry", "Models", submission)
        return None if found is None else nouns.model(submission, found)

    def task(self, task: TaskId) -> Task | None:
        found = self._snapshot().value("Tasks", "Tasks", task)
        return None if found is None else nouns.task(task, found)

    def spec(self, task: TaskId) -> Spec | None:
        found = self._snapshot().value("Tasks", "Specs", task)
        return None if found is None else nouns.spec(found)

    def open_tasks(self, kind: Kind) -> tuple[TaskId, ...]:
        return tuple(map(TaskId, self._snapshot().ids("Tasks", "OpenTasks", camel(kind))))

    def offers(self, worker: Account) -> tuple[TaskId, ...]:
        return tuple(map(TaskId, self._snapshot().ids("Tasks", "Offers", worker)))

    def tasks_of(self, creator: Account) -> tuple[TaskId, ...]:
        return tuple(map(TaskId, self._snapshot().ids("Tasks", "TasksOf", creator)))

    def assignment(self, worker: Account, task: TaskId) -> Assignment | None:
        return _assignment(self._snapshot(), worker, task)

    def assignments(self, worker: Account) -> tuple[Assignment, ...]:
        found = self._snapshot().entries("Tasks", "Assignments", worker, size=U64)
        ordered = sorted((number(tail), value) for tail, value in found)
        return tuple(nouns.assignment(worker, TaskId(id_), value) for id_, value in ordered)

    def attempts(self, task: TaskId) -> tuple[Assignment, ...]:
        snapshot = self._snapshot()
        workers = [nouns.address(tail) for tail in snapshot.tails("Tasks", "Workers", task, size=_DIGEST)]
        found = snapshot.values("Tasks", "Assignments", [(worker, task) for worker in workers])
        held = zip(workers, found, strict=True)
        attempts = [nouns.assignment(worker, task, value) for worker, value in held if value is not None]
        return tuple(sorted(attempts, key=lambda attempt: attempt.epoch))

    def submissions(self, task: TaskId) -> tuple[Submission, ...]:
        found = self._snapshot().entries("Tasks", "Submissions", task, size=U64)
        every = (nouns.submission(task, SubmissionId(number(tail)), value) for tail, value in found)
        return tuple(sorted(every, key=lambda submission: submission.id))

    def reviews(self, judge: Account) -> tuple[tuple[TaskId, SubmissionId], ...]:
        found = self._snapshot().entries("Tasks", "Reviews", judge, size=U64)
        return tuple(sorted((TaskId(task), SubmissionId(number(tail))) for tail, task in found))

    # What can be done

    def pay(self, account: Account, amount: int) -> None:
        arguments = {"dest": {"Id": account}, "value": amount}
        call = Call(pallet="Balances", function="transfer_keep_alive", arguments=arguments)
        self._sender.send(call, f"pay {account}")

    def register_assets(self, assets: Sequence[Asset]) -> None:
        snapshot, unique = self._snapshot(), {asset.ref: asset for asset in assets}
        foreign = next((ref for ref in unique if ref.owner != self._account), None)
        if foreign is not None:
            raise InputError(f"asset {foreign} isn't this account's", remedy=f"sign with the key of {foreign.owner}")
        keys = [(asset.ref.owner, digest_bytes(asset.ref.digest)) for asset in unique.values()]
        found = snapshot.values("Registry", "Assets", keys)
        missing: list[Call] = []
        for asset, value in zip(unique.values(), found, strict=True):
            known = None if value is None else nouns.asset(asset.ref, value)
            if known is None:
                missing.append(_register(asset))
            elif (known.kind, known.label, known.visibility) != (asset.kind, asset.label, asset.visibility):
                # the chain refuses; sent alone, so that the message names the asset
                self._sender.send(_register(asset), f"register {asset.ref.digest} as {asset.label or asset.kind}")
        for start in range(0, len(missing), _BATCH):
            chunk = missing[start : start + _BATCH]
            self._sender.send(batched(chunk, function="batch_all"), f"register {len(chunk)} assets")

    def create_objective(
        self,
        *,
        name: str,
        metric: Digest,
        opener: Digest,
        direction: Direction,
        tolerance: int,
        samples: Sequence[Digest],
    ) -> ObjectiveId:
        arguments = {
            "name": text_bytes(name),
            "metric": digest_bytes(metric),
            "opener": digest_bytes(opener),
            "direction": camel(direction),
            "tolerance": tolerance,
            "samples": [digest_bytes(sample) for sample in samples],
        }
        call = Call(pallet="Registry", function="create_objective", arguments=arguments)
        outcome = self._sender.send(call, f"create objective '{name}'")
        return ObjectiveId(outcome.field("Registry", "ObjectiveCreated", "objective"))

    def create_plan(self) -> PlanId:
        return PlanId(self._tasks("create_plan", {}, "create a plan").field("Tasks", "PlanCreated", "plan"))

    def cancel_plan(self, plan: PlanId, *, abort: bool) -> None:
        self._tasks("cancel_plan", {"plan": plan, "abort": abort}, f"cancel plan {plan}")

    def create_task(self, terms: Terms, spec: Spec) -> TaskId:
        arguments = {"terms": nouns.terms_argument(terms), "spec": nouns.spec_argument(spec)}
        outcome = self._tasks("create_task", arguments, f"create the {terms.kind} task")
        return TaskId(outcome.field("Tasks", "TaskCreated", "task"))

    def cancel_task(self, task: TaskId, *, abort: bool) -> None:
        self._tasks("cancel_task", {"task": task, "abort": abort}, f"cancel task {task}")

    def resume_task(self, task: TaskId) -> None:
        self._tasks("resume_task", {"task": task}, f"resume task {task}")

    def assign_task(self, task: TaskId) -> Assignment:
        outcome = self._tasks("assign_task", {"task": task}, f"take task {task}")
        assignment = _assignment(self._snapshot(outcome.block.hash), self._account, task)
        assert assignment is not None  # the block in which the call succeeded holds it
        return assignment

    def send_task_result(self, task: TaskId, epoch: int, result: Result) -> SubmissionId:
        arguments = {
            "task": task,
            "epoch": epoch,
            "result": digest_bytes(result.digest),
            "outputs": nouns.outputs_argument(result.outputs),
            "uri": text_bytes(result.uri),
            "perf": result.perf,
        }
        outcome = self._tasks("send_task_result", arguments, f"send the result of task {task}")
        # the same result again makes no event, but the assignment names the submission
        assignment = _assignment(self._snapshot(outcome.block.hash), self._account, task)
        assert assignment is not None
        assert assignment.submission is not None
        return assignment.submission

    def report_failure(self, task: TaskId, epoch: int, category: FailureCategory, log: Digest) -> None:
        arguments = {"task": task, "epoch": epoch, "category": camel(category), "log": digest_bytes(log)}
        self._tasks("report_failure", arguments, f"report the failure of task {task}")

    def confirm_failure(self, task: TaskId, worker: Account) -> None:
        arguments = {"task": task, "worker": worker}
        self._tasks("confirm_failure", arguments, f"confirm the failure of task {task}")

    def hand_back(self, task: TaskId, epoch: int) -> None:
        self._tasks("hand_back", {"task": task, "epoch": epoch}, f"hand back task {task}")

    def accept_task_results(self, task: TaskId, submission: SubmissionId) -> None:
        arguments = {"task": task, "submission": submission}
        self._tasks("accept_task_results", arguments, f"accept submission {submission} of task {task}")

    def reject_task_results(self, task: TaskId, submission: SubmissionId, reason: str) -> None:
        arguments = {"task": task, "submission": submission, "reason": text_bytes(reason)}
        self._tasks("reject_task_results", arguments, f"reject submission {submission} of task {task}")

    def purge_task(self, task: TaskId) -> None:
        self._tasks("purge_task", {"task": task}, f"purge task {task}")

    def settle(self, task: TaskId) -> None:
        snapshot = self._snapshot()
        workers = snapshot.entries("Tasks", "LiveWorkers", task, size=_DIGEST)
        objects: list[Any] = [{"Assignment": ("0x" + worker.hex(), task)} for worker, _ in workers]
        submissions = snapshot.entries("Tasks", "Submissions", task, size=U64)
        waiting = [number(tail) for tail, value in submissions if "UnderReview" in value["status"]]
        objects += [{"Submission": (task, id_)} for id_ in waiting] + [{"Task": task}]
        pokes = [Call(pallet="Tasks", function="poke", arguments={"object": each}) for each in objects]
        doing = f"settle task {task}"
        outcome = self._sender.send(batched(pokes, function="force_batch"), doing)
        error = outcome.field("Utility", "ItemFailed", "error")
        if error is not None:
            raise dispatch_refusal(self._codec.get(), error, doing)

    def catch_up(self) -> None:
        self._sender.catch_up()

    def _tasks(self, function: str, arguments: dict[str, Any], doing: str) -> Outcome:
        return self._sender.send(Call(pallet="Tasks", function=function, arguments=arguments), doing)

    def _snapshot(self, block: str | None = None) -> Snapshot:
        block = block or self._blocks.head_hash()
        return Snapshot(connection=self._connection, codec=self._codec.get(), block=block)


def _register(asset: Asset) -> Call:
    return Call(pallet="Registry", function="register_asset", arguments=nouns.asset_arguments(asset))


def _assignment(snapshot: Snapshot, worker: Account, task: TaskId) -> Assignment | None:
    found = snapshot.value("Tasks", "Assignments", worker, task)
    return None if found is None else nouns.assignment(worker, task, found)
