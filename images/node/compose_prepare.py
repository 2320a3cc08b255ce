"""The one-shot job of compose.yaml: bucket, the places of node daemons with their keys, and funds for their accounts.

Idempotent: what is there is kept, and an account that has enough is not paid. The environment names ``NODES``, the path
of the daemons' volume; ``PLACES``, services with their numbers of places, e.g. ``worker=8 scorer=1``; ``FAUCET``, the
account that pays; ``CREATOR``, the account whose storage access is left in the folder ``CREATOR_FOLDER``; ``ENDPOINT``
and ``OUTSIDE``, the storage's addresses in the containers' network and on this machine.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import yaml
from compose_places import KEY, STORAGE_KEYS, place_of, storage_key

from node_runtime.domain.assets import Account
from node_runtime.domain.task import UNIT
from node_runtime.domain.units import amount
from node_runtime.errors import ConfigError, NodeRuntimeError, StorageError
from node_runtime.platform.files import private_folder, write_private
from node_runtime.platform.printable import print_line
from node_runtime.substrate.client import connect
from node_runtime.substrate.keys import account_of, create_key, read_password
from node_runtime.worker.funding import FUNDS

SECRETS = Path("/run/secrets")
INSIDE, OUTSIDE = "inside.yaml", "creator.yaml"
"""The creator's storage access in the containers' network, and on this machine."""


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The storage and its administrator; ``folder`` gets the accounts' storage access files."""

    url: str
    endpoint: str
    outside: str
    access_key: str
    secret_key: str
    folder: Path


def main() -> int:
    """Prepare the network; return the exit code."""
    try:
        prepare(os.environ, SECRETS)
    except NodeRuntimeError as error:
        sys.stderr.write(f"error: {error}\n")
        return error.exit_code
    print_line("ready")
    return 0


def prepare(environment: Mapping[str, str], secrets: Path) -> None:
    """Make places, keys and the bucket, and fund the accounts."""
    volume = Path(environment["NODES"])
    password = read_password(secrets / "node_password")
    accounts = [make_key(place, password) for place in wanted_places(volume, environment["PLACES"])]
    creator = account_of(environment["CREATOR"])
    storage = Storage(
        url=environment["NODE_RUNTIME_STORAGE"],
        endpoint=environment["ENDPOINT"],
        outside=environment["OUTSIDE"],
        access_key=(secrets / "storage_access_key").read_text().strip(),
        secret_key=(secrets / "storage_secret_key").read_text().strip(),
        folder=volume / STORAGE_KEYS,
    )
    make_storage_keys(storage, [*accounts, creator])
    leave_access(storage, creator, Path(environment["CREATOR_FOLDER"]))
    fund(accounts, chain=environment["NODE_RUNTIME_CHAIN"], faucet=environment["FAUCET"])


def wanted_places(volume: Path, numbers: str) -> Iterator[Path]:
    """The folders of ``worker=8 scorer=1``. Raises `ConfigError` for other text."""
    for entry in numbers.split():
        service, _, number = entry.partition("=")
        if not (service.isalpha() and number.isdecimal()):
            raise ConfigError(f"PLACES: '{entry}' is not SERVICE=NUMBER", remedy="write e.g. worker=8 scorer=1")
        yield from (place_of(volume, service, which) for which in range(1, int(number) + 1))


def make_key(place: Path, password: str) -> Account:
    """The account of a place, whose key is made where there is none."""
    private_folder(place)
    if (place / KEY).exists():
        return account_of(str(place / KEY))
    account = create_key(place / KEY, password)
    print_line(f"{place.name}: made account {account}")
    return account


def make_storage_keys(storage: Storage, accounts: Sequence[Account]) -> None:
    """Make the bucket and the accounts' keys by `node-runtime storage init`. Raises `StorageError`.

    A key whose file is lost gets another secret: nobody has the former one any more.
    """
    administrator = Path(tempfile.gettempdir(), "administrator.yaml")
    access = {"endpoint": storage.endpoint, "outside": storage.outside, "region": "us-east-1"}
    keys = {"access_key": storage.access_key, "secret_key": storage.secret_key}
    write_private(administrator, yaml.safe_dump({**access, **keys}))
    private_folder(storage.folder)
    command = ["node-runtime", "storage", "init", "--storage", storage.url, "--into", str(storage.folder)]
    missing = [account for account in accounts if not storage_key(storage.folder.parent, account).exists()]
    kept = [account for account in accounts if account not in missing]
    for options, chosen in ((["--renew"], missing), ([], kept)):
        named = [*command, *options, *(f"--for={account}" for account in chosen)]
        done = subprocess.run(named, env={**os.environ, "NODE_RUNTIME_STORAGE_ACCESS": str(administrator)}, check=False)
        if done.returncode != 0:
            raise StorageError("bucket and keys could not be made", remedy="see what 'storage init' said above")


def leave_access(storage: Storage, creator: Account, folder: Path) -> None:
    """Leave the creator's storage access for containers and for commands on this machine."""
    access = yaml.safe_load(storage_key(storage.folder.parent, creator).read_text())
    private_folder(folder)
    write_private(folder / INSIDE, yaml.safe_dump(access))
    write_private(folder / OUTSIDE, yaml.safe_dump({**access, "endpoint": storage.outside}))


def fund(accounts: Sequence[Account], *, chain: str, faucet: str) -> None:
    """Pay to each account that has less than half of the funds that a node begins with."""
    with closing(connect(chain, faucet)) as payer:
        for account in accounts:
            if (free := payer.balance(account).free) < FUNDS * UNIT // 2:
                payer.pay(account, FUNDS * UNIT)
                print_line(f"paid {amount(FUNDS * UNIT)} to {account}, which had {amount(free)}")


if __name__ == "__main__":
    sys.exit(main())
