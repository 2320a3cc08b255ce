"""What a local run refuses because only a chain, or another machine, has it."""

from contextlib import closing
from pathlib import Path

import pytest

from node_runtime.creator.local_run import Bench, run_locally
from node_runtime.engines.memory import MemoryEngine, MemoryHost, MemorySettings
from node_runtime.errors import SpecError
from node_runtime.runner.workspace import Workspaces
from node_runtime.spec.read import read_specs
from node_runtime.stores.cache import Cache
from node_runtime.stores.local import LocalStore

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
