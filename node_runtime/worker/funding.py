"""Whether a node's account can pay for claims, and the command that funds it."""

import shlex
from contextlib import closing

import structlog

from node_runtime.domain.assets import Account
from node_runtime.domain.task import Balance
from node_runtime.domain.units import amount
from node_runtime.localnet.record import NetworkFile
from node_runtime.ports.chain import ChainReads
from node_runtime.spec.bounds import packaged_bounds

log = structlog.get_logger()

FUNDS = 20  # UNIT; covers the bonds of a few tasks and many fees


def pay_command(account: Account, chain: str) -> str:
    """Return the command that funds the account on the chain at this address, on the local network by its account."""
    network = NetworkFile.load_running()
    local = network is not None and network.chain == chain
    payer = "" if local else f" --chain {shlex.quote(chain)} --key KEY"
    return f"node-runtime pay {account} {FUNDS}{payer}"


def describe_lack(balance: Balance) -> str | None:
    """Describe an account that can't pay even the least bond; None for one that can.

    The bound is that of the packaged runtime: a chain may run an earlier one, which names its constants otherwise.
    """
    least_bond = packaged_bounds().min_bond
    if balance.free >= least_bond:
        return None
    return f"its account has {amount(balance.free)} free, and the smallest bond is {amount(least_bond)}"


def read_balance(account: Account, url: str) -> tuple[Balance, str | None]:
    """Return the account's balance on the chain at this address, and what it lacks. Raises `ChainUnavailable`."""
    from node_runtime.substrate.client import connect_reader  # slow to import, and not needed to name the command

    with closing(connect_reader(url)) as chain:
        balance = chain.balance(account)
        return balance, describe_lack(balance)


def warn_if_unfunded(chain: ChainReads, url: str) -> None:
    """Log a warning when the account can't pay a bond: its node refuses every task."""
    lack = describe_lack(chain.balance(chain.account))
    if lack is not None:
        log.warning("unfunded", reason=lack, remedy=pay_command(chain.account, url))
