"""SubstrateChain: the port `Chain` over substrate-interface, the calls of one account and its reads."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from substrateinterface import Keypair

from node_runtime.domain.assets import (
    Account,
    Asset,
    Digest,
    Direction,
    Objective,
    ObjectiveId,
    SubmissionId,
    Visibility,
)
from node_runtime.domain.permissions import PUBLIC, Admits, Permissions, by_permissions
from node_runtime.domain.price import Draft, Price
from node_runtime.domain.task import Assignment, PlanId, Result, Spec, TaskId, Terms
from node_runtime.errors import ChainRefused, FailureCategory, InputError

from . import encode
from .blocks import U64, Snapshot, number
from .claimable import claim
from .codec import Call
from .connection import Connection, Requests
from .convert import camel, digest_bytes, text_bytes
from .current_codec import CurrentCodec
from .errors import dispatch_refusal
from .keys import load_key
from .permission_errors import explain_claim, explain_creation
from .permissions import known_assets, rights_of_inputs
from .reads import DIGEST, SubstrateReads, assignment_in
from .sender import FinalisedCall, Sender, TellFee, batched

_BATCH = 200  # assets per registering transaction
_CREATE_PLAN = Call(pallet="Tasks", function="create_plan", arguments={})


def connect(
    url: str,
    key: str | Keypair,
    *,
    password_file: Path | None = None,
    password: str | None = None,
    tell_fee: TellFee | None = None,
    patience: float | None = None,
) -> "SubstrateChain":
    """Connect to the chain at `url` (ws:// or wss://) with `key`, a keypair or its name (see `keys.load_key`).

    ``tell_fee`` receives the maximum fee of each transaction before it is sent. ``patience`` is that of `Connection`.

    Raises `ChainUnavailable` when the node does not answer and `InputError` when the key can't be loaded.
    """
    connection = Connection(url, patience=patience)
    try:
        development = connection.request("system_chainType") == "Development"
        if isinstance(key, str):
            key = load_key(key, password_file=password_file, password=password, development=development)
        return SubstrateChain(connection, key, tell_fee)
    except BaseException:
        connection.close()
        raise


def connect_reader(url: str, *, patience: float | None = None) -> "SubstrateChain":
    """Connect with a random, unfunded key, for reads only. Raises `ChainUnavailable`."""
    return connect(url, Keypair.create_from_seed(secrets.token_hex(32), ss58_format=42), patience=patience)


def newest_stamp(url: str) -> int:
    """Return the time of the newest finalised block, ms since 1970, 0 of a genesis block; needs no account."""
    connection = Connection(url)
    try:
        head = str(connection.request("chain_getFinalizedHead"))
        codec = CurrentCodec(connection).get()
        return int(Snapshot(connection=connection, codec=codec, block=head).value("Timestamp", "Now"))
    finally:
        connection.close()


class SubstrateChain(SubstrateReads):
    """Implementation of the port `Chain`, which documents the contract of each method."""

    def __init__(self, connection: Requests, key: Keypair, tell_fee: TellFee | None = None) -> None:
        super().__init__(connection, Account(key.ss58_address))
        self._sender = Sender(connection, self._codec, self._blocks, key, tell_fee)
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """Return the account's ``MultiSignature`` of a message other than a transaction."""
        return bytes([self._key.crypto_type]) + bytes(self._key.sign(message))

    def price(self, draft: Draft) -> Price:
        from .price import price_of  # imports every kind of task, which few commands need

        snapshot, assets = self._snapshot(), {asset.ref: asset for asset in draft.assets}
        known = known_assets(snapshot, {*assets, *(ref for _, spec in draft.tasks for ref in spec.assets)})
        new = [asset for ref, asset in assets.items() if ref not in known]
        calls = [
            _register_all(chunk, permissions.of(self._account))
            for permissions, some in by_permissions(new, draft.permissions)
            for chunk in _batches(some)
        ]
        calls += [_create_objective(one, draft.admits.get(one.name)) for one in draft.objectives]
        calls += [_CREATE_PLAN] if draft.plan else []
        calls += [_create_task(terms, spec) for terms, spec in draft.tasks]
        codec = self._codec.get()
        tasks = [(terms, replace(spec, rights=spec.rights.of(self._account))) for terms, spec in draft.tasks]
        known |= {ref: permissions.of(ref.owner) for ref, permissions in draft.permissions.items() if ref not in known}
        rights = [rights_of_inputs(snapshot, spec, known) for _, spec in tasks]
        draft = replace(draft, tasks=tuple(tasks))
        return price_of(draft, new, calls, rights, payer=self._account, codec=codec, fee=self._sender.most_fee)

    def pay(self, account: Account, amount: int) -> None:
        arguments = {"dest": {"Id": account}, "value": amount}
        call = Call(pallet="Balances", function="transfer_keep_alive", arguments=arguments)
        self._sender.send(call, f"pay {account}")

    def register_assets(self, assets: Sequence[Asset], permissions: Permissions = PUBLIC) -> None:
        foreign = next((asset.ref for asset in assets if asset.ref.owner != self._account), None)
        if foreign is not None:
            raise InputError(f"asset {foreign} isn't this account's", remedy=f"sign with the key of {foreign.owner}")
        permissions = permissions.of(self._account)
        missing: list[Asset] = []
        for asset, known in self._known(assets):
            if known is None:
                missing.append(asset)
            elif known != asset or not (permissions == PUBLIC or permissions.same_as(self.permissions(asset.ref))):
                # the chain refuses it; sent alone, so that the error names the asset
                doing = f"register {asset.ref.digest} as {asset.label or asset.kind}"
                self._sender.send(_register(asset, permissions), doing)
        for chunk in _batches(missing):
            doing = f"register {len(chunk)} asset{'s' * (len(chunk) != 1)}"
            self._sender.send(_register_all(chunk, permissions), doing)

    def move_asset(self, digest: Digest, uri: str) -> None:
        arguments = {"digest": digest_bytes(digest), "uri": text_bytes(uri)}
        self._sender.send(Call(pallet="Registry", function="move_asset", arguments=arguments), f"move asset {digest}")

    def create_objective(
        self,
        *,
        name: str,
        metric: Digest,
        opener: Digest,
        direction: Direction,
        tolerance: Decimal,
        samples: Sequence[Digest],
        admits: Admits | None = None,
    ) -> ObjectiveId:
        wanted = Objective(
            id=ObjectiveId(0),
            owner=self._account,
            name=name,
            metric=metric,
            opener=opener,
            direction=direction,
            tolerance=tolerance,
            samples=tuple(samples),
        )
        outcome = self._sender.send(_create_objective(wanted, admits), f"create objective '{name}'")
        return ObjectiveId(outcome.field("Registry", "ObjectiveCreated", "objective"))

    def create_plan(self) -> PlanId:
        return PlanId(self._sender.send(_CREATE_PLAN, "create a plan").field("Tasks", "PlanCreated", "plan"))

    def cancel_plan(self, plan: PlanId, *, abort: bool) -> None:
        self._tasks("cancel_plan", {"plan": plan, "abort": abort}, f"cancel plan {plan}")

    def create_task(self, terms: Terms, spec: Spec) -> TaskId:
        try:
            outcome = self._sender.send(_create_task(terms, spec), f"create the {terms.kind} task")
        except ChainRefused as refused:
            raise explain_creation(self, refused, [(terms, spec)]) from None
        return TaskId(outcome.field("Tasks", "TaskCreated", "task"))

    def create_tasks(self, tasks: Sequence[tuple[Terms, Spec]]) -> tuple[TaskId, ...]:
        calls = [_create_task(terms, spec) for terms, spec in tasks]
        try:
            outcome = self._sender.send(batched(calls, function="batch_all"), f"create {len(tasks)} tasks")
        except ChainRefused as refused:
            raise explain_creation(self, refused, tasks) from None
        return tuple(map(TaskId, outcome.fields("Tasks", "TaskCreated", "task")))

    def cancel_task(self, task: TaskId, *, abort: bool) -> None:
        self._tasks("cancel_task", {"task": task, "abort": abort}, f"cancel task {task}")

    def resume_task(self, task: TaskId) -> None:
        self._tasks("resume_task", {"task": task}, f"resume task {task}")

    def decline_offer(self, task: TaskId) -> None:
        self._tasks("decline_offer", {"task": task}, f"decline task {task}")

    def assign_task(self, task: TaskId) -> Assignment:
        try:
            outcome = self._sender.send(claim(task), f"take task {task}")
        except ChainRefused as refused:
            raise explain_claim(self, refused, task) from None
        assignment = assignment_in(self._snapshot(outcome.block.hash), self._account, task)
        assert assignment is not None  # the block of the successful call contains it
        return assignment

    def send_task_result(self, task: TaskId, epoch: int, result: Result) -> SubmissionId:
        arguments = {
            "task": task,
            "epoch": epoch,
            "result": digest_bytes(result.digest),
            "outputs": encode.outputs(result.outputs),
            "uri": text_bytes(result.uri),
            "perfs": encode.perfs(result.perfs),
        }
        outcome = self._tasks("send_task_result", arguments, f"send the result of task {task}")
        # a repeated result emits no event; the assignment names the submission
        assignment = assignment_in(self._snapshot(outcome.block.hash), self._account, task)
        assert assignment is not None
        assert assignment.submission is not None
        return assignment.submission

    def report_failure(self, task: TaskId, epoch: int, category: FailureCategory, log: Digest) -> None:
        arguments = {"task": task, "epoch": epoch, "category": camel(category), "log": digest_bytes(log)}
        self._tasks("report_failure", arguments, f"report the failure of task {task}")

    def confirm_failure(self, task: TaskId, worker: Account) -> None:
        arguments = {"task": task, "worker": worker}
        self._tasks("confirm_failure", arguments, f"confirm the failure of task {task}")

    def hand_back(self, task: TaskId, epoch: int) -> int:
        outcome = self._tasks("hand_back", {"task": task, "epoch": epoch}, f"hand back task {task}")
        return int(outcome.field("Tasks", "HandedBack", "price"))

    def accept_task_results(self, task: TaskId, submission: SubmissionId) -> None:
        arguments = {"task": task, "submission": submission}
        self._tasks("accept_task_results", arguments, f"accept submission {submission} of task {task}")

    def reject_task_results(self, task: TaskId, submission: SubmissionId, reason: str) -> None:
        arguments = {"task": task, "submission": submission, "reason": text_bytes(reason)}
        self._tasks("reject_task_results", arguments, f"reject submission {submission} of task {task}")

    def purge_task(self, task: TaskId) -> None:
        self._tasks("purge_task", {"task": task}, f"purge task {task}")

    def settle(self, task: TaskId) -> None:
        # in one transaction, poke whatever may be due: live assignments, results under review, then the task itself
        snapshot = self._snapshot()
        workers = snapshot.entries("Tasks", "LiveWorkers", task, size=DIGEST)
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

    def _tasks(self, function: str, arguments: dict[str, Any], doing: str) -> FinalisedCall:
        return self._sender.send(Call(pallet="Tasks", function=function, arguments=arguments), doing)


def _register(asset: Asset, permissions: Permissions) -> Call:
    """Build the call that registers an asset; without permissions a private one would be for its owner's tasks only."""
    if permissions == PUBLIC and asset.visibility is Visibility.SHARED:
        return Call(pallet="Registry", function="register_asset", arguments=encode.asset(asset))
    arguments = encode.asset(asset) | {"permissions": encode.permissions(permissions)}
    return Call(pallet="Registry", function="register_asset_with_permissions", arguments=arguments)


def _batches(assets: Sequence[Asset]) -> list[Sequence[Asset]]:
    return [assets[start : start + _BATCH] for start in range(0, len(assets), _BATCH)]


def _register_all(assets: Sequence[Asset], permissions: Permissions = PUBLIC) -> Call:
    return batched([_register(asset, permissions) for asset in assets], function="batch_all")


def _create_objective(objective: Objective, admits: Admits | None = None) -> Call:
    if admits is None:
        return Call(pallet="Registry", function="create_objective", arguments=encode.objective(objective))
    arguments = encode.objective(objective) | {"admits": encode.admits(admits)}
    return Call(pallet="Registry", function="create_objective_with_admits", arguments=arguments)


def _create_task(terms: Terms, spec: Spec) -> Call:
    arguments: dict[str, Any] = {"terms": encode.terms(terms), "spec": encode.spec(spec)}
    roles = None if spec.roles is None else encode.roles(spec.roles)
    if spec.rights != PUBLIC:
        arguments |= {"roles": roles, "rights": encode.rights(spec.rights)}
        return Call(pallet="Tasks", function="create_task_with_rights", arguments=arguments)
    if roles is None:
        return Call(pallet="Tasks", function="create_task", arguments=arguments)
    arguments["roles"] = roles
    return Call(pallet="Tasks", function="create_task_with_roles", arguments=arguments)
