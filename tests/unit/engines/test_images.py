"""Images named by a Dockerfile are pulled anonymously; failures of the engine's cache are retried without it."""

import threading
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from node_runtime.domain.assets import Digest
from node_runtime.engines.docker import images
from node_runtime.engines.docker.build import Build, BuildFailed, BuildLimits
from node_runtime.engines.docker.control import ControlResult, Controls
from node_runtime.engines.docker.dockerfile import LEFT_LABEL, SHARED_STEPS
from node_runtime.engines.docker.images import BUILT, Images
from node_runtime.engines.docker.pull import Puller
from node_runtime.engines.docker.settings import EngineSettings
from node_runtime.engines.docker.triggers import TriggerProbe
from node_runtime.ports.engine import ImageSource

BASE = "operator.example/base:1"


class Registry:
    """A puller that provides every image and records whether the pull was logged in."""

    def __init__(self) -> None:
        self.asked: dict[str, bool] = {}

    def pulled(self, name: str, *_: object, logged_in: bool = True) -> dict[str, Any]:
        self.asked[name] = logged_in
        return {"Id": "sha256:0"}


class Telling:
    """An engine whose inspections have ONBUILD instructions."""

    def are_told(self) -> bool:
        return True


def test_what_a_stranger_names_is_pulled_without_the_operators_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "inspect_image", lambda *_: None)
    monkeypatch.setattr(images, "image_id", lambda _, name: "sha256:1" if name.startswith(BUILT) else None)
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\nFROM a.example/b\nCOPY --from=c.example/d /e /e\n")
    registry = Registry()
    made = Images(
        cast(docker.APIClient, None),
        EngineSettings(node="n", work=tmp_path, base_image=BASE, build=True),
        puller=cast(Puller, registry),
        limits=cast(BuildLimits, None),
        controls=cast(Controls, None),
        triggers=cast(TriggerProbe, Telling()),
    )
    made.image(ImageSource(folder=tmp_path, digest=Digest("1" * 64)), print, threading.Event())
    assert registry.asked == {BASE: True, "a.example/b": False, "c.example/d": False}


class Working:
    """Controls of an engine that builds."""

    def build(self) -> ControlResult:
        return ControlResult()


@pytest.mark.parametrize(
    ("reason", "shared"),
    [
        ("failed to get digest sha256:1f: open (a place on the node) no such file or directory", False),
        ("COPY failed: no source files were specified", True),
    ],
)
def test_a_build_whose_steps_were_removed_meanwhile_is_repeated_without_shared_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: str, *, shared: bool
) -> None:
    builds: list[Build] = []

    def build(_client: object, what: Build, *_: object) -> None:
        builds.append(what)
        if len(builds) == 1:
            raise BuildFailed(reason, None)

    monkeypatch.setattr(images, "build", build)
    monkeypatch.setattr(images, "inspect_image", lambda *_: None)
    monkeypatch.setattr(images, "image_id", lambda *_: "sha256:1" if len(builds) > 1 else None)
    (tmp_path / "Dockerfile").write_text("FROM python:3.11-slim\n")
    made = Images(
        cast(docker.APIClient, None),
        EngineSettings(node="n", work=tmp_path, base_image=BASE, build=True),
        puller=cast(Puller, Registry()),
        limits=cast(BuildLimits, None),
        controls=cast(Controls, Working()),
        triggers=cast(TriggerProbe, Telling()),
    )
    made.image(ImageSource(folder=tmp_path, digest=Digest("1" * 64)), print, threading.Event())
    first, again = (one.dockerfile.splitlines() for one in builds)
    assert first[:2] == ["FROM sha256:0", f"LABEL {LEFT_LABEL}={SHARED_STEPS}"]
    assert (again == first) is shared
    assert again[0] == first[0]
    assert again[2:] == first[2:]
