"""Explanation of the chain's refusals of a task's inputs: the asset or model, its owner and the missing right."""

from collections.abc import Iterator, Sequence

from node_runtime.domain.assets import Account, Visibility
from node_runtime.domain.permissions import Right
from node_runtime.domain.permitted import lacking, unpermitted_program
from node_runtime.domain.task import Spec, TaskId, Terms
from node_runtime.errors import ChainRefused
from node_runtime.ports.chain import ChainReads

CREATOR_NOT_PERMITTED = "CreatorNotPermitted"
WORKER_NOT_PERMITTED = "WorkerNotPermitted"
PROGRAM_NOT_PERMITTED = "ProgramNotPermitted"
PRIVATE_INPUTS_DIFFER = "PrivateInputsDiffer"


def explain_creation(chain: ChainReads, refused: ChainRefused, tasks: Sequence[tuple[Terms, Spec]]) -> ChainRefused:
    """Return the refusal to create these tasks with the input that it is about, of the first that has such.

    Refusals for other reasons are returned as they are.
    """
    explained = (_creation(chain, refused, terms, spec) for terms, spec in tasks)
    return next(filter(None, explained), refused)


def explain_claim(chain: ChainReads, refused: ChainRefused, task: TaskId) -> ChainRefused:
    """Return the refusal of a claim with the input that this account may not process."""
    spec = chain.spec(task) if refused.rule == WORKER_NOT_PERMITTED else None
    lack = None if spec is None else lacking(chain, spec, Right.PROCESS, chain.account)
    return _told(refused, lack) or refused


def _creation(chain: ChainReads, refused: ChainRefused, terms: Terms, spec: Spec) -> ChainRefused | None:
    if refused.rule == PROGRAM_NOT_PERMITTED:
        return _told(refused, unpermitted_program(chain, spec))
    if refused.rule == CREATOR_NOT_PERMITTED:
        return _told(refused, lacking(chain, spec, Right.PROCESS, chain.account))
    if refused.rule == WORKER_NOT_PERMITTED:
        worker = terms.assignee or next((holder for holder, _ in _private_inputs(chain, spec)), None)
        return None if worker is None else _told(refused, lacking(chain, spec, Right.PROCESS, worker))
    return _private_inputs_differ(chain, terms, spec) if refused.rule == PRIVATE_INPUTS_DIFFER else None


def _told(refused: ChainRefused, lack: tuple[str, str] | None) -> ChainRefused | None:
    if lack is None:
        return None
    reason, remedy = lack
    return ChainRefused(refused.rule, f"the chain refuses the task: {reason} [{refused.rule}]", remedy=remedy)


def _private_inputs_differ(chain: ChainReads, terms: Terms, spec: Spec) -> ChainRefused | None:
    """Build the error for private inputs that no one node can read, where they are this task's."""
    private = list(_private_inputs(chain, spec))
    owners = dict.fromkeys(owner for owner, _ in private)
    if not owners.keys() - {terms.assignee} or (terms.assignee is None and len(owners) == 1):
        return None
    named = {owner: ", ".join(name for holder, name in private if holder == owner) for owner in owners}
    held = "; ".join(f"{owner} holds {names}" for owner, names in named.items())
    offered = f", and the task is offered to {terms.assignee}" if terms.assignee is not None else ""
    return ChainRefused(
        PRIVATE_INPUTS_DIFFER,
        f"can't create the {terms.kind} task: only their owner's node can read private inputs, and no one node "
        f"can read all of these: {held}{offered} [{PRIVATE_INPUTS_DIFFER}]",
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
