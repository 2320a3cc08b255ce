"""The systemd unit that `service` prints has the node's paths, escaped, and its user; `monitoring` writes its files."""

import os
import pwd
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from node_runtime.cli import app
from node_runtime.cli.service import HAND_BACK, OPERATIONS, _reachable, monitoring, unit
from node_runtime.config import NodeConfig, load_config
from node_runtime.engines.docker.client import shares_mounts
from node_runtime.errors import InputError

ME = pwd.getpwuid(os.geteuid()).pw_name
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities and gives folders away")


def config(folder: str, **more: object) -> NodeConfig:
    given = {"node": "n", "chain": "ws://127.0.0.1:1", "key": "//Bob", "storage": f"{folder}/store"}
    return NodeConfig.model_validate({**given, "work": f"{folder}/work", **more})


def settings(text: str) -> dict[str, list[str]]:
    """Return the values of each key of the unit."""
    found: dict[str, list[str]] = {}
    for each in text.splitlines():
        key, equals, value = each.partition("=")
        if equals and not each.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def of_another(made: NodeConfig, file: str = "/srv/n/node.yaml") -> dict[str, list[str]]:
    return settings(unit(made, Path(file), user="nobody", program="/opt/nrt/bin/node-runtime"))


def test_a_node_may_write_its_own_folders_only_and_its_stop_outlasts_grace() -> None:
    found = of_another(config("/srv/n", grace="15m"))
    state = f"{pwd.getpwnam('nobody').pw_dir}/.local/share/node-runtime"
    assert found["ReadWritePaths"] == [f"-/srv/n/work -{state} -/srv/n/store"]
    assert found["Environment"] == [f"NODE_RUNTIME_HOME={state}"]
    assert found["ExecStart"] == ["/opt/nrt/bin/node-runtime daemon --config /srv/n/node.yaml"]
    assert found["TimeoutStopSec"] == [f"{15 * 60 + HAND_BACK}s"]
    assert (found["User"], found["CapabilityBoundingSet"], found["PrivateDevices"]) == (["nobody"], [""], ["yes"])


def test_paths_with_spaces_and_percent_signs_are_quoted_and_escaped() -> None:
    found = of_another(config("/srv/a node", password_file="/srv/a node/50%"), "/srv/a node/node.yaml")
    assert found["ReadWritePaths"][0].startswith('"-/srv/a node/work" ')
    assert found["ExecStart"][0].endswith('--config "/srv/a node/node.yaml"')
    assert found["LoadCredential"] == ["password:/srv/a node/50%%"]
    assert found["Environment"][1] == "NODE_RUNTIME_PASSWORD_FILE=%d/password"


@pytest.mark.parametrize("letter", ['"', "$", "\\", "\n"])
def test_a_path_that_a_unit_cannot_hold_is_refused(letter: str) -> None:
    with pytest.raises(InputError, match="can't stand in a systemd unit"):
        of_another(config(f"/srv/a{letter}b"))


def test_a_node_in_a_folder_for_temporary_files_is_refused() -> None:
    with pytest.raises(InputError, match="temporary files"):
        of_another(config("/var/tmp/n"))


def test_a_storage_elsewhere_and_gpus_change_what_the_node_may_reach() -> None:
    found = of_another(config("/srv/n", storage="s3://tasks/network", pool={"gpus": "all"}))
    assert "store" not in found["ReadWritePaths"][0]
    assert "PrivateDevices" not in found
    assert found["DeviceAllow"] == ["char-nvidia* rw"]


def test_a_root_daemon_keeps_the_machines_mounts_for_its_quotas() -> None:
    found = settings(unit(config("/srv/n"), Path("/srv/n/node.yaml"), user="root", program="/opt/nrt/bin/node-runtime"))
    assert found["SystemCallFilter"] == ["@system-service @mount"]
    private = {
        "PrivateTmp",
        "PrivateDevices",
        "ProtectClock",
        "ProtectSystem",
        "ReadWritePaths",
        "ProtectHome",
        "ProtectKernelTunables",
    }
    assert private & set(found) == set()


@needs_root
def test_with_its_units_capabilities_a_root_daemon_sees_that_an_engine_shares_its_mounts(tmp_path: Path) -> None:
    made = unit(config("/srv/n"), Path("/srv/n/node.yaml"), user="root", program="/opt/nrt/bin/node-runtime")
    allowed = settings(made)["CapabilityBoundingSet"][0].lower().replace("cap_", "+").split()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as engine:  # its process is this one, with all capabilities
        engine.bind(str(tmp_path / "socket"))
        engine.listen()
        assert shares_mounts(tmp_path / "socket")
        asked = f"from {shares_mounts.__module__} import shares_mounts; from pathlib import Path; import sys; "
        asked += "print(shares_mounts(Path(sys.argv[1])))"
        bounded = ["setpriv", f"--bounding-set={','.join(('-all', *allowed))}", sys.executable, "-c", asked]
        done = subprocess.run([*bounded, engine.getsockname()], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "True\n"


def test_missing_folders_are_made_by_the_daemons_user_not_by_root() -> None:
    made = of_another(config("/srv/n"))["ExecStartPre"]
    assert [each.partition(" /srv")[0] for each in made] == [
        "+/usr/sbin/runuser -u nobody -- /usr/bin/install -d -m 0700"
    ]


@needs_root
@pytest.mark.parametrize(
    ("mode", "owner", "group", "reachable"),
    [
        (0o710, "root", "nobody", True),
        (0o710, "root", "root", False),
        (0o701, "root", "root", True),
        (0o701, "root", "nobody", False),
        (0o700, "nobody", "root", True),
        (0o611, "nobody", "root", False),
    ],
)
def test_a_folder_is_open_to_a_user_by_its_owner_its_group_or_the_others(
    mode: int, owner: str, group: str, reachable: bool, tmp_path: Path
) -> None:
    os.chown(tmp_path, pwd.getpwnam(owner).pw_uid, pwd.getpwnam(group).pw_gid)
    tmp_path.chmod(mode)
    assert _reachable(tmp_path, "nobody") is reachable


def test_the_command_prints_a_unit_for_the_owner_of_the_configuration(tmp_path: Path) -> None:
    file = tmp_path / "node.yaml"
    file.write_text("node: n\nchain: ws://127.0.0.1:1\nkey: //Bob\nstorage: /srv/n/store\nwork: /srv/n/work\n")
    printed = CliRunner().invoke(app, ["service", "--config", str(file)])
    assert printed.exit_code == 0, printed.exception
    assert settings(printed.stdout)["User"] == [ME]
    program = settings(printed.stdout)["ExecStart"][0].split(" daemon ")[0]
    assert printed.stdout.splitlines() == unit(load_config(file), file, user=ME, program=program).splitlines()


def test_monitoring_writes_the_packages_files_and_overwrites_none(tmp_path: Path) -> None:
    monitoring(tmp_path / "prometheus")
    written = {path.name: path.read_bytes() for path in (tmp_path / "prometheus").iterdir()}
    assert written == {path.name: path.read_bytes() for path in (OPERATIONS / "prometheus").iterdir()}
    rules = yaml.safe_load(written["prometheus.yml"])["rule_files"]
    assert set(rules) <= set(written)
    with pytest.raises(InputError, match="is there already"):
        monitoring(tmp_path / "prometheus")
