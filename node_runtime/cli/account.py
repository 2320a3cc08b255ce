"""Commands for balances and payments."""

from typing import Annotated

import typer

from node_runtime.cli.session import ChainOption, JsonOption, KeyOption, open_account
from node_runtime.domain.assets import Account
from node_runtime.domain.units import amount, read_amount
from node_runtime.errors import ChainUnavailable, InputError
from node_runtime.spec.fields import read_account

from .output import line, print_json, warn


def balance(
    account: Annotated[str | None, typer.Argument(help="An address, or e.g. //Alice (default: yours).")] = None,
    as_json: JsonOption = False,
    chain: ChainOption = None,
    key: KeyOption = None,
) -> None:
    """Show what an account has: free, and held for its tasks and bonds."""
    if account is not None and account.startswith("//"):
        view = open_account(chain, account)  # refused outside development chains
        whose = view.account
    else:
        view = open_account(chain, key)
        whose = _account(account) if account is not None else view.account
    found = view.balance(whose)
    if as_json:
        print_json({"account": whose, "free": found.free, "held": found.held})
    else:
        line(f"{whose}: {amount(found.free)} free, {amount(found.held)} held")


def pay(
    account: Annotated[str, typer.Argument(help="The receiver: an account's address.")],
    units: Annotated[str, typer.Argument(metavar="UNIT", help="How much, e.g. 10 or 0.25.")],
    chain: ChainOption = None,
    key: KeyOption = None,
) -> None:
    """Send UNIT to an account, e.g. to fund the key of a new node."""
    receiver = _account(account)
    sent = _positive(units)
    view = open_account(chain, key)
    free = view.balance(view.account).free
    if free < sent:
        raise InputError(f"{view.account} has {amount(free)} free, not {amount(sent)}", remedy="send less")
    try:
        view.pay(receiver, sent)
    except (KeyboardInterrupt, ChainUnavailable):
        warn(f"it may have been sent: look at 'node-runtime balance {receiver}' before you pay again")
        raise
    line(f"paid {amount(sent)} to {receiver}")


def _positive(units: str) -> int:
    try:
        sent = read_amount(units)
    except ValueError as error:
        raise InputError(f"UNIT: {error}") from None
    if sent == 0:
        raise InputError(f"UNIT: '{units}' is nothing", remedy="send more than 0")
    return sent


def _account(text: str) -> Account:
    try:
        return Account(read_account(text))
    except ValueError as error:
        remedy = "name an address like 5Grwva…; 'node-runtime balance --key KEY' prints a key's"
        raise InputError(str(error), remedy=remedy) from None
