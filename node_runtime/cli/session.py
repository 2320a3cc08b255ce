"""Options and arguments shared by commands, and what they select: chain, key, storage, and the engine of `run`."""

import atexit
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node_runtime.domain.assets import Account, AssetRef, SubmissionId
from node_runtime.domain.task import PlanId, TaskId
from node_runtime.domain.units import at_most
from node_runtime.errors import InputError, StorageError
from node_runtime.localnet.record import NetworkFile
from node_runtime.ports.chain import Chain
from node_runtime.ports.store import AssetStore
from node_runtime.spec.fields import read_account, read_asset
from node_runtime.stores import existing_store, open_store

if TYPE_CHECKING:
    from node_runtime.substrate.sender import TellFee

ChainOption = Annotated[
    str | None,
    typer.Option(
        "--chain", metavar="URL", envvar="NODE_RUNTIME_CHAIN", help="The chain's ws://… (default: the local network)"
    ),
]
KeyOption = Annotated[
    str | None,
    typer.Option(
        "--key",
        metavar="KEY",
        envvar="NODE_RUNTIME_KEY",
        help="Keystore file, or a development account like //Alice (default: the local network's creator)",
    ),
]
StorageOption = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="STORAGE",
        envvar="NODE_RUNTIME_STORAGE",
        help="The storage: a folder or s3://BUCKET/PREFIX (default: the local network's)",
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print JSON: amounts in base units (10⁻¹² UNIT), moments in ms, sizes in bytes, scores with all digits.",
    ),
]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV, with all digits and whole accounts.")]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw a picture too, .png or .svg; needs matplotlib.")
]
OwnerOption = Annotated[str | None, typer.Option(help="Another account's (default: yours)")]
_NAME = re.compile(r"[A-Za-z]+")


@dataclass(frozen=True, kw_only=True)
class Session:
    """An account's connection to the chain at ``url``, and a storage."""

    url: str
    chain: Chain
    store: AssetStore


def open_session(chain: str | None, key: str | None, storage: str | None) -> Session:
    """Connect to the named chain and storage, by default those of the running local network.

    For commands that read: a named storage must exist.
    """
    network = NetworkFile.load_running() if None in (chain, key, storage) else None
    url = chain or _of(network, "chain")
    opened = open_chain(url, key or _of(network, "creator"))
    return Session(
        url=url, chain=opened, store=named_store(storage, opened.account) if storage else _network_store(network)
    )


def open_storing_session(chain: str | None, key: str | None, storage: str | None, *, priced: bool = False) -> Session:
    """Connect as `open_session` does, for commands that store: a named storage is created if it is missing.

    ``priced`` commands print the whole price beforehand, so no fees are printed at the end.
    """
    network = NetworkFile.load_running() if None in (chain, key, storage) else None
    url = chain or _of(network, "chain")
    opened = open_chain(url, key or _of(network, "creator"), priced=priced)
    return Session(
        url=url,
        chain=opened,
        store=_begun_store(storage, opened.account) if storage else _network_store(network),
    )


def named_store(storage: str, writer: Account | None = None) -> AssetStore:
    """Open an existing storage by its address; NODE_RUNTIME_STORAGE_ACCESS names the file that gives access to it."""
    from node_runtime.config.storage_access import storage_access

    return existing_store(storage, writer=writer, access=storage_access())


def open_account(chain: str | None, key: str | None) -> Chain:
    """Connect to the chain only, for commands without storage."""
    network = NetworkFile.load_running() if None in (chain, key) else None
    return open_chain(chain or _of(network, "chain"), key or _of(network, "creator"))


def open_chain(url: str, key: str, *, priced: bool = False) -> Chain:
    from node_runtime.substrate.client import connect

    if _NAME.fullmatch(key) and not Path(key).exists():
        raise InputError(
            f"--key {key}: there is no such file",
            remedy=f"the development account of that name is //{key.capitalize()}",
        )
    return connect(url, key, tell_fee=None if priced else _fees_told())


class Fees:
    """The upper bound of the fees of a command's transactions, printed as one line at its end."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._most: list[tuple[str, int]] = []

    def add(self, doing: str, most: int) -> None:
        with self._guard:
            self._most.append((doing, most))

    def told(self) -> str:
        """Return the line; empty if no transaction was sent."""
        with self._guard:
            total = sum(most for _, most in self._most)
            if len(self._most) > 1:
                return f"fees of at most {at_most(total)} for {len(self._most)} transactions"
            return "".join(f"fee of at most {at_most(total)} to {doing}" for doing, _ in self._most)


def _fees_told() -> "TellFee | None":
    """Return a recorder of fees if standard error is a terminal; otherwise no fees are queried."""
    from .output import is_seen, note

    if not is_seen():
        return None
    fees = Fees()
    atexit.register(lambda: note(told) if (told := fees.told()) else None)
    return fees.add


def _begun_store(storage: str, writer: Account) -> AssetStore:
    """Open the storage; warn if it is created, since the path may be mistyped or not mounted."""
    from .output import warn

    try:
        return named_store(storage, writer)
    except StorageError:
        warn(f"there is no storage in {storage} yet: an empty one begins there")
        return open_store(storage)  # a folder: an object storage is opened without a look


def _network_store(network: NetworkFile | None) -> AssetStore:
    if network is None:
        raise _not_running("storage")
    return open_store(network.storage_folder())


def _of(network: NetworkFile | None, name: str) -> str:
    if network is None:
        raise _not_running(name if name != "creator" else "key")
    return str(getattr(network, name))


def _not_running(option: str) -> InputError:
    return InputError(
        f"no --{option} given, and no local network is running",
        remedy="start one with 'node-runtime up', or name --chain, --key and --storage",
    )


_NUMBER = re.compile(r"[0-9]{1,9}")
_FIRST_DIGITS = re.compile(r"[0-9a-f]{8,63}")


def read_task(text: str) -> TaskId:
    """Parse a task's number. Raises `InputError`."""
    if not _NUMBER.fullmatch(text):
        raise InputError(f"'{text}' is no task's number", remedy="see 'node-runtime list' for the numbers of yours")
    return TaskId(int(text))


def read_plan(text: str) -> PlanId:
    """Parse a plan's number. Raises `InputError`."""
    if not _NUMBER.fullmatch(text):
        raise InputError(f"'{text}' is no plan's number", remedy="see 'node-runtime plan list' for yours")
    return PlanId(int(text))


def read_which(which: str, option: int | None) -> tuple[TaskId, SubmissionId | None]:
    """Parse ``12`` or ``12/3``; the option may name the submission instead. Raises `InputError`."""
    task, slash, named = which.partition("/")
    if not _NUMBER.fullmatch(task) or (slash and not _NUMBER.fullmatch(named)):
        raise InputError(f"'{which}' names no task", remedy="write its number, e.g. 12, or 12/3 for submission 3 of it")
    submission = int(named) if named else option
    if option not in (None, submission):
        raise InputError(f"'{which}' and --submission {option} name two submissions", remedy="leave one of them out")
    return TaskId(int(task)), SubmissionId(submission) if submission is not None else None


def read_key(text: str, own: Account, refs: Callable[[], Iterable[AssetRef]], *, listing: str) -> AssetRef:
    """Parse a key; without an owner it is one of ``own``, and of its digest eight digits are enough.

    ``refs`` are the assets that may be meant by them, ``listing`` is the command that prints their keys.
    """
    remedy = f"see '{listing}'"
    if _FIRST_DIGITS.fullmatch(text):
        found = sorted({ref for ref in refs() if ref.digest.startswith(text)}, key=str)
        if len(found) != 1:
            many = "several of yours begin" if found else "none of yours begins"
            raise InputError(f"KEY: {many} with {text}", remedy=remedy)
        return found[0]
    try:
        return read_asset(text if "/" in text else f"{own}/{text}")
    except ValueError as error:
        raise InputError(f"KEY: {error}", remedy=remedy) from None


def read_owner(named: str | None, own: Account) -> Account:
    """Return the account of an `OwnerOption`. Raises `InputError`."""
    if named is None:
        return own
    try:
        return read_account(named)
    except ValueError as error:
        raise InputError(f"--owner: {error}") from None


def check_formats(*, as_json: bool, as_csv: bool, plot: Path | None = None) -> None:
    """Raise `InputError` where two formats are wanted, or a file that is no picture; `HostError` without matplotlib."""
    if as_json and as_csv:
        raise InputError("--json and --csv are two formats", remedy="leave one of the two out")
    if plot is not None:
        from .reports.pictures import check_picture  # slow to import

        check_picture(plot)


TaskArgument = Annotated[int, typer.Argument(metavar="TASK", parser=read_task, help="The task's number.")]
KEY_HELP = "OWNER/DIGEST, or the digest of one of yours, or its first digits."
PlanArgument = Annotated[int, typer.Argument(metavar="PLAN", parser=read_plan, help="The plan's number.")]
WhichArgument = Annotated[
    str, typer.Argument(metavar="TASK[/SUBMISSION]", help="E.g. 12, or 12/3 for submission 3 of it.")
]
SubmissionOption = Annotated[int | None, typer.Option("--submission", "-s", help="12 -s 3 is the same as 12/3.")]
