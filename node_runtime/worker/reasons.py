"""Why a node refuses a task, and the remedy: for its creator, for the operator of the node, or nothing but wait."""

from dataclasses import dataclass
from enum import StrEnum

from node_runtime.domain.task import TaskId


class Reason(StrEnum):
    """Why a task is refused: the same code in logs, metrics and the audit file."""

    JUDGE = "own_judge"
    KIND = "kind_not_allowed"
    UNKNOWN_KIND = "unknown_kind"
    PERSON = "needs_a_person"
    REWARD = "reward_too_low"
    RATE = "rate_too_low"
    BOND = "bond_too_large"
    LONGEST = "takes_too_long"
    CREATOR = "creator_not_allowed"
    ALGO = "algo_not_allowed"
    DATASET = "dataset_not_allowed"
    OVERRIDE = "image_override"
    BUILDING = "building_not_allowed"
    PRIVATE = "private_data"
    ABSENT = "private_data_missing"
    RIGHTS = "not_permitted"
    APPROVAL = "awaiting_approval"
    NOT_OPEN = "not_open"
    TAKEN = "taken_by_others"
    TIME = "deadline_too_close"
    NO_GPU = "no_gpu"
    TOO_LARGE = "too_large"
    NO_ROOM = "no_room"
    MISMATCH = "document_mismatch"
    UNAVAILABLE = "document_unavailable"
    UNREADABLE = "not_judged"
    CLAIM_REFUSED = "claim_refused"
    FUNDS = "bond_not_affordable"
    HELD = "held_elsewhere"
    TRIED = "tried_before"
    RESTING = "waits_to_try_again"


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """``lasting``: the refusal holds as long as the node runs with this configuration."""

    reason: Reason
    message: str
    lasting: bool = True


WAIT = ""
"""Nothing is to be done: the reason passes by itself, or other nodes take the task."""

_REMEDIES = {
    Reason.JUDGE: "submit it with another judge, or leave it to nodes of other accounts",
    Reason.KIND: "leave it to other nodes, or add the kind to policy.kinds",
    Reason.UNKNOWN_KIND: "run a newer version of this node",
    Reason.PERSON: "'node-runtime assign {task}', then 'node-runtime work {task}'",
    Reason.REWARD: "submit it with a larger reward, or lower policy.minimum_reward",
    Reason.RATE: "submit it with a larger reward or a shorter limits.timeout, or lower policy.minimum_rate",
    Reason.BOND: "submit it with a smaller bond, or raise policy.largest_bond",
    Reason.LONGEST: "submit it with a shorter limits.timeout, or raise policy.longest",
    Reason.CREATOR: "add the account to policy.creators if it may use this node",
    Reason.ALGO: "read it by 'node-runtime show {task} --code', then add its digest to policy.algos",
    Reason.DATASET: "add the digest to policy.datasets if tasks may read it",
    Reason.OVERRIDE: "submit it without entrypoint, or set policy.algos to any",
    Reason.BUILDING: "submit it with a ready image by digest, or set 'building: allow' in node.yaml",
    Reason.PRIVATE: "submit it with the bytes under data, as the sample that their owner registered",
    Reason.ABSENT: "add the sample again: 'node-runtime data add FOLDER', or cancel the task; a model is made again",
    Reason.RIGHTS: "ask the owner to register another copy with that right; permissions never change",
    Reason.APPROVAL: "'node-runtime approve {task}'",
    Reason.NOT_OPEN: WAIT,
    Reason.TAKEN: WAIT,
    Reason.TIME: "submit it again with a later deadline",
    Reason.NO_GPU: "leave it to other nodes, or let this one give GPUs: pool.gpus of node.yaml, then "
    "'node-runtime doctor --config node.yaml'",
    Reason.TOO_LARGE: "submit it with smaller limits, or run a node with more (pool, sandbox.tmp of node.yaml)",
    Reason.NO_ROOM: "wait until other tasks end, or give the node more (slots, pool, disk_floor of node.yaml)",
    Reason.MISMATCH: "submit it again from its YAML, which 'node-runtime check' looks through",
    Reason.UNAVAILABLE: "see that the storage answers and has it; the node asks again",
    Reason.UNREADABLE: "see the node's log; the node tries again",
    Reason.CLAIM_REFUSED: WAIT,
    Reason.FUNDS: "pay the node's account with 'node-runtime pay', or submit it with a smaller bond",
    Reason.HELD: "use the key in one daemon only, or wait until that attempt ends",
    Reason.TRIED: "leave it to nodes of other accounts",
    Reason.RESTING: WAIT,
}


def remedy_of(reason: Reason, task: TaskId) -> str:
    """Return what can be done about the refusal; empty where nothing is to be done."""
    return _REMEDIES[reason].format(task=task)
