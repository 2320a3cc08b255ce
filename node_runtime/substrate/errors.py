"""Translation of dispatch errors and transaction-pool errors into `ChainRefused`, with rule, reason and remedy."""

from enum import Enum, auto
from typing import Any

from node_runtime.domain.units import at_most
from node_runtime.errors import BLOCK_FULL, ChainError, ChainRefused

from .codec import Codec
from .connection import RpcRefused

BANNED = 1012
FUND = "send more to this account by 'node-runtime pay', or ask for less"

# Rule, reason and remedy of the runtime's own errors, which are bare names, and of other pallets' errors.
_GENERAL = {
    "Token.FundsUnavailable": ("TooLittleBalance", "the free balance is too small", FUND),
    "Token.OnlyProvider": ("TooLittleBalance", "the account would fall below the existential deposit", FUND),
    "Token.BelowMinimum": ("TooLittleBalance", "the amount is below the existential deposit", "send more at once"),
    "Token.CannotCreate": ("TooLittleBalance", "the receiving account can't exist with so little", "send more at once"),
    "Token.CannotCreateHold": ("TooLittleBalance", "nothing can be held on this account", "fund the account first"),
    "Token.NotExpendable": ("TooLittleBalance", "the account must keep its existential deposit", FUND),
    "Token.Frozen": ("Frozen", "the money is frozen", "wait until it is free, or use another account"),
    "Token.Blocked": ("Blocked", "the receiving account accepts no transfers", "name another account"),
    "Arithmetic.Underflow": ("AmountTooSmall", "the amounts give a negative balance", "check the amounts"),
    "Arithmetic.Overflow": ("AmountTooLarge", "the sum of the amounts is too large", "lower them"),
    "BadOrigin": ("BadOrigin", "this account may not do that", "use the key of an account that may"),
    "CannotLookup": ("CannotLookup", "an account is unknown to the chain", "check the address"),
    "ConsumerRemaining": ("ConsumerRemaining", "the account is still in use", "finish its tasks first"),
    "NoProviders": ("NoProviders", "the account does not exist yet", "fund the account first"),
    "TooManyConsumers": ("TooManyConsumers", "too much depends on this account", "finish some of its tasks first"),
    "Exhausted": (BLOCK_FULL, "the block has no room for it", "try again, with less in one call"),
    "InsufficientBalance": ("TooLittleBalance", "the free balance is too small", FUND),
    "Expendability": ("TooLittleBalance", "the account must keep its existential deposit", FUND),
    "ExistentialDeposit": ("TooLittleBalance", "the amount is below the existential deposit", "send more at once"),
}

# Remedies for errors of this project's pallets whose documentation gives only the reason, or none that fits all calls.
_REMEDIES = {
    "NoSamples": "name the objective's Test samples",
    "NegativeTolerance": "make it zero or more",
    "NoSlots": "ask for at least one slot and allow at least one failure",
    "OneSlotOnly": "set slots to 1, or create several tasks",
    "CompositeInputs": "name them as composite: {head: {task: …}, trunk: {task: …}}, of composites and aggregations",
    "NotPlanCreator": "create a plan of your own",
    "ObjectivesMisplaced": "name one objective to score for, or none",
    "NotPaused": "see 'node-runtime show TASK' for its status",
    "TaskFinal": "see 'node-runtime show TASK' for how it ended",
    "StillNeeded": "'node-runtime show TASK' tells until when it is kept",
    "NotOffered": "look for another task",
    "JudgeCannotWork": "work with another account, or let another one judge",
    "AlreadyDecided": "see the task's results",
    "RejectsExhausted": "accept it, or let the judging period end",
    "NoReport": "see the task's attempts",
    "ModelMissing": "write the model into the output named 'model'",
    "OutputNamedTwice": "give each output its own name",
    "ScoreMisplaced": "send a score with a scoring's result, and with no other",
}


def dispatch_refusal(codec: Codec, error: Any, doing: str) -> ChainRefused:
    """Translate the error of a failed call. `error` is a decoded ``DispatchError``: a name, or a name and data."""
    name, data = next(iter(error.items())) if isinstance(error, dict) else (str(error), {})
    if name == "Module":
        code = data["error"]
        number = int(code[2:4], 16) if isinstance(code, str) else int(code)
        found = codec.pallet_error(data["index"], number)
        if found.name not in _GENERAL:
            reason, remedy = _sentences(found.docs)
            remedy = _REMEDIES.get(found.name) or remedy or "see the chain's documentation of this rule"
            return ChainRefused(found.name, f"can't {doing}: {reason or 'refused'} [{found.name}]", remedy=remedy)
        name, data = found.name, {}
    full = f"{name}.{data}" if isinstance(data, str) else name
    rule, reason, remedy = _GENERAL.get(full, (full, "the runtime refused", "see the chain's documentation"))
    return ChainRefused(rule, f"can't {doing}: {reason} [{rule}]", remedy=remedy)


class PoolOutcome(Enum):
    """Classification of a node's refusal of a transaction."""

    UNKNOWN = auto()  # already in the pool or a block, or its nonce is taken: search the blocks
    STALE_SIGNATURE = auto()  # signed for another runtime version
    REJECTED = auto()  # permanently invalid


def pool_outcome(refusal: RpcRefused) -> PoolOutcome:
    """Classify by the codes of sc-rpc's ``author`` errors and the messages of ``InvalidTransaction``.

    Banned means recently seen, a low priority that the pool has another with this nonce, outdated that the nonce is
    used: after a lost connection this transaction itself may be the cause of each.
    """
    if refusal.code in (BANNED, 1013, 1014, 1016):
        return PoolOutcome.UNKNOWN
    if refusal.code == 1010 and ("outdated" in refusal.data or "ancient" in refusal.data):
        return PoolOutcome.UNKNOWN
    if refusal.code == 1010 and "bad signature" in refusal.data:
        return PoolOutcome.STALE_SIGNATURE
    return PoolOutcome.REJECTED


def pool_refusal(refusal: RpcRefused, doing: str, *, most_fee: int | None) -> ChainError:
    """Translate the refusal of an invalid transaction. ``most_fee`` is its maximum fee, None where unknown."""
    if refusal.code == 1010 and ("pay" in refusal.data or "balance" in refusal.data):
        most = "" if most_fee is None else f" of at most {at_most(most_fee)}"
        reason = f"the free balance doesn't cover the transaction's fee{most}"
        return ChainRefused("TooLittleBalance", f"can't {doing}: {reason} [TooLittleBalance]", remedy=FUND)
    if refusal.code == 1010 and "exhaust" in refusal.data:
        return ChainRefused(
            BLOCK_FULL, f"can't {doing}: too large for a block [{BLOCK_FULL}]", remedy="make it smaller"
        )
    if "Codec error" in refusal.message or "decode" in refusal.message:
        reason = "something in it is longer than the chain keeps [TooLong]"
        return ChainRefused("TooLong", f"can't {doing}: {reason}", remedy="shorten its names, texts and lists")
    return ChainError(f"can't {doing}: {refusal.message}", remedy="see the log of the chain's node")


def _sentences(docs: str) -> tuple[str, str]:
    """Split a pallet error's documentation into its two sentences, reason and remedy."""
    reason, _, remedy = docs.partition(". ")
    reason, remedy = reason.rstrip(". "), remedy.rstrip(". ")
    return reason[:1].lower() + reason[1:], remedy[:1].lower() + remedy[1:]
