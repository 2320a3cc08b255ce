"""Which rule was broken, and what helps? Translates what the chain and its node refuse into our errors."""

from enum import Enum, auto
from typing import Any

from node_runtime.errors import ChainError, ChainRefused

from .codec import Codec
from .connection import RpcRefused

BANNED = 1012
FUND = "send more to this account, or ask for less"

# Errors of the runtime itself come as bare names, those of foreign pallets with the cause only: rule, reason, remedy.
_GENERAL = {
    "Token.FundsUnavailable": ("TooLittleBalance", "the free balance is too small", FUND),
    "Token.OnlyProvider": ("TooLittleBalance", "the account would fall below the existential deposit", FUND),
    "Token.BelowMinimum": ("TooLittleBalance", "the amount is below the existential deposit", "send more at once"),
    "Token.CannotCreate": ("TooLittleBalance", "the receiving account can't exist with so little", "send more at once"),
    "Token.CannotCreateHold": ("TooLittleBalance", "nothing can be held on this account", "fund the account first"),
    "Token.NotExpendable": ("TooLittleBalance", "the account must keep its existential deposit", FUND),
    "Token.Frozen": ("Frozen", "the money is frozen", "wait until it is free, or use another account"),
    "Token.Blocked": ("Blocked", "the receiving account takes nothing", "name another account"),
    "Arithmetic.Underflow": ("AmountTooSmall", "the amounts leave less than nothing", "check the amounts"),
    "Arithmetic.Overflow": ("AmountTooLarge", "the amounts are too large to be added", "lower them"),
    "BadOrigin": ("BadOrigin", "this account may not do that", "use the key of an account that may"),
    "CannotLookup": ("CannotLookup", "an account is unknown to the chain", "check the address"),
    "ConsumerRemaining": ("ConsumerRemaining", "the account is still in use", "finish its tasks first"),
    "NoProviders": ("NoProviders", "the account does not exist yet", "fund the account first"),
    "TooManyConsumers": ("TooManyConsumers", "too much depends on this account", "finish some of its tasks first"),
    "Exhausted": ("BlockFull", "the block has no room for it", "try again, with less in one call"),
    "InsufficientBalance": ("TooLittleBalance", "the free balance is too small", FUND),
    "Expendability": ("TooLittleBalance", "the account must keep its existential deposit", FUND),
    "ExistentialDeposit": ("TooLittleBalance", "the amount is below the existential deposit", "send more at once"),
}

# Rules of our pallets whose documentation only says what is wrong.
_REMEDIES = {
    "NoSamples": "name the objective's Test samples",
    "NegativeTolerance": "make it zero or more",
    "NoSlots": "ask for at least one slot and allow at least one failure",
    "OneSlotOnly": "set slots to 1, or create several tasks",
    "NotPlanCreator": "create a plan of your own",
    "ObjectivesMisplaced": "name one objective to score for, or none",
    "NotPaused": "see the task's status",
    "StillNeeded": "come back when the retention period is over",
    "NotOffered": "look for another task",
    "JudgeCannotWork": "work with another account, or let another one judge",
    "AlreadyDecided": "see the task's results",
    "RejectsExhausted": "accept it, or leave it to silence",
    "NoReport": "see the task's attempts",
    "ModelMissing": "write the model into the output named 'model'",
    "OutputNamedTwice": "give each output its own name",
    "ScoreMisplaced": "send a score with a scoring's result, and with no other",
}


def dispatch_refusal(codec: Codec, error: Any, doing: str) -> ChainRefused:
    """What a block says of a call that failed. `error` is a decoded ``DispatchError``: a name, or a name and data."""
    name, data = next(iter(error.items())) if isinstance(error, dict) else (str(error), {})
    if name == "Module":
        code = data["error"]
        number = int(code[2:4], 16) if isinstance(code, str) else int(code)
        found = codec.pallet_error(data["index"], number)
        if found.name not in _GENERAL:
            reason, remedy = _sentences(found.docs)
            remedy = remedy or _REMEDIES.get(found.name, "see the chain's documentation of this rule")
            return ChainRefused(found.name, f"can't {doing}: {reason or 'refused'} [{found.name}]", remedy=remedy)
        name, data = found.name, {}
    full = f"{name}.{data}" if isinstance(data, str) else name
    rule, reason, remedy = _GENERAL.get(full, (full, "the runtime refused", "see the chain's documentation"))
    return ChainRefused(rule, f"can't {doing}: {reason} [{rule}]", remedy=remedy)


class Verdict(Enum):
    """What a node's refusal of a transaction means for its sender."""

    PERHAPS = auto()  # it may be in the pool or a block already, or its nonce is another's: look
    RESIGN = auto()  # it was signed for another runtime
    FINAL = auto()  # it can't be had


def verdict(refusal: RpcRefused) -> Verdict:
    """By the codes of sc-rpc's ``author`` errors and the words of ``InvalidTransaction``.

    Banned means seen lately, too low a priority that another with this nonce waits, outdated that the nonce is used:
    after a lost connection each may be due to this very transaction.
    """
    if refusal.code in (BANNED, 1013, 1014, 1016):
        return Verdict.PERHAPS
    if refusal.code == 1010 and ("outdated" in refusal.data or "ancient" in refusal.data):
        return Verdict.PERHAPS
    if refusal.code == 1010 and "bad signature" in refusal.data:
        return Verdict.RESIGN
    return Verdict.FINAL


def pool_refusal(refusal: RpcRefused, doing: str) -> ChainError:
    """A transaction that no block will take."""
    if refusal.code == 1010 and ("pay" in refusal.data or "balance" in refusal.data):
        reason = "the free balance doesn't cover the transaction's fee"
        return ChainRefused("TooLittleBalance", f"can't {doing}: {reason} [TooLittleBalance]", remedy=FUND)
    if refusal.code == 1010 and "exhaust" in refusal.data:
        return ChainRefused("BlockFull", f"can't {doing}: too large for a block [BlockFull]", remedy="make it smaller")
    if "Codec error" in refusal.message or "decode" in refusal.message:
        reason = "something in it is longer than the chain keeps [TooLong]"
        return ChainRefused("TooLong", f"can't {doing}: {reason}", remedy="shorten its names, texts and lists")
    return ChainError(f"can't {doing}: {refusal.message}", remedy="see the log of the chain's node")


def _sentences(docs: str) -> tuple[str, str]:
    """Our pallets' errors are documented as what is wrong, full stop, what to do, full stop."""
    reason, _, remedy = docs.partition(". ")
    reason, remedy = reason.rstrip(". "), remedy.rstrip(". ")
    return reason[:1].lower() + reason[1:], remedy[:1].lower() + remedy[1:]
