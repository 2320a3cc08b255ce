"""Explanation of the chain's refusals of inputs: the asset or model, its owner, and the right or its node."""

from collections.abc import Iterator

from node_runtime.domain.assets import Account, Visibility
from node_runtime.domain.permissions import Right
from node_runtime.domain.permitted import lacking, unpermitted_program
from node_runtime.domain.task import Spec, Terms
from node_runtime.errors import ChainRefused
from node_runtime.ports.chain import ChainReads

CREATOR_NOT_PERMITTED = "CreatorNotPermitted"
WORKER_NOT_PERMITTED = "WorkerNotPermitted"
PROGRAM_NOT_PERMITTED = "ProgramNotPermitted"


def explain_permissions(
    chain: ChainReads, refused: ChainRefused, spec: Spec | None, *, worker: Account | None
) -> ChainRefused:
    """Return the refusal with the input that it is about; as it is where it is about something else."""
    if spec is None:
        return refused
    if refused.rule == PROGRAM_NOT_PERMITTED:
        return _told(refused, unpermitted_program(chain, spec))
    if refused.rule == CREATOR_NOT_PERMITTED:
        return _told(refused, lacking(chain, spec, Right.PROCESS, chain.account))
    if refused.rule == WORKER_NOT_PERMITTED:
        owners = [asset.owner for asset in spec.assets]
        return _told(refused, lacking(chain, spec, Right.PROCESS, worker or next(iter(owners), chain.account)))
    return refused


def _told(refused: ChainRefused, lack: tuple[str, str] | None) -> ChainRefused:
    if lack is None:
        return refused
    reason, remedy = lack
    return ChainRefused(refused.rule, f"the chain refuses the task: {reason} [{refused.rule}]", remedy=remedy)


def private_inputs_differ(chain: ChainReads, terms: Terms, spec: Spec) -> ChainRefused:
    """Build the error for private inputs that no one node can read."""
    private = list(_private_inputs(chain, spec))
    owners = dict.fromkeys(owner for owner, _ in private)
    held = "; ".join(
        f"{owner} holds {', '.join(name for holder, name in private if holder == owner)}" for owner in owners
    )
    offered = f", and the task is offered to {terms.assignee}" if terms.assignee is not None else ""
    return ChainRefused(
        "PrivateInputsDiffer",
        f"can't create the {terms.kind} task: only their owner's node can read private inputs, and no one node "
        f"can read all of these: {held}{offered} [PrivateInputsDiffer]",
        remedy="use private inputs of one account only; offer the task to that account, or leave out assign_to",
    )


def _private_inputs(chain: ChainReads, spec: Spec) -> Iterator[tuple[Account, str]]:
    """Yield the known holder and the name of each private asset and model of a spec."""
    for asset in map(chain.asset, spec.assets):
        if asset is not None and asset.visibility is Visibility.PRIVATE:
            yield asset.ref.owner, asset.ref.digest
    for model in map(chain.model, spec.models):
        if model is not None and model.private:
            yield model.trainer, f"model {model.id}"
    for take in spec.roles.takes if spec.roles is not None else ():
        parent = chain.record(take.parent)
        role = None if parent is None else parent.spec.output(take.output)
        if parent is not None and parent.task.terms.assignee and role is not None and role.private:
            yield parent.task.terms.assignee, f"'{role.name}' of task {take.parent}"
