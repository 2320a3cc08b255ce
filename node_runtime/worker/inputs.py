"""Inputs of an attempt: fetched into the node's cache from storage or from its private store."""

from contextlib import ExitStack
from pathlib import Path

from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_any,
    stop_when_event_set,
)

from node_runtime.domain.admission import Admitted
from node_runtime.domain.assets import AssetRef, Digest, Visibility
from node_runtime.domain.document import Document, asset_ref
from node_runtime.domain.task import Task
from node_runtime.errors import AssetMismatch, AssetUnavailable, FailureCategory, HostError, TaskFailed
from node_runtime.kinds import Inputs, inputs_of
from node_runtime.ports.chain import ChainReads
from node_runtime.ports.store import AssetStore
from node_runtime.runner.plan_folders import PlanKey

from .attempt import Attempt
from .node import Node
from .times import backoff

TRIES = 4
MAKE_AGAIN = "remove it by 'node-runtime data remove', and have it made again by a task like the one that made it"
ADD_AGAIN = "add it again from its files: node-runtime data add FOLDER --label train (or test)"


def fetch_inputs(attempt: Attempt, node: Node, held: ExitStack) -> Inputs:
    """Fetch, verify and pin every input, read-only, until ``held`` closes. Idempotent.

    Pins carry the attempt's name and survive a killed daemon, as the container that mounts the trees does.
    Raises `TaskFailed` (input_unavailable, input_mismatch, policy), `Stopped`, or `TaskFailed` node_error when the
    report deadline passes first, and for private data that is damaged or gone, which is no fault of the task.
    """
    private = private_inputs(attempt.document, attempt.admitted, private=node.private, chain=node.chain)

    def folder_of(digest: Digest) -> Path:
        if digest in private:
            return _private_folder(digest, attempt, node, held)
        pinned = node.cache.pin(digest, fetch=node.store, holder=str(attempt.id), stop=attempt.cancellation.event)
        return held.enter_context(pinned)

    def once() -> Inputs:
        return inputs_of(
            attempt.document, models=attempt.admitted.models, folder_of=folder_of, worker=attempt.assignment.worker
        )

    retrying = Retrying(
        retry=retry_if_exception_type(AssetUnavailable),
        wait=backoff(node.times.journey),
        stop=stop_any(stop_after_attempt(TRIES), stop_when_event_set(attempt.cancellation.event)),
        sleep=sleep_using_event(attempt.cancellation.event),
        reraise=True,
    )
    try:
        return retrying(once)
    except AssetUnavailable as error:
        attempt.cancellation.check()
        raise TaskFailed(FailureCategory.INPUT_UNAVAILABLE, error.message, remedy=error.remedy) from error
    except AssetMismatch as error:
        raise TaskFailed(FailureCategory.INPUT_MISMATCH, error.message, remedy=error.remedy) from error


def _private_folder(digest: Digest, attempt: Attempt, node: Node, held: ExitStack) -> Path:
    """Pin a private sample or model. Raises `TaskFailed` node_error unless its bytes are here and match the digest."""
    try:
        if not node.private.has(digest):  # the cache may have a copy of what its owner removed
            raise absent_input(digest, attempt.admitted)
        pinned = node.cache.pin(digest, fetch=node.private, holder=str(attempt.id), stop=attempt.cancellation.event)
        return held.enter_context(pinned)
    except AssetMismatch as error:
        what, remedy = _kept_as(digest, attempt.admitted)
        told = f"this node's private {what} {digest} is damaged: {error.message}"
        raise TaskFailed(FailureCategory.NODE_ERROR, told, remedy=remedy) from error


def absent_input(digest: Digest, admitted: Admitted) -> TaskFailed:
    what, remedy = _kept_as(digest, admitted)
    told = f"the bytes of this node's private {what} {digest} aren't here any more"
    return TaskFailed(FailureCategory.NODE_ERROR, told, remedy=remedy)


def _kept_as(digest: Digest, admitted: Admitted) -> tuple[str, str]:
    """Return what the private bytes are, and how to have them again."""
    return ("model", MAKE_AGAIN) if digest in admitted.private else ("sample", ADD_AGAIN)


def uses_private_data(task: Task, document: Document, admitted: Admitted, node: Node) -> bool:
    """Return whether what the task sees may contain private data of this node.

    The local folder of a plan does, once a task that wrote it saw private data.
    """
    return names_private_data(document, admitted, node) or _sees_private_leftovers(task, document, node)


def names_private_data(document: Document, admitted: Admitted, node: Node) -> bool:
    """Return whether any input is private by the chain's record, or in this node's private store in whatever role.

    So is a model that was kept here, whatever the chain's rights on it: it may be of private data in a local folder.
    The record holds when the bytes are removed while the task runs.
    """
    digests = {*(asset_ref(key).digest for key in document.asset_keys()), *admitted.own}
    here = any(map(node.private.has, digests))
    named = any(asset.visibility is Visibility.PRIVATE for asset in admitted.assets.values())
    return here or named or bool(admitted.private)


def _sees_private_leftovers(task: Task, document: Document, node: Node) -> bool:
    """Return whether its plan's local folder is of private data; one whose state is unreadable may be."""
    plan = plan_of(task, document)
    try:
        state = node.workspaces.plans.state(plan) if plan is not None else None
    except HostError:
        return True
    return state is not None and state.stays.private


def plan_of(task: Task, document: Document) -> PlanKey | None:
    """Return the plan whose local folder the task sees; None for a task that sees none."""
    if task.terms.plan is None or document.limits.local is None:
        return None
    return PlanKey(creator=task.creator, plan=task.terms.plan)


def private_inputs(
    document: Document, admitted: Admitted, *, private: AssetStore, chain: ChainReads
) -> frozenset[Digest]:
    """Return the inputs to read from the private store: this account's own private samples and models.

    They are private whether their bytes are here or not: the cache may still have them. Digests are public: another
    account can register one as its own asset, in a role that would disclose the bytes. Raises `TaskFailed` policy for
    such a task.
    """

    def is_secret(digest: Digest) -> bool:
        if digest in admitted.private:
            return True
        ref, here = AssetRef(owner=chain.account, digest=digest), private.has(digest)
        own = admitted.assets.get(ref) or (chain.asset(ref) if here else None)
        return here if own is None else own.visibility is Visibility.PRIVATE

    samples = [asset_ref(key) for key in document.data]
    others = [asset_ref(key).digest for key in document.programs()]
    secret = frozenset(
        digest for digest in {*others, *admitted.models, *(ref.digest for ref in samples)} if is_secret(digest)
    )
    foreign = [ref.digest for ref in samples if ref.owner != chain.account]
    for digest in (*others, *(one for one in admitted.models if one not in admitted.own), *foreign):
        if digest in secret:
            raise TaskFailed(
                FailureCategory.POLICY,
                f"{digest} is this node's private data, and the task doesn't use it as its owner's data sample",
                remedy="name it under 'data' as the sample its owner registered",
            )
    return secret
