"""Options of `up` and `devnet` for a stored chain are passed to the server."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from node_runtime.cli import app
from node_runtime.cli import network as commands
from node_runtime.devnet.server import server
from node_runtime.errors import HostError
from node_runtime.localnet import network
from node_runtime.localnet.network import NetworkSettings
from node_runtime.localnet.record import NetworkFile

NETWORK = NetworkFile(chain="", storage=Path("store"), engine="", started_engine=False, base_image="")


@pytest.mark.parametrize("options", [(), ("--cut-future",), ("--upgrade",), ("--upgrade", "--cut-future")])
def test_up_passes_the_options_for_a_stored_chain(monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]) -> None:
    started: list[Sequence[str]] = []

    def start(_name: str, command: Sequence[str], *_: object) -> None:
        started.append(command)
        raise HostError("not here", remedy="none")

    def bring_up(settings: NetworkSettings, say: Any) -> NetworkFile:
        return network._with_chain(NETWORK, settings, say)

    monkeypatch.setattr(commands, "interrupt_on_signals", lambda: None)
    monkeypatch.setattr(network, "bring_up", bring_up)
    monkeypatch.setattr(network, "_start", start)
    CliRunner().invoke(app, ["up", *options])
    (command,) = started
    assert {word for word in command if word in ("--cut-future", "--upgrade")} == set(options)


@pytest.mark.parametrize("options", [(), ("--cut-future",), ("--upgrade",)])
def test_devnet_passes_the_options_for_a_stored_chain(
    monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    served: list[dict[str, Any]] = []
    monkeypatch.setattr(server, "serve", lambda **how: served.append(how))
    CliRunner().invoke(app, ["devnet", *options])
    (how,) = served
    assert {f"--{name.replace('_', '-')}" for name in ("cut_future", "upgrade") if how[name]} == set(options)
