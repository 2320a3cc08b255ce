"""Which input of a task keeps somebody from a right: the words of refusals, which name asset, owner and right."""

from collections.abc import Iterator
from dataclasses import dataclass

from node_runtime.errors import InputError
from node_runtime.ports.chain import ChainReads

from .assets import Account, Asset, AssetKind, AssetRef, Model, ModelId
from .permissions import Permissions, Right, differences
from .task import Spec, Take, TaskId

_DATA = (AssetKind.DATA_SAMPLE, AssetKind.MODEL)


@dataclass(frozen=True, kw_only=True)
class PermittedInput:
    """An input, its name in messages, and who may do what with it. ``owner`` is an account, or says whose it is."""

    name: str
    owner: str
    permissions: Permissions

    def lacks(self, account: Account, right: Right) -> str:
        """Return what the account lacks; empty where it has the right."""
        if self.permissions.allows(right, account):
            return ""
        return f"{account} hasn't the right '{right}' on {self.name} of {self.owner}"

    def keeps(self, right: Right) -> str:
        """Return that the right isn't everyone's; empty where it is."""
        if self.permissions.is_public(right):
            return ""
        return f"{self.owner} doesn't give everyone the right '{right}' on {self.name}"


def permitted_asset(chain: ChainReads, ref: AssetRef, asset: Asset | None) -> PermittedInput:
    return PermittedInput(name=_name(ref, asset), owner=ref.owner, permissions=chain.permissions(ref))


def permitted_model(chain: ChainReads, model: ModelId, known: Model | None) -> PermittedInput:
    owner = "the owners of its inputs" if known is None else known.owner
    return PermittedInput(name=f"the model {model}", owner=owner, permissions=chain.permissions(model))


def check_permissions(ref: AssetRef, wanted: Permissions, chain: ChainReads) -> None:
    """Raise `InputError` where a registered asset has other permissions."""
    known, here = chain.permissions(ref), wanted.of(ref.owner)
    if not known.same_as(here):
        raise InputError(
            f"{ref} is registered with other permissions, which never change: {'; '.join(differences(here, known))}",
            remedy="say the same or nothing of them, or change a byte of it to make another asset",
        )


def permitted_inputs(chain: ChainReads, spec: Spec) -> Iterator[PermittedInput]:
    """Yield the assets and models that a task takes, those of its parents included, accepted or awaited."""
    named = chain.named_by(spec)
    for ref in spec.assets:
        yield permitted_asset(chain, ref, named.assets.get(ref))
    takes = spec.roles.takes if spec.roles is not None else tuple(Take(parent=one) for one in spec.parents)
    accepted = [(named.accepted[take.parent].id, take.output) for take in takes if take.parent in named.accepted]
    for model in (*spec.models, *(ModelId(submission=submission, output=output) for submission, output in accepted)):
        yield permitted_model(chain, model, named.models.get(model) or chain.model(model))
    for parent in dict.fromkeys(take.parent for take in takes if take.parent not in named.accepted):
        yield _awaited(chain, parent)


def _awaited(chain: ChainReads, parent: TaskId) -> PermittedInput:
    task = chain.task(parent)
    owner = "the owners of its inputs" if task is None else task.creator
    return PermittedInput(name=f"what task {parent} makes", owner=owner, permissions=chain.task_rights(parent))


def lacking(chain: ChainReads, spec: Spec, right: Right, account: Account) -> tuple[str, str] | None:
    """Return the right that the account lacks on an input of the task, and the remedy."""
    for one in permitted_inputs(chain, spec):
        if lack := one.lacks(account, right):
            return lack, f"ask {one.owner} to register it with that right for {account}, or leave it out"
    return None


def keeping(chain: ChainReads, spec: Spec, right: Right) -> str:
    """Return whose input of the task keeps a right from everyone; empty where none is known to."""
    return next(filter(None, (one.keeps(right) for one in permitted_inputs(chain, spec))), "")


def unpermitted_program(chain: ChainReads, spec: Spec) -> tuple[str, str] | None:
    """Return the program that the owner of a sample doesn't permit, and the remedy."""
    known = chain.named_by(spec).assets
    programs = [ref for ref, asset in known.items() if asset.kind not in _DATA]
    for sample in spec.assets:
        permitted = chain.permissions(sample)
        for program in programs:
            if program.owner != sample.owner and not permitted.allows_program(program.digest):
                reason = (
                    f"{sample.owner} doesn't permit {_name(program, known[program])} of {program.owner} to "
                    f"'{Right.PROCESS}' {_name(sample, known.get(sample))}"
                )
                return reason, f"use a program that {sample.owner} permits, or one of its own"
    return None


def _name(ref: AssetRef, asset: Asset | None) -> str:
    return f"the {'asset' if asset is None else asset.kind.replace('_', ' ')} {ref.digest}"
