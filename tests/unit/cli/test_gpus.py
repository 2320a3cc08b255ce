"""What `doctor` and `status` tell of GPUs: which there are, what has them, and what is missing."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pynvml
import pytest

from node_runtime.cli import doctor, node_status, tables
from node_runtime.cli.findings import Finding, all_found_by
from node_runtime.cli.gpus import NAMES_REMEDY, NO_GPU, NO_GPU_REMEDY
from node_runtime.config import load_config
from node_runtime.domain.assets import Account
from node_runtime.domain.document import Image, Limits
from node_runtime.domain.task import TaskId
from node_runtime.engines import open_engine
from node_runtime.engines.docker.gpus import CDI, NVIDIA, REMEDIES
from node_runtime.engines.memory import MemoryEngine, MemorySettings
from node_runtime.engines.memory_host import MemoryHost
from node_runtime.kinds.training import TrainingDocument
from node_runtime.platform.gpus import Nvml
from node_runtime.worker.status import GpuUse, NodeStatus, read_status
from node_runtime.worker.status_file import NodeState, StatusFile, Working
from tests.nvml import GIB, Card, error, stand_in

A, B = "GPU-a", "GPU-b"
TOLD_A = f"NVIDIA H200, 139 GiB, 129 GiB of it free, {A}"
TOLD_B = f"NVIDIA H200, 139 GiB, 139 GiB of it free, {B}"
MISSING = "the engine has no GPU to give to containers"


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> MemoryHost:
    """The machine that `doctor` looks at: two GPUs, and an engine that gives them."""
    host = MemoryHost(gpus=frozenset({A, B}))
    monkeypatch.setattr(
        doctor, "_trial_engine", lambda *_, **__: closing(open_engine(MemorySettings(host=host, node="doctor")))
    )
    stand_in(monkeypatch, Card(uuid=A, used=10 * GIB), Card(uuid=B))
    return host


def node(folder: Path, name: str, gpus: str, *, driver: str = "nvidia") -> Path:
    file = folder / f"{name}.yaml"
    lines = (f"node: {name}", "chain: ws://127.0.0.1:1", "key: //Bob", "storage: store", f"work: {name}")
    file.write_text("\n".join((*lines, f"pool: {{gpus: {gpus}}}", f"sandbox: {{gpu_driver: {driver}}}", "")))
    (folder / name).mkdir()
    return file


def found(*configs: Path) -> list[Finding]:
    return list(doctor._gpus(configs))


def told(*uses: str) -> list[Finding]:
    return [Finding(name=f"gpu {index}", well=True, seen=use) for index, use in enumerate(uses)]


UNUSED = told(f"{TOLD_A}; no task has it", f"{TOLD_B}; no task has it")


def test_a_machine_without_gpus_is_well_unless_a_node_gives_some(
    host: MemoryHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del host
    stand_in(monkeypatch)
    well = [Finding(name="gpus", well=True, seen=NO_GPU)]
    assert found() == found(node(tmp_path, "a", "none")) == well
    assert found(node(tmp_path, "b", "all")) == [Finding(name="gpus", well=False, seen=NO_GPU, remedy=NO_GPU_REMEDY)]


def test_a_driver_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, failing=error(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH))
    (finding,) = all_found_by("gpus", lambda: doctor._gpus(()))
    assert (finding.well, "restarted" in finding.remedy) == (False, True)


def test_each_gpu_is_told_with_what_has_it(host: MemoryHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    del host
    config = node(tmp_path, "a", "all")
    assert found(config) == UNUSED
    monkeypatch.setattr(MemoryEngine, "gpus_in_use", lambda _: frozenset({A, B}))
    StatusFile(tmp_path / "a").write(state(A))
    assert found(config) == told(f"{TOLD_A}; task 12 of a has it", f"{TOLD_B}; a container has it")


def test_an_engine_without_the_toolkit_is_told_with_the_remedy(host: MemoryHost, tmp_path: Path) -> None:
    host.gpus = frozenset()
    hint = Finding(name="gpus", well=True, seen=f"{MISSING}; for tasks with GPUs {REMEDIES[NVIDIA]}")
    assert found() == [*UNUSED, hint]
    for name, driver in (("a", NVIDIA), ("b", CDI)):
        missing = Finding(name="gpus", well=False, seen=MISSING, remedy=REMEDIES[driver])
        assert found(node(tmp_path, name, "all", driver=driver)) == [*UNUSED, missing]


def test_a_gpu_that_is_not_there_or_that_two_nodes_give_is_a_fault(host: MemoryHost, tmp_path: Path) -> None:
    del host
    fault = found(node(tmp_path, "a", "[GPU-a, GPU-c]"), node(tmp_path, "b", "all"))[-1]
    seen = "a gives GPU-c, which isn't there; a and b give GPU-a"
    assert fault == Finding(name="gpus", well=False, seen=seen, remedy=NAMES_REMEDY)


def state(*gpus: str) -> NodeState:
    working = Working(task=TaskId(12), epoch=1, step="run", since=1, due=2, cpus=1, memory=1, disk=1, gpus=gpus)
    account = Account("5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty")
    return NodeState(chain="0" * 12, account=account, working=(working,))


def status_of(config: Path, monkeypatch: pytest.MonkeyPatch) -> NodeStatus:
    monkeypatch.setattr("node_runtime.worker.status.daemon_process", lambda _work: 4711)
    return read_status(load_config(config), config)


def test_status_tells_each_gpu_and_its_task(host: MemoryHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    del host
    config = node(tmp_path, "a", "all")
    StatusFile(tmp_path / "a").write(state(A))
    seen = status_of(config, monkeypatch)
    first, second = Nvml().gpus()
    assert seen.gpus == (GpuUse(gpu=first, task=TaskId(12)), GpuUse(gpu=second, task=None))
    facts = [fact for fact in node_status._facts(seen) if fact[0].startswith("gpu")]
    assert facts == [("gpu 0", f"{TOLD_A}; task 12 has it"), ("gpu 1", f"{TOLD_B}; no task has it")]


def test_status_tells_why_no_gpu_is_there_and_nothing_where_none_is_given(
    host: MemoryHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    del host
    seen = status_of(node(tmp_path, "a", "[GPU-c]"), monkeypatch)
    facts = [fact for fact in node_status._facts(seen) if fact[0].startswith("gpu")]
    assert facts == [("gpus", "none: the NVIDIA driver shows none of the GPUs that pool.gpus names")]
    seen = status_of(node(tmp_path, "b", "none"), monkeypatch)
    assert [fact for fact in node_status._facts(seen) if fact[0].startswith("gpu")] == []


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        (Limits(gpus=2, gpu_memory=8 * GIB), "1 CPU, 1 GiB memory, 2 GPUs with 8 GiB each, 15m a container"),
        (Limits(), "1 CPU, 1 GiB memory, 15m a container"),
    ],
)
def test_show_tells_the_gpus_that_a_task_asks_for(limits: Limits, told: str) -> None:
    algo = Image(source=f"{'5' * 48}/{'a' * 64}")
    mentions: Any = None  # of models, which the task has none of
    facts = dict(tables._inputs(TrainingDocument(name="a", algo=algo, limits=limits), mentions))
    assert facts["limits"].startswith(f"{told}, ")
