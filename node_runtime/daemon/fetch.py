"""Where does an attempt get its inputs from? The node's cache, filled from storage or from the node's own samples."""

from contextlib import ExitStack
from pathlib import Path

from tenacity import Retrying, retry_if_exception_type, sleep_using_event, stop_after_attempt, wait_exponential_jitter

from node_runtime.daemon.attempt import Attempt
from node_runtime.daemon.node import Node
from node_runtime.document import Document, ModelOf, asset_ref
from node_runtime.errors import AssetMismatch, AssetUnavailable, FailureCategory, TaskFailed
from node_runtime.ports import Chain
from node_runtime.stages import Inputs, inputs_of
from node_runtime.task import Digest, SubmissionId, SubmissionState, TaskId

TRIES = 4


def fetch_inputs(attempt: Attempt, node: Node, held: ExitStack) -> Inputs:
    """Every input on this machine, verified, read-only and pinned until ``held`` closes. May be repeated.

    A pin in the attempt's name outlives a killed daemon, because the container that mounts the tree does too.
    Raises `TaskFailed`: input_unavailable or input_mismatch.
    """
    models = [_model_digest(model, node.chain) for model in attempt.document.models]

    def folder_of(digest: Digest) -> Path:
        source = node.private if node.private.has(digest) else node.store
        return held.enter_context(node.cache.pin(digest, fetch=source, holder=str(attempt.id)))

    def once() -> Inputs:
        return inputs_of(attempt.document, models=models, folder_of=folder_of)

    patience = Retrying(
        retry=retry_if_exception_type(AssetUnavailable),
        wait=wait_exponential_jitter(multiplier=0.5, max=10),
        stop=stop_after_attempt(TRIES),
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


def uses_private_data(document: Document, node: Node) -> bool:
    """Whether any sample's bytes are this node's own and must not leave it."""
    return any(node.private.has(asset_ref(key).digest) for key in document.data)


def _model_digest(model: ModelOf, chain: Chain) -> Digest:
    if model.asset is not None:
        return asset_ref(model.asset).digest
    if model.submission is not None:
        known = chain.model(SubmissionId(model.submission))
        if known is not None:
            return known.digest
        raise _no_model(f"submission {model.submission} has no model on chain")
    if model.task is None:
        raise _no_model("the task document names a model without saying which")
    accepted = [one for one in chain.submissions(TaskId(model.task)) if one.state is SubmissionState.ACCEPTED]
    digest = accepted[0].result.output("model") if accepted else None
    if digest is None:
        raise _no_model(f"task {model.task} has no accepted model")
    return digest


def _no_model(message: str) -> TaskFailed:
    return TaskFailed(FailureCategory.INPUT_MISMATCH, message, remedy="name a task whose result was accepted")
