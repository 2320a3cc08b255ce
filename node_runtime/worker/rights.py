"""The rights on a task's inputs and outputs, as the node keeps them: what it refuses, and what stays here.

Whoever can read the storage reads all of it: what not everyone may download, and logs that not everyone may read,
aren't uploaded.
"""

from dataclasses import dataclass, replace

from node_runtime.domain.admission import Admitted
from node_runtime.domain.assets import Visibility
from node_runtime.domain.document import Document
from node_runtime.domain.permissions import OWNER_ONLY, Permissions, Right
from node_runtime.domain.permitted import lacking, unpermitted_program
from node_runtime.domain.task import Task
from node_runtime.errors import HostError
from node_runtime.kinds import private_outputs
from node_runtime.ports.chain import ChainReads, TaskRecord
from node_runtime.runner.stays import Stays

from .attempt import Attempt
from .inputs import names_private_data, plan_of, uses_private_data
from .node import Node
from .reasons import Reason, Refusal


def refuse_rights(record: TaskRecord, document: Document, admitted: Admitted, chain: ChainReads) -> Refusal | None:
    """Check that this account may process all inputs and, of its private samples, that creator and programs may.

    The chain has checked the same, but for what the document puts in the place of a program; a node doesn't rely on it
    for data that it alone has.
    """
    spec, lack = record.spec, None
    if not record.rights.allows(Right.PROCESS, chain.account):
        lack = lacking(chain, spec, Right.PROCESS, chain.account) or (f"{chain.account} may not process its inputs", "")
    elif any(asset.visibility is Visibility.PRIVATE for asset in admitted.assets.values()):
        lack = lacking(chain, spec, Right.PROCESS, record.task.creator) or unpermitted_program(chain, spec)
    lack = lack or _replaced_program(record.task, document, chain)
    return None if lack is None else Refusal(reason=Reason.RIGHTS, message=lack[0])


def _replaced_program(task: Task, document: Document, chain: ChainReads) -> tuple[str, str] | None:
    """Return what the creator runs in the place of a program that a sample's owner permits, and the remedy.

    The owner names programs by their digests, and an entrypoint or a ready image runs something else.
    """
    replaced = [image for _, image in document.images() if image.image or image.entrypoint is not None]
    for sample in document.samples() if replaced else ():
        permitted = chain.permissions(sample)
        if sample.owner == task.creator or permitted.algos is None:
            continue
        for image in replaced:
            what = "an entrypoint" if image.entrypoint is not None else f"the ready image {image.image}"
            if image.entrypoint is None and permitted.allows_program(image.ready):
                continue
            permitted_program = f"the program {image.source} that {sample.owner} permits on the sample {sample.digest}"
            return (
                f"{what} replaces {permitted_program}",
                f"leave it out, or ask {sample.owner} to permit the image's digest",
            )
    return None


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What of an attempt stays on this node.

    ``outputs``: all but models and bounded numbers; ``models``: these too; ``logs``: those of containers and builds,
    and why it failed; ``live_logs``: what the live channel shows of them.
    """

    outputs: bool
    models: bool
    logs: bool
    live_logs: bool


def kept_here(attempt: Attempt, node: Node) -> Kept:
    """Decide by private data of this node's owner, private models, and the rights of what the task makes.

    What its workspace notes counts as well: what it saw may be forgotten by now.
    """
    rights = rights_on_outputs(attempt.task, attempt.document, attempt.admitted, node)
    stays = node.workspaces.stays(attempt.id) | _stays(attempt, rights, node)
    if uses_private_data(attempt.task, attempt.document, attempt.admitted, node):
        stays = replace(stays, private=True)
    return Kept(
        outputs=stays.private or stays.models,
        models=stays.models,
        logs=stays.logs or (stays.private and not node.share_private_logs),
        live_logs=stays.logs or stays.private,
    )


def stays_by_inputs(attempt: Attempt, node: Node) -> Stays:
    """Return what stays by the attempt's inputs and what it makes, whatever is in its plan's local folder."""
    return _stays(attempt, _rights_by_inputs(attempt.admitted, node), node)


def _stays(attempt: Attempt, rights: Permissions, node: Node) -> Stays:
    private = names_private_data(attempt.document, attempt.admitted, node) or private_outputs(attempt.document)
    models, logs = not rights.is_public(Right.DOWNLOAD), not rights.is_public(Right.LOGS)
    return Stays(private=bool(private), models=models, logs=logs)


def rights_on_outputs(task: Task, document: Document, admitted: Admitted, node: Node) -> Permissions:
    """Return the rights that all give that the task sees: its inputs, models kept here, its plan's local folder.

    The folder's state has what its writers' inputs gave: the chain needn't answer, and may have forgotten them.
    """
    rights = _rights_by_inputs(admitted, node)
    plan = plan_of(task, document)
    try:
        state = node.workspaces.plans.state(plan) if plan is not None else None
    except HostError:
        return OWNER_ONLY
    return rights if state is None else _narrowed(rights, state.stays)


def _rights_by_inputs(admitted: Admitted, node: Node) -> Permissions:
    """Return the rights that the inputs give; a model kept here is of data whose rights the chain may not know."""
    kept = any(map(node.private.has, admitted.own - admitted.private))
    return _narrowed(admitted.rights, Stays(models=kept, logs=kept))


def _narrowed(rights: Permissions, stays: Stays) -> Permissions:
    return replace(
        rights,
        download=OWNER_ONLY.download if stays.models else rights.download,
        logs=OWNER_ONLY.logs if stays.logs else rights.logs,
    )
