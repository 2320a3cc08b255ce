"""Who gained what? Everybody's money before and after, as if transactions cost nothing."""

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
        accounts = self._world.state.accounts
        return all(accounts[account].reserved == 0 for account in self._before)
