"""What a local run refuses because only a chain, or another machine, has it; and the GPU that it gives a task."""

from contextlib import closing
from pathlib import Path

import pytest

from node_runtime.creator.local_run import Bench, run_locally
from node_runtime.engines.memory import MemoryEngine, MemorySettings
from node_runtime.engines.memory_host import Inside, MemoryHost
from node_runtime.errors import HostError, SpecError
from node_runtime.runner.workspace import Workspaces
from node_runtime.spec.read import read_specs
from node_runtime.stores.cache import Cache
from node_runtime.stores.local import LocalStore
from node_runtime.stores.tree.walk import manifest_of
from tests.nvml import GIB, Card, stand_in

KEY = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY/" + "a6" * 32
OBJECTIVE = "kind: objective\nname: iris\nmetric: metric\nopener: opener.py\nsamples: [test-0]\n"
TRAINING = (
    "kind: training\nname: fit\nalgo: algo\nopener: opener.py\ndata: [train-0, train-1]\nlabel: train\nreward: 1\n"
)


@pytest.mark.parametrize(
    ("file", "place"),
    [
        (TRAINING.replace("train-1", KEY), "5:17"),
        (TRAINING.replace("opener: opener.py", f"opener: {KEY}"), "4:9"),
        (OBJECTIVE.replace("test-0", KEY), "5:11"),
    ],
)
def test_a_registered_asset_is_refused_at_its_place(tmp_path: Path, file: str, place: str) -> None:
    for name in ("algo", "metric"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "Dockerfile").write_text('FROM python:3.11-slim-bookworm\nENTRYPOINT ["python"]\n')
    for name in ("train-0", "train-1", "test-0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text(name)
    (tmp_path / "opener.py").touch()
    (tmp_path / "task.yaml").write_text(file)
    engine = MemoryEngine(MemorySettings(host=MemoryHost(), node="unit"))
    with closing(Cache(tmp_path / "cache", limit=1 << 20)) as cache:
        bench = Bench(
            engine=engine,
            workspaces=Workspaces(tmp_path / "attempts", engine=engine, node="unit"),
            store=LocalStore(tmp_path / "store"),
            cache=cache,
            target=tmp_path / "runs",
            say=print,
        )
        with pytest.raises(SpecError) as refused:
            run_locally(read_specs(tmp_path / "task.yaml"), bench)
    assert str(refused.value).startswith(f"{tmp_path / 'task.yaml'}:{place}: a local run can't fetch {KEY}")


def test_a_task_gets_a_gpu_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid="GPU-a"), Card(uuid="GPU-b", memory=24 * GIB))
    for name, file in (("algo", "Dockerfile"), ("train-0", "a.csv"), ("train-1", "a.csv")):
        (tmp_path / name).mkdir()
        (tmp_path / name / file).write_text('FROM python:3.11-slim-bookworm\nENTRYPOINT ["python"]\n')
    (tmp_path / "opener.py").touch()
    (tmp_path / "task.yaml").write_text(f"{TRAINING}limits: {{gpus: 1, gpu_memory: 40GiB}}\n")
    seen: list[tuple[str, ...]] = []

    def program(inside: Inside) -> int:
        seen.append(inside.spec.gpus)
        (inside.folder("/sandbox/model") / "model").write_text("trained\n")
        return 0

    host = MemoryHost(gpus=frozenset({"GPU-a", "GPU-b"}))
    host.add("memory:algo", program, source=manifest_of(tmp_path / "algo").digest)
    engine = MemoryEngine(MemorySettings(host=host, node="unit"))
    with closing(Cache(tmp_path / "cache", limit=1 << 20)) as cache:
        bench = Bench(
            engine=engine,
            workspaces=Workspaces(tmp_path / "attempts", engine=engine, node="unit"),
            store=LocalStore(tmp_path / "store"),
            cache=cache,
            target=tmp_path / "runs",
            say=print,
        )
        run_locally(read_specs(tmp_path / "task.yaml"), bench)
        host.gpus = frozenset()
        with pytest.raises(HostError, match="asks for 1 GPU with 40 GiB: the engine has no GPU"):
            run_locally(read_specs(tmp_path / "task.yaml"), bench)
    assert seen == [("GPU-a",)]
