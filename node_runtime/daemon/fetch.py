"""Where does an attempt get its inputs from? The node's cache, filled from storage or from the node's own samples."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tenacity import (
    Retrying,
    retry_if_exception_type,
    sleep_using_event,
    stop_after_attempt,
    stop_any,
    stop_when_event_set,
    wait_exponential_jitter,
)

from node_runtime.admission import model_digests
from node_runtime.daemon.attempt import Attempt
from node_runtime.daemon.node import Node
from node_runtime.document import Document, asset_ref
from node_runtime.errors import AssetMismatch, AssetUnavailable, FailureCategory, TaskFailed
from node_runtime.ports import AssetStore, Chain
from node_runtime.stages import Inputs, inputs_of
from node_runtime.task import AssetRef, Digest, Visibility

TRIES = 4


def fetch_inputs(attempt: Attempt, node: Node, held: ExitStack) -> Inputs:
    """Every input on this machine, verified, read-only and pinned until ``held`` closes. May be repeated.

    A pin in the attempt's name outlives a killed daemon, because the container that mounts the tree does too.
    Raises `TaskFailed`: input_unavailable, input_mismatch or policy; `Stopped`, or `TaskFailed` node_error when there
    is just time to tell that it took too long.
    """
    models = model_digests(attempt.document, node.chain)
    private = private_inputs(attempt.document, models, private=node.private, chain=node.chain)

    def folder_of(digest: Digest) -> Path:
        source = node.private if digest in private else node.store
        pinned = node.cache.pin(digest, fetch=source, holder=str(attempt.id), stop=attempt.ending.event)
        return held.enter_context(pinned)

    def once() -> Inputs:
        return inputs_of(attempt.document, models=models, folder_of=folder_of, worker=attempt.assignment.worker)

    patience = Retrying(
        retry=retry_if_exception_type(AssetUnavailable),
        wait=wait_exponential_jitter(multiplier=0.5, max=10),
        stop=stop_any(stop_after_attempt(TRIES), stop_when_event_set(attempt.ending.event)),
        sleep=sleep_using_event(attempt.ending.event),
        reraise=True,
    )
    try:
        return patience(once)
    except AssetUnavailable as error:
        attempt.ending.check()
        raise TaskFailed(FailureCategory.INPUT_UNAVAILABLE, error.message, remedy=error.remedy) from error
    except AssetMismatch as error:
        raise TaskFailed(FailureCategory.INPUT_MISMATCH, error.message, remedy=error.remedy) from error


def uses_private_data(document: Document, private: AssetStore) -> bool:
    """Whether any input's bytes are this node's own and must not leave it, whatever the task calls them."""
    return any(private.has(asset_ref(key).digest) for key in document.asset_keys())


def private_inputs(
    document: Document, models: Sequence[Digest], *, private: AssetStore, chain: Chain
) -> frozenset[Digest]:
    """Which inputs come from the node's private store: samples that this account itself registered as private.

    A digest is public, so anybody can register it as an asset of their own, in a role that would give its bytes away.
    Raises `TaskFailed` policy for such a task. ``models`` are the digests of the document's models.
    """

    def is_secret(digest: Digest) -> bool:
        if not private.has(digest):
            return False
        own = chain.asset(AssetRef(owner=chain.account, digest=digest))
        return own is None or own.visibility is Visibility.PRIVATE

    samples = [asset_ref(key) for key in document.data]
    images = [image.source for image in (document.algo, document.metric) if image]
    code = [key for key in (*images, document.bundle, document.opener) if key]
    others = [asset_ref(key).digest for key in code]
    secret = frozenset(digest for digest in {*others, *models, *(ref.digest for ref in samples)} if is_secret(digest))
    foreign = [ref.digest for ref in samples if ref.owner != chain.account]
    for digest in (*others, *models, *foreign):
        if digest in secret:
            raise TaskFailed(
                FailureCategory.POLICY,
                f"{digest} is this node's private data, and the task doesn't use it as its owner's data sample",
                remedy="name it under 'data' as the sample its owner registered",
            )
    return secret
