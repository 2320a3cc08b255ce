"""The places of daemons in the volume of compose.yaml, and the configuration that one gets."""

import os
from pathlib import Path

import pytest
import yaml
from compose_daemon import configuration
from compose_places import KEY, WORK, place_of, places, take_place
from compose_prepare import make_key, wanted_places
from compose_reaper import abandoned

from node_runtime.config import load_config
from node_runtime.errors import ConfigError
from node_runtime.substrate.keys import account_of
from node_runtime.worker.state_dir import engine_name

COMPOSE = Path(__file__).parents[3] / "examples" / "compose"


def made_places(volume: Path, service: str, *numbers: int) -> None:
    for number in numbers:
        place_of(volume, service, number).mkdir()
        (place_of(volume, service, number) / KEY).touch()


def test_replicas_take_the_free_places_of_their_service_in_order(tmp_path: Path) -> None:
    made_places(tmp_path, "worker", 2, 10, 1)
    made_places(tmp_path, "scorer", 1)
    taken = [take_place(tmp_path, "worker") for _ in range(3)]
    assert [place.name for place, _ in taken] == ["worker-1", "worker-2", "worker-10"]
    os.close(taken[1][1])
    assert take_place(tmp_path, "worker")[0].name == "worker-2"
    assert take_place(tmp_path, "scorer")[0].name == "scorer-1"


def test_one_replica_too_many_is_told_what_makes_it_a_place(tmp_path: Path) -> None:
    made_places(tmp_path, "worker", 1)
    take_place(tmp_path, "worker")
    with pytest.raises(ConfigError, match="1 of 1 are taken") as told:
        take_place(tmp_path, "worker")
    assert "WORKERS=2 or more in .env" in told.value.remedy


def test_a_place_whose_key_is_not_made_yet_is_none(tmp_path: Path) -> None:
    made_places(tmp_path, "worker", 1)
    place_of(tmp_path, "worker", 2).mkdir()
    assert [place.name for place in places(tmp_path, "worker")] == ["worker-1"]


def test_the_lock_of_a_place_lives_on_in_the_program_that_the_daemon_becomes(tmp_path: Path) -> None:
    made_places(tmp_path, "worker", 1)
    _, lock = take_place(tmp_path, "worker")
    assert os.get_inheritable(lock)


def test_the_wanted_places_are_numbered_by_service(tmp_path: Path) -> None:
    names = [place.name for place in wanted_places(tmp_path, "worker=2 scorer=1")]
    assert names == ["worker-1", "worker-2", "scorer-1"]


@pytest.mark.parametrize("text", ["worker", "worker=x", "../worker=1"])
def test_what_is_no_number_of_places_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="is not SERVICE=NUMBER"):
        list(wanted_places(tmp_path, text))


def test_a_key_is_made_once(tmp_path: Path) -> None:
    first = make_key(tmp_path / "worker-1", "a password")
    content = (tmp_path / "worker-1" / KEY).read_bytes()
    assert make_key(tmp_path / "worker-1", "a password") == first
    assert (tmp_path / "worker-1" / KEY).read_bytes() == content


@pytest.mark.parametrize("service", ["worker", "scorer"])
def test_the_mounted_policies_and_a_place_make_a_valid_configuration(tmp_path: Path, service: str) -> None:
    place = tmp_path / f"{service}-1"
    make_key(place, "a password")
    environment = {
        "NODE_RUNTIME_CHAIN": "ws://chain:9944",
        "NODE_RUNTIME_STORAGE": "s3://network/main",
        "BUILD_ARGUMENTS": '{"PIP_TIMEOUT": "60"}',
    }
    file = tmp_path / "node.yaml"
    file.write_text(yaml.safe_dump(configuration(COMPOSE / f"{service}.yaml", place, environment)))
    config = load_config(file, {})
    assert (config.node, config.work, config.key) == (f"{service}-1", place / "work", str(place / KEY))
    assert config.storage_access == tmp_path / "keys" / f"{account_of(config.key)}.yaml"
    assert config.build_arguments == {"PIP_TIMEOUT": "60"}
    assert ("scoring" in config.policy.kinds) == (service == "scorer")


def test_a_node_is_abandoned_once_no_daemon_holds_its_place(tmp_path: Path) -> None:
    made_places(tmp_path, "worker", 1, 2, 3)
    locks = {place.name: lock for place, lock in (take_place(tmp_path, "worker") for _ in range(2))}
    for name in locks:
        (tmp_path / name / WORK).mkdir()
    nodes = [engine_name(tmp_path / name / WORK, name) for name in locks]
    assert list(abandoned(tmp_path)) == []
    os.close(locks["worker-2"])
    assert list(abandoned(tmp_path)) == nodes[1:]


def test_the_place_of_an_abandoned_node_is_not_free_while_its_containers_are_removed(tmp_path: Path) -> None:
    made_places(tmp_path, "worker", 1)
    place, lock = take_place(tmp_path, "worker")
    (place / WORK).mkdir()
    engine_name(place / WORK, place.name)
    os.close(lock)
    for _ in abandoned(tmp_path):
        with pytest.raises(ConfigError, match="1 of 1 are taken"):
            take_place(tmp_path, "worker")
    take_place(tmp_path, "worker")
