"""What does submitting cost, before the chain says so? Rewards and the fees of rejections, held until they're due."""

from collections.abc import Sequence

from node_runtime.errors import ChainRefused
from node_runtime.ports import Chain
from node_runtime.spec_models import TaskSpec
from node_runtime.units import amount

REJECTION_SHARE = 10  # a rejection costs a tenth of the reward; the chain's own figure decides


def escrow(spec: TaskSpec) -> int:
    """Base units that the chain holds for the task."""
    return spec.slots * spec.reward + spec.rejects * -(-spec.reward // REJECTION_SHARE)


def check_balance(specs: Sequence[TaskSpec], chain: Chain) -> None:
    """Raise `ChainRefused` saying how much is missing, so that nothing is uploaded or half submitted in vain."""
    needed = sum(map(escrow, specs))
    free = chain.balance(chain.account).free
    if free < needed:
        raise ChainRefused(
            "TooLittleBalance",
            f"the tasks hold {amount(needed)}, but {chain.account} has {amount(free)} free",
            remedy=f"send at least {amount(needed - free)} more to it, and a little for fees; or offer less",
        )
