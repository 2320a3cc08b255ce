"""What of a task's results stays on its node, as the chain tells: by private data and models, and by rights."""

from collections.abc import Sequence

from node_runtime.domain.assets import Visibility
from node_runtime.domain.permissions import Right
from node_runtime.domain.permitted import keeping
from node_runtime.domain.task import Spec, TaskId
from node_runtime.ports.chain import ChainReads

_OWN_DATA, _OWN_MODEL = "whose own data the task used", "whose private model the task takes or makes"
PRIVATE = {_OWN_DATA: "private data", _OWN_MODEL: "a private model"}
"""The reasons that are the task's own, and what it has then."""
LOGS = "logs"


def why_logs_stay(chain: ChainReads, task: TaskId) -> str:
    """Return why the task's logs stay with its worker; empty where nothing keeps them."""
    return _why(chain, task, Right.LOGS)


def why_outputs_stay(chain: ChainReads, task: TaskId) -> str:
    """Return why outputs of the task other than models and numbers stay with its worker; empty where nothing does."""
    return _why(chain, task, Right.DOWNLOAD)


def stayed(chain: ChainReads, task: TaskId, names: Sequence[str]) -> str:
    """Return that these outputs and logs stayed with the worker, and why."""
    outputs = why_outputs_stay(chain, task) if {*names} - {LOGS} else ""
    reasons = dict.fromkeys(filter(None, (outputs, why_logs_stay(chain, task) if LOGS in names else "")))
    told = f"{' and '.join(names)} stayed with the worker"
    own = next((reason for reason in reasons if reason in PRIVATE), None)
    if own is not None:
        return f"{told}, {own}"
    return f"{told}: {', and '.join(reasons)}" if reasons else told


def models_may_stay(chain: ChainReads, task: TaskId) -> bool:
    """Return whether the task's models stay with its worker: not everyone may download them."""
    record = chain.record(task)
    return record is not None and not record.output_rights.is_public(Right.DOWNLOAD)


def _why(chain: ChainReads, task: TaskId, right: Right) -> str:
    record = chain.record(task)
    if record is None:
        return ""
    named = chain.named_by(record.spec)
    if any(asset is not None and asset.visibility is Visibility.PRIVATE for asset in named.assets.values()):
        return _OWN_DATA
    if any(model.private for model in named.models.values()) or _keeps_models(chain, record.spec):
        return _OWN_MODEL
    if record.output_rights.is_public(right):
        return ""
    return keeping(chain, record.spec, right) or f"not everyone has the right '{right}' on what the task makes"


def _keeps_models(chain: ChainReads, spec: Spec) -> bool:
    """Return whether the task makes a private model, or takes one of a parent."""
    if spec.roles is None:
        return False
    parents = {take.parent: chain.spec(take.parent) for take in spec.roles.takes}
    taken = (parent.output(take.output) for take in spec.roles.takes if (parent := parents[take.parent]) is not None)
    return any(role is not None and role.private for role in (*spec.roles.outputs, *taken))
