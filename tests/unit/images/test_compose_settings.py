"""What `make compose-up` writes before it brings compose.yaml up: .env and secrets."""

import os
import stat
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
import yaml

from images.build import CHECKOUT, IMAGES
from images.compose import SECRET_BYTES, STORAGE, UID, container_user, make_secrets, merged
from node_runtime import __version__

SETTINGS = {"COMPOSE_PROJECT_NAME": "node-runtime", "BASE_IMAGE": "base:2"}


def test_settings_are_changed_in_place_and_what_a_user_wrote_stays() -> None:
    before = "# mine\nWORKERS=3\nexport BASE_IMAGE=base:1\nCOMPOSE_PROJECT_NAME=mine\n"
    assert merged(before, SETTINGS) == "# mine\nWORKERS=3\nBASE_IMAGE=base:2\nCOMPOSE_PROJECT_NAME=mine\n"


def test_missing_settings_are_added_once() -> None:
    once = merged("WORKERS=3", SETTINGS)
    assert once.splitlines() == ["WORKERS=3", "COMPOSE_PROJECT_NAME=node-runtime", "BASE_IMAGE=base:2"]
    assert merged(once, SETTINGS) == once
    new = merged("", SETTINGS)
    assert new.startswith("# ")
    assert merged(new, SETTINGS) == new


def test_secrets_are_made_once_and_closed_to_others(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    make_secrets(folder, os.getuid(), os.getgid())
    before = {path.name: path.read_text() for path in folder.iterdir()}
    make_secrets(folder, os.getuid(), os.getgid())
    assert {path.name: path.read_text() for path in folder.iterdir()} == before
    assert set(before) == set(SECRET_BYTES)
    assert len(set(before.values())) == len(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("mode", "rootless", "root"), [(0o660, False, False), (0o600, False, True), (0o660, True, True)]
)
def test_containers_run_as_root_only_where_only_root_may_use_the_socket(mode: int, rootless: bool, root: bool) -> None:
    socket = cast(os.stat_result, SimpleNamespace(st_mode=mode))
    uid, _ = container_user(socket, rootless=rootless)
    assert uid == (0 if root else os.getuid() or UID)


def test_compose_names_the_images_that_are_built_and_publishes_on_this_machine_alone() -> None:
    text = (CHECKOUT / "compose.yaml").read_text()
    services = yaml.safe_load(text)["services"]
    assert f"VERSION:-{__version__}" in text
    repositories = {image.name.partition(":")[0] for image in IMAGES.values()}
    assert {service["image"].partition(":")[0] for service in services.values()} <= repositories
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    assert STORAGE in text


def test_every_service_but_the_job_and_the_command_line_restarts_and_tells_whether_it_is_ready() -> None:
    services = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())["services"]
    lasting = {name: service for name, service in services.items() if name not in ("prepare", "cli")}
    assert {service["restart"] for service in lasting.values()} == {"unless-stopped"}
    assert all("healthcheck" in service and "stop_grace_period" in service for service in lasting.values())
    assert all(service["cap_drop"] == ["ALL"] and service["read_only"] for service in services.values())
