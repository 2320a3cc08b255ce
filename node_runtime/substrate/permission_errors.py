"""Explanation of the chain's refusals for missing permissions: the asset or model, its owner and the right."""

from node_runtime.domain.assets import Account, AssetKind, AssetRef, ModelId
from node_runtime.domain.permissions import Right
from node_runtime.domain.task import Spec
from node_runtime.errors import ChainRefused
from node_runtime.ports.chain import ChainReads

CREATOR_NOT_PERMITTED = "CreatorNotPermitted"
WORKER_NOT_PERMITTED = "WorkerNotPermitted"
PROGRAM_NOT_PERMITTED = "ProgramNotPermitted"
_DATA = (AssetKind.DATA_SAMPLE, AssetKind.MODEL)


def explain_permissions(
    chain: ChainReads, refused: ChainRefused, spec: Spec | None, *, worker: Account | None
) -> ChainRefused:
    """Return the refusal with the input that it is about; as it is where it is about something else."""
    if spec is None:
        return refused
    if refused.rule == PROGRAM_NOT_PERMITTED:
        return _program(chain, refused, spec)
    if refused.rule == CREATOR_NOT_PERMITTED:
        return _account(chain, refused, spec, chain.account)
    if refused.rule == WORKER_NOT_PERMITTED:
        owners = [asset.owner for asset in spec.assets]
        return _account(chain, refused, spec, worker or next(iter(owners), chain.account))
    return refused


def _account(chain: ChainReads, refused: ChainRefused, spec: Spec, account: Account) -> ChainRefused:
    inputs: list[AssetRef | ModelId] = [*spec.assets, *spec.models]
    for named in inputs:
        if not chain.permissions(named).allows(Right.PROCESS, account):
            owner, name = _named(chain, named)
            reason = f"{account} hasn't the right '{Right.PROCESS}' on {name} of {owner}"
            return ChainRefused(
                refused.rule,
                f"the chain refuses the task: {reason} [{refused.rule}]",
                remedy=f"ask {owner} to register it with that right for {account}, or leave it out",
            )
    return refused


def _program(chain: ChainReads, refused: ChainRefused, spec: Spec) -> ChainRefused:
    known = {ref: chain.asset(ref) for ref in spec.assets}
    programs = [ref for ref, asset in known.items() if asset is not None and asset.kind not in _DATA]
    for sample in spec.assets:
        permitted = chain.permissions(sample)
        for program in programs:
            if program.owner != sample.owner and not permitted.allows_program(program.digest):
                return ChainRefused(
                    refused.rule,
                    f"the chain refuses the task: {sample.owner} doesn't permit the program {program.digest} "
                    f"of {program.owner} to '{Right.PROCESS}' the sample {sample.digest} [{refused.rule}]",
                    remedy=f"use a program that {sample.owner} permits, or one of its own",
                )
    return refused


def _named(chain: ChainReads, named: AssetRef | ModelId) -> tuple[Account | str, str]:
    if isinstance(named, AssetRef):
        return named.owner, named.digest
    model = chain.model(named)
    return ("the owners of its inputs" if model is None else model.owner), f"model {named}"
