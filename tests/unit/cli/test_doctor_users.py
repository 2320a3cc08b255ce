"""The finding of `doctor` on the uids of containers."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from node_runtime.cli import doctor
from node_runtime.cli.findings import Finding
from node_runtime.cli.uid_ranges import describe_isolation, ranges_of
from node_runtime.config import MOST_SLOTS
from node_runtime.config.example import example
from node_runtime.localnet.network import NODES, NetworkSettings, _node_yaml
from node_runtime.localnet.record import NetworkFile
from node_runtime.ports.engine import Confinement


def confined(user: tuple[int, int], *, per_slot: bool) -> Confinement:
    return Confinement(quotas="mounted", build_obstacle="", user=user, user_per_slot=per_slot)


def test_a_uid_per_slot_is_reported_with_the_first_uid() -> None:
    assert "200000 + N" in describe_isolation(confined((200_000, 200_000), per_slot=True))


def test_a_shared_uid_is_reported_as_weaker_with_a_remedy() -> None:
    output = describe_isolation(confined((1000, 100), per_slot=False))
    assert "uid 1000" in output
    assert "inotify" in output
    assert "root" in output


def test_the_range_is_that_of_the_configuration(tmp_path: Path) -> None:
    config = tmp_path / "node.yaml"
    config.write_text(example(slots=3, uid_base=300_000))
    assert [str(one) for one in ranges_of([config])] == ["300000-300002"]


def test_the_nodes_of_the_local_network_have_ranges_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path))
    folder = tmp_path / "network"
    settings = NetworkSettings(folder=folder, nodes=("bob", "charlie", "dave"), slots=MOST_SLOTS)
    network = NetworkFile(
        chain="ws://127.0.0.1:1", storage=folder / "store", engine="unix:///a", started_engine=False, base_image="a"
    )
    for name in settings.nodes:
        place = folder / NODES / name
        place.mkdir(parents=True)
        (place / "node.yaml").write_text(_node_yaml(network, settings, name, place))
    ranges = ranges_of([])
    assert len(ranges) == 3
    assert not any(one.meets(other.first, other.count) for one in ranges for other in ranges if one is not other)


@pytest.mark.parametrize("taken", [True, False])
def test_only_a_check_that_fails_has_a_remedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: bool) -> None:
    """A node's range that collides fails the check; with no node there is no range to check."""
    config = tmp_path / "node.yaml"
    config.write_text(example())
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path))
    engine = SimpleNamespace(confinement=lambda: confined((200_000, 200_000), per_slot=True))
    monkeypatch.setattr(doctor, "_engine_url", lambda: "unix:///a")
    monkeypatch.setattr(doctor, "_trial_engine", lambda *_, **__: nullcontext(engine))
    monkeypatch.setattr(doctor, "collisions_of", lambda ranges, **_: ["uid 200000 is bob's"] * taken * len(ranges))
    found = doctor._users([config])
    assert (found.well, bool(found.remedy), "bob" in found.seen) == (not taken, taken, taken)
    assert doctor._users([]).well
    assert doctor._users([]).remedy == ""
    with pytest.raises(ValueError, match="users"):
        Finding(name="users", well=True, seen="", remedy="do something")
