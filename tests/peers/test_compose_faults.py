"""Faults of the network of compose.yaml while it works: nothing is lost, nothing is paid for twice, and what it costs.

Each test prints the task's delay (``pytest -s``) and records it: the seconds from its creation to its payment, less
those that the same task takes undisturbed.
"""

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import yaml
from minio import Minio

from images.compose import ACCESS
from node_runtime.engines.docker.client import connect
from node_runtime.stores.pieces import PIECE
from tests.background import wait_until
from tests.peers.compose_room import Network, Record, long_training, paid_once, tell, training

pytestmark = [pytest.mark.peers, pytest.mark.docker]

OUTAGE = 20  # seconds without storage
PIECES = 40  # of the large result
KILL = "kill -9 $(cat /proc/1/task/1/children)"  # the program that tini runs, from inside its container
RANDOM = f"#!/bin/sh\nmkdir outputs/made && head -c {PIECES * PIECE} /dev/urandom > outputs/made/weights\n"


@pytest.fixture(scope="module")
def lasting(network: Network) -> tuple[Path, float]:
    """A training that lasts some seconds, and how many it takes undisturbed."""
    return long_training(network)


@pytest.fixture(scope="module")
def large(network: Network) -> tuple[Path, float]:
    """A training whose model has more than `PIECES` pieces, and how many seconds it takes undisturbed."""
    return training(network, "large", RANDOM, outputs=f"{(PIECES + 2) * PIECE >> 20}MiB")


def test_a_task_survives_the_kill_of_its_daemon(
    network: Network, lasting: tuple[Path, float], record_property: Record
) -> None:
    file, undisturbed = lasting
    with paid_once(network, file, reward=10) as paid:
        wait_until(lambda: network.task_runs(paid.task), "the task to run")
        network.compose("exec", "-T", "worker", "sh", "-c", KILL)
    assert len(network.events("attempt_resumed", paid.task)) == 1
    tell("daemon killed", paid.seconds - undisturbed, record_property)


def test_a_task_survives_the_restart_of_the_chain(
    network: Network, lasting: tuple[Path, float], record_property: Record
) -> None:
    file, undisturbed = lasting
    with paid_once(network, file, reward=10) as paid:
        wait_until(lambda: network.task_runs(paid.task), "the task to run")
        network.compose("restart", "chain")
        wait_until(network.is_healthy, "the chain to be back")
    tell("chain restarted while a task runs", paid.seconds - undisturbed, record_property)


def test_a_result_is_delivered_once_the_chain_is_back(
    network: Network, lasting: tuple[Path, float], record_property: Record
) -> None:
    file, undisturbed = lasting
    with paid_once(network, file, reward=10) as paid:
        wait_until(lambda: network.task_runs(paid.task), "the task to run")
        network.compose("stop", "chain")
        wait_until(lambda: bool(network.events("delivery_retried", paid.task)), "the daemon to miss the chain")
        network.compose("start", "chain")
        wait_until(network.is_healthy, "the chain to be back")
    tell("chain away at the delivery", paid.seconds - undisturbed, record_property)


def test_an_upload_goes_on_once_the_storage_is_back(
    network: Network, large: tuple[Path, float], record_property: Record
) -> None:
    file, undisturbed = large
    with paid_once(network, file, reward=10) as paid:
        before = pieces(network)
        wait_until(lambda: len(pieces(network) - before) > 1, "the upload to be under way")
        with daemon_frozen(network):
            there = pieces(network) - before
            assert len(there) < PIECES, "the upload was over before the storage stopped"
            network.compose("stop", "storage")
        stopped = time.monotonic()
        wait_until(lambda: bool(network.events("delivery_retried", paid.task)), "the daemon to miss the storage")
        time.sleep(max(0.0, stopped + OUTAGE - time.monotonic()))  # the outage's length, not a synchronisation
        network.compose("start", "storage")
        wait_until(network.is_healthy, "the storage to be back")
    fetched = network.folder / f"fetched-{paid.task}" / "model" / "made" / "weights"
    assert fetched.stat().st_size == PIECES * PIECE
    assert there < pieces(network)  # what had arrived was not sent under other names
    delay = paid.seconds - undisturbed
    tell(f"storage stopped for {OUTAGE} s, {len(there)} of {PIECES + 1} pieces sent", delay, record_property)


def pieces(network: Network) -> set[str]:
    """The names of the full pieces in storage."""
    access = yaml.safe_load((network.folder / ACCESS).read_text())
    address = access["endpoint"].removeprefix("http://")
    client = Minio(address, access["access_key"], access["secret_key"], secure=False, region=access["region"])
    listed = client.list_objects("network", prefix="main/trees/", recursive=True)
    return {str(one.object_name) for one in listed if one.size == PIECE}


@contextmanager
def daemon_frozen(network: Network) -> Iterator[None]:
    """Let no process of the workers run during the ``with``."""
    workers = network.containers("worker")
    with closing(connect(network.url)) as client:
        for worker in workers:
            client.pause(worker)
        try:
            yield
        finally:
            for worker in workers:
                client.unpause(worker)
