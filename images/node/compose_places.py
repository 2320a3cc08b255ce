"""The places of node daemons in the volume that they share: one folder a daemon, with its key, and its work folder.

::

    <volume>/worker-1/           a place: of the service ``worker``, the first
    <volume>/worker-1/key.json   its account, made and funded by the job `compose_prepare`
    <volume>/worker-1/work/      its node's work folder
    <volume>/worker-1.lock       held by the daemon that has the place
    <volume>/keys/5F….yaml       the storage access of an account

A replica of a service takes the first place of it that is free, so a replica that is made anew goes on with an account,
an outbox and a cache of before.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from node_runtime.domain.assets import Account
from node_runtime.errors import ConfigError
from node_runtime.platform.locks import try_lock

KEY, WORK, STORAGE_KEYS = "key.json", "work", "keys"


def place_of(volume: Path, service: str, number: int) -> Path:
    """The folder of a place, whether it exists or not."""
    return volume / f"{service}-{number}"


def storage_key(volume: Path, account: Account) -> Path:
    """The storage access file of an account."""
    return volume / STORAGE_KEYS / f"{account}.yaml"


def places(volume: Path, service: str) -> Iterator[Path]:
    """The prepared places of a service, in order of their numbers."""
    found = (re.fullmatch(rf"{re.escape(service)}-([0-9]+)", entry.name) for entry in volume.iterdir())
    for number in sorted(int(match[1]) for match in found if match is not None):
        if (place := place_of(volume, service, number)).joinpath(KEY).exists():
            yield place


def take_place(volume: Path, service: str) -> tuple[Path, int]:
    """Take the first free place; return it and the descriptor of its lock, which programs that are executed inherit.

    Raises `ConfigError` where none is free.
    """
    taken = 0
    for place in places(volume, service):
        lock = os.open(place.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if try_lock(lock):
            os.set_inheritable(lock, True)
            return place, lock
        os.close(lock)
        taken += 1
    raise ConfigError(
        f"{service}: no place is free for one more replica; {taken} of {taken} are taken",
        remedy=f"set {service.upper()}S={taken + 1} or more in .env and bring the network up again: its job makes them",
    )
