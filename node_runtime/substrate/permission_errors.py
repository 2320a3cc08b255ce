"""Explanation of the chain's refusals for missing permissions: the asset or model, its owner and the right."""

from node_runtime.domain.assets import Account
from node_runtime.domain.permissions import Right
from node_runtime.domain.permitted import lacking, unpermitted_program
from node_runtime.domain.task import Spec
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
