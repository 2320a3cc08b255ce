"""Everybody's balance before and after, as if transactions cost nothing."""

from tests.chain_rules.state import State
from tests.chain_rules.world import TREASURY, World


class Purses:
    """What each account gained since, fees of transactions apart, in base units."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._before = {account: world.wealth(account) for account in (*world.accounts, TREASURY)}

    def gained(self) -> dict[bytes, int]:
        """Only accounts that gained or lost something."""
        changes = {account: self._world.wealth(account) - before for account, before in self._before.items()}
        return {account: change for account, change in changes.items() if change}

    def nothing_held(self) -> bool:
        """But for the bytes of specs, whose price comes back when their tasks are purged."""
        state = self._world.state
        return all(
            state.accounts[account].reserved == state.held(account, "Bytes") == specs_of(state, account)
            for account in self._before
        )


def specs_of(state: State, creator: bytes) -> int:
    """What is held of a creator for the bytes of the specs of its tasks."""
    return sum(task.bytes.spec for task in state.tasks("Tasks").values() if task.creator == creator)
