"""A node is assembled as configured, after preflight checks; defaults reach the policy and the engine."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from structlog.testing import capture_logs

from node_runtime.config import NodeConfig, load_config
from node_runtime.domain.assets import AssetKind, AssetRef, Direction, Label, Visibility
from node_runtime.domain.permissions import PUBLIC
from node_runtime.domain.task import UNIT
from node_runtime.engines.docker.settings import EngineSettings
from node_runtime.engines.memory import MemoryEngine, MemorySettings
from node_runtime.engines.memory_host import MemoryHost
from node_runtime.errors import ChainUnavailable, ConfigError
from node_runtime.localnet.provision.dockerd import StartedEngine
from node_runtime.stores.tree.walk import manifest_of
from node_runtime.substrate.client import SubstrateChain
from node_runtime.substrate.memory import MemoryNetwork
from node_runtime.worker import assembly, preflight
from node_runtime.worker.assembly import (
    connect_with_retry,
    engine_settings,
    network_of,
    open_node,
    policy_of,
    pool_of,
    shared_store,
)
from node_runtime.worker.logging import configure
from node_runtime.worker.preflight import check_before_start
from node_runtime.worker.private_data import add_sample
from tests.unit.worker.faults_room import Room

LEAST = "node: n\nchain: ws://127.0.0.1:1\nkey: //Bob\nstorage: store\nwork: work\ndocker: unix:///none.sock\n"


def loaded(folder: Path, text: str = "") -> NodeConfig:
    (folder / "node.yaml").write_text(LEAST + text)
    return load_config(folder / "node.yaml", {})


def test_a_policy_bounds_the_bond_only_unless_it_says_more(tmp_path: Path) -> None:
    policy = policy_of(loaded(tmp_path))
    assert (policy.largest_bond, policy.minimum_rate, policy.longest) == (100 * UNIT, 0, None)
    assert policy.largest_scratch is None


def test_the_bounds_of_a_policy_are_those_of_the_configuration(tmp_path: Path) -> None:
    text = "policy: {largest_bond: 5, minimum_rate: 2, longest: 90s}\nsandbox: {tmp: 64MiB}\n"
    policy = policy_of(loaded(tmp_path, text))
    assert (policy.largest_bond, policy.minimum_rate, policy.longest) == (5 * UNIT, 2 * UNIT, 90_000)
    assert policy.largest_scratch == 64 << 20


def test_slots_have_uids_from_200000_on_and_builds_are_denied_unless_it_says_more(tmp_path: Path) -> None:
    settings = engine_settings(loaded(tmp_path), "n")
    assert (settings.uid_base, settings.user) == (200_000, None)
    assert (settings.build, settings.build_arguments, settings.build_cgroup) == (False, (), None)


def test_the_engine_is_used_as_the_configuration_says(tmp_path: Path) -> None:
    text = "building: allow\nbuild_arguments: {PIP_TIMEOUT: '7'}\nsandbox: {uid_base: 300000, build_cgroup: a.slice}\n"
    settings = engine_settings(loaded(tmp_path, text), "n")
    assert settings.uid_base == 300_000
    assert (settings.build, settings.build_arguments) == (True, (("PIP_TIMEOUT", "7"),))
    assert settings.build_cgroup == "a.slice"


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    monkeypatch.setenv("NODE_RUNTIME_HOME", str(tmp_path / "home"))
    network = MemoryNetwork()
    return Room(folder=tmp_path, creator=network.connect("//Alice"), network=network, key=f"//node{uuid4().hex[:12]}")


def configured(room: Room, **changes: object) -> NodeConfig:
    config = room.config
    config.work.mkdir(exist_ok=True)
    return config.model_copy(update=changes)


def test_a_node_is_opened_alone_with_its_account_and_closed_with_its_engine_and_chain(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[EngineSettings] = []

    def engine(settings: EngineSettings) -> MemoryEngine:
        made.append(settings)
        return MemoryEngine(MemorySettings(host=MemoryHost(), node=settings.node))

    monkeypatch.setattr(assembly, "open_engine", engine)
    config = configured(room, docker="unix:///nowhere")
    chain = room.network.connect(room.key)
    with open_node(config, chain) as node:
        assert node.files.work == config.work
        assert [settings.node for settings in made] == [node.files.node]
        with pytest.raises(ConfigError, match="already runs"), open_node(config, room.network.connect(room.key)):
            pass
    with pytest.raises(Exception, match="was closed"):
        chain.now()


def test_development_chains_are_distinguished_by_port(room: Room) -> None:
    config, chain = configured(room), room.network.connect(room.key)
    assert network_of(config, chain) == f"{chain.genesis} 1"
    assert network_of(config.model_copy(update={"key": "/keys/node.json"}), chain) == chain.genesis


def test_the_engine_that_the_local_network_started_is_used_where_none_is_named(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = StartedEngine(url="unix:///started", build_network="host", pid=1, birth="", log="")
    monkeypatch.setattr(assembly, "answering_engine", lambda: started)
    config = configured(room)
    assert engine_settings(config, "name").docker_host == "unix:///started"
    assert engine_settings(config.model_copy(update={"docker": "unix:///own"}), "name").docker_host == "unix:///own"


def test_a_chain_that_is_not_there_yet_is_waited_for(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[NodeConfig] = []

    def connect(config: NodeConfig) -> SubstrateChain:
        tries.append(config)
        if len(tries) < 2:
            raise ChainUnavailable("no answer", remedy="start it")
        return room.network.connect(room.key)

    monkeypatch.setattr(assembly, "connect_node", connect)
    with capture_logs() as events:
        assert connect_with_retry(room.config).now() > 0
    assert [one["event"] for one in events] == ["chain_unavailable", "errors_cleared"]


def test_a_storage_that_is_not_there_is_not_begun(room: Room) -> None:
    missing = configured(room, storage=str(room.folder / "missing"))
    with pytest.raises(ConfigError, match="mkdir"):
        shared_store(missing)
    assert not (room.folder / "missing").exists()


def test_a_private_sample_is_kept_here_and_registered(room: Room) -> None:
    (room.folder / "sample").write_text("own")
    chain = room.network.connect(room.key)
    added = add_sample(configured(room), chain, room.folder / "sample", Label.TRAIN, PUBLIC)
    known = room.creator.asset(AssetRef(owner=room.account, digest=added.asset.ref.digest))
    assert known is not None
    assert known.visibility is Visibility.PRIVATE
    assert added.public == ()


def test_private_bytes_that_another_account_registered_are_told_as_far_as_the_chain_finds_them(room: Room) -> None:
    (room.folder / "sample").write_text("own")
    digest = manifest_of(room.folder / "sample").digest
    creator, own = room.creator, room.network.connect(room.key)
    metric, opener = (room._asset(kind, kind) for kind in (AssetKind.METRIC, AssetKind.OPENER))
    ref = AssetRef(owner=creator.account, digest=digest)
    test = replace(opener, ref=ref, kind=AssetKind.DATA_SAMPLE, label=Label.TEST)
    creator.register_assets([metric, opener, test])
    other = room.network.connect("//Charlie")
    other.register_assets([replace(test, ref=replace(ref, owner=other.account), kind=AssetKind.MODEL, label=None)])
    objective = creator.create_objective(
        name=f"of {digest[:12]}",
        metric=metric.ref.digest,
        opener=opener.ref.digest,
        direction=Direction.HIGHER,
        tolerance=Decimal(0),
        samples=[digest],
    )
    assert add_sample(configured(room), own, room.folder / "sample", Label.TRAIN, PUBLIC).public == (
        f"the chain knows these bytes as a model of {other.account}, so others may have them",
        f"objective {objective} of {creator.account} tests models by the same bytes, so others may have them, and no "
        "model that was trained on them is certified for it",
    )


def test_the_pool_has_the_configured_resources(room: Room) -> None:
    assert pool_of(configured(room)).has_free_slot


def test_preflight_tightens_files_and_logs_empty_lists(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.policy = {"kinds": ["training"], "creators": []}
    config = configured(room, docker="unix:///nowhere")
    file = room.folder / "node.yaml"
    file.chmod(0o644)
    monkeypatch.setattr(preflight, "has_image", lambda _url, _image: False)
    with capture_logs() as events:
        check_before_start(config, file)
    assert {"file_tightened", "base_image_missing", "policy_allows_nothing"} <= {one["event"] for one in events}
    pulled: list[str] = []
    monkeypatch.setattr(preflight, "pull_base_image", lambda _url, image, **_say: pulled.append(image))
    with capture_logs() as events:
        check_before_start(config.model_copy(update={"building": "allow"}), room.folder / "gone.yaml")
    assert pulled == [config.base_image]
    assert "file_readable_by_others" in {one["event"] for one in events}


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_log_line_quotes_untrusted_text(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        configure("json" if form == "json" else "text").warning("told", reason="a\nline \x1b[31m")
    finally:
        structlog.reset_defaults()
    (line,) = capsys.readouterr().err.splitlines()
    assert "\x1b[31m" not in line.replace("\x1b[0m", "") or form == "text"
    if form == "json":
        assert json.loads(line)["reason"] == "a\nline \x1b[31m"
    else:
        assert "a\\nline" in line
