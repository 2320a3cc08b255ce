"""Warnings about models that nobody may use, by what the chain knows of a file's inputs."""

from functools import cache

from node_runtime.domain.assets import Account, AssetRef, ModelId, SubmissionId, Visibility
from node_runtime.domain.permissions import PUBLIC, Permissions
from node_runtime.domain.task import TaskId
from node_runtime.ports.chain import ChainReads
from node_runtime.spec.common import ModelSpec, TakenSpec
from node_runtime.spec.output_rights import Registered, unusable_models
from node_runtime.spec.read import SpecFile

from .references import Known


def unusable_by_chain(file: SpecFile, named: Known, chain: ChainReads) -> tuple[str, ...]:
    """Return the warnings, with their places, about models that nobody may use, beside the file's own warnings.

    ``named`` are the objectives on chain that its tasks name.
    """

    @cache
    def rights_of(one: AssetRef | ModelSpec) -> Permissions:
        if isinstance(one, AssetRef):
            return chain.permissions(one)
        if one.submission is not None:
            output = one.output if isinstance(one, TakenSpec) and isinstance(one.output, int) else 0
            return chain.permissions(ModelId(submission=SubmissionId(one.submission), output=output))
        earlier = file.extends.tasks if file.extends is not None else {}
        number = earlier.get(one.task) if isinstance(one.task, str) else one.task
        return chain.task_rights(TaskId(number)) if number is not None else PUBLIC

    @cache
    def keeper_of(ref: AssetRef) -> Account | None:
        asset = chain.asset(ref)
        return ref.owner if asset is not None and asset.visibility is Visibility.PRIVATE else None

    objectives = {
        name: [AssetRef(owner=one.owner, digest=digest) for digest in (one.metric, one.opener, *one.samples)]
        for name, one in named.items()
    }
    known = Registered(account=chain.account, rights_of=rights_of, keeper_of=keeper_of, objectives=objectives)
    return tuple(one for one in unusable_models(file.entries, known) if one not in file.warnings)
