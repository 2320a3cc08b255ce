"""Fixtures for tests of workspaces and results: the real engine, a task's stages, and a work folder."""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.document import Image, Limits, ModelOf
from node_runtime.domain.task import TaskId
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.kinds import Inputs, Stage, inputs_of, stages_of
from node_runtime.kinds.scoring import ScoringDocument
from node_runtime.kinds.training import TrainingDocument
from node_runtime.ports.engine import ContainerRun
from node_runtime.runner.workspace import AttemptId, Workspace, Workspaces
from tests.background import LIMIT
from tests.docker_engine import DockerHost
from tests.docker_engine import docker_engine as docker_engine

OWNER = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
ALGO, METRIC, OPENER, SAMPLE, MODEL = (Digest(str(number) * 64) for number in range(1, 6))
QUOTA = 1 << 20
ATTEMPT = AttemptId(task=TaskId(12), epoch=3)


@pytest.fixture
def image(docker_engine: DockerHost) -> str:
    """A real image with Python in it."""
    return docker_engine.image_id()


@pytest.fixture
def node() -> str:
    """A node id per test, as all tests share one engine."""
    return f"workspace-{secrets.token_hex(4)}"


@pytest.fixture
def engine(docker_engine: DockerHost, node: str, tmp_path: Path) -> Iterator[DockerEngine]:
    with docker_engine.engine(node=node, work=tmp_path / "engine") as engine:
        yield engine


@pytest.fixture
def workspaces(tmp_path: Path, engine: DockerEngine, node: str) -> Iterator[Workspaces]:
    opened = Workspaces(tmp_path / "work", engine=engine, node=node)
    yield opened
    for attempt in opened.attempts():
        opened.remove(attempt)


@pytest.fixture
def inputs(tmp_path: Path) -> Inputs:
    """Input folders as the cache provides them."""
    files = {ALGO: "algo.py", METRIC: "metrics.py", OPENER: "opener.py", SAMPLE: "data.csv", MODEL: "model"}
    for digest, name in files.items():
        (tmp_path / "cache" / digest).mkdir(parents=True)
        (tmp_path / "cache" / digest / name).write_text(f"{name}\n")
    return inputs_of(
        SCORING,
        models=[MODEL],
        folder_of=lambda digest: tmp_path / "cache" / digest,
        worker=Account(OWNER),
    )


TRAINING = TrainingDocument(
    name="digits",
    algo=Image(source=f"{OWNER}/{ALGO}"),
    opener=f"{OWNER}/{OPENER}",
    data=(f"{OWNER}/{SAMPLE}",),
    models=(ModelOf(task=1),),
    limits=Limits(outputs=QUOTA, timeout=LIMIT, memory=128 << 20),
)
SCORING = ScoringDocument(
    metric=Image(source=f"{OWNER}/{METRIC}"),
    **TRAINING.model_dump(exclude={"kind", "bundle", "question", "rank"}),
)


def train_stage(inputs: Inputs) -> Stage:
    (train,) = stages_of(TRAINING, inputs)
    return train


def scoring_stages(inputs: Inputs) -> tuple[Stage, Stage]:
    predict, metrics = stages_of(SCORING, inputs)
    return predict, metrics


def run_python(program: str, stage: Stage, workspace: Workspace, engine: DockerEngine, image: str) -> ContainerRun:
    """Run the stage's container with the given program."""
    container = replace(workspace.prepare(stage, image=image), entrypoint=("python3", "-c", program))
    return engine.run(container, stop=threading.Event())
