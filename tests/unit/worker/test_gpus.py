"""A GPU belongs to one attempt at a time: admission by UUID and free memory, and what the operator gives."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event

import pynvml
import pytest
from structlog.testing import capture_logs

from node_runtime.config import load_config
from node_runtime.config.fields import ALL_GPUS
from node_runtime.domain.document import Image, Limits
from node_runtime.engines import open_engine
from node_runtime.engines.memory import MemoryEngine, MemorySettings
from node_runtime.engines.memory_host import MemoryHost
from node_runtime.errors import ConfigError
from node_runtime.kinds.training import TrainingDocument
from node_runtime.platform.gpus import Nvml
from node_runtime.worker.gpus import GpuPool
from node_runtime.worker.policy import AllowList, Policy, refuse_document
from node_runtime.worker.reasons import Reason
from node_runtime.worker.resources import Insufficient, Reservation, ResourcePool, ResourceRequest, demand_of
from tests.background import LIMIT, in_background
from tests.nvml import GIB, Card, error, stand_in
from tests.unit.worker.test_policy import OPEN, SPEC

A, B = "GPU-a", "GPU-b"
ROOM = ResourceRequest(cpus=4, memory=8 * GIB, disk=20 * GIB)
Pool = Callable[..., ResourcePool]


def asking(gpus: int = 1, gpu_memory: int = 0) -> ResourceRequest:
    return ResourceRequest(cpus=1, memory=GIB, disk=GIB, gpus=gpus, gpu_memory=gpu_memory * GIB)


def gpu_pool(*chosen: str, host: MemoryHost | None = None) -> GpuPool:
    engine = open_engine(MemorySettings(host=host or MemoryHost(gpus=frozenset({A, B})), node="twin"))
    return GpuPool(chosen=chosen, driver=Nvml(), engine=engine)


def pool(*chosen: str) -> ResourcePool:
    return ResourcePool(slots=4, room=ROOM, disk_floor=0, free_disk=lambda: 99 * GIB, gpus=gpu_pool(*chosen))


def given(answer: Reservation | Insufficient) -> tuple[str, ...]:
    assert isinstance(answer, Reservation), answer
    return answer.gpus


def refused(answer: Reservation | Insufficient) -> tuple[str, bool]:
    assert isinstance(answer, Insufficient), answer
    return answer.message, answer.lasting


def test_a_gpu_is_given_once_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid=A), Card(uuid=B))
    one = pool(ALL_GPUS)
    first, second = one.admit(asking()), one.admit(asking())
    assert sorted((*given(first), *given(second))) == [A, B]
    assert refused(one.admit(asking())) == ("1 GPU asked, 0 free now", False)
    assert given(one.admit(asking(0))) == ()
    assert isinstance(first, Reservation)
    one.release(first)
    assert given(one.admit(asking())) == first.gpus


@pytest.mark.parametrize(
    ("demand", "told", "lasting"),
    [
        (asking(3), "3 GPUs asked, the whole pool has 2", True),
        (asking(2, 40), "2 GPUs with 40 GiB each asked, the whole pool has 1", True),
        (asking(1, 75), "1 GPU with 75 GiB asked, 0 free now", False),  # another program has 10 GiB
    ],
)
def test_a_request_is_refused_by_number_and_by_the_memory_of_each(
    monkeypatch: pytest.MonkeyPatch, demand: ResourceRequest, told: str, *, lasting: bool
) -> None:
    stand_in(monkeypatch, Card(uuid=A, memory=80 * GIB, used=10 * GIB), Card(uuid=B, memory=24 * GIB))
    assert refused(pool(ALL_GPUS).admit(demand)) == (told, lasting)
    assert given(pool(ALL_GPUS).admit(asking(1, 30))) == (A,)


def test_only_what_the_operator_names_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid=A), Card(uuid=B))
    assert given(pool(B).admit(asking())) == (B,)
    assert refused(pool(B).admit(asking(2))) == ("2 GPUs asked, the whole pool has 1", True)


@pytest.mark.parametrize("chosen", [(ALL_GPUS,), (A, B)])
def test_a_gpu_that_cannot_be_read_now_may_come_back(monkeypatch: pytest.MonkeyPatch, chosen: tuple[str, ...]) -> None:
    nvml = stand_in(monkeypatch, Card(uuid=A), Card(uuid=B, lost=True))
    one = pool(*chosen)
    assert refused(one.admit(asking(2))) == ("2 GPUs asked, the whole pool has 1 that can be read now", False)
    too_large = replace(asking(2), cpus=9)
    told = "9 CPUs asked, the whole pool has 4; 2 GPUs asked, the whole pool has 1"
    assert refused(one.admit(too_large)) == (told, True)
    nvml.cards[1].lost = False
    assert sorted(given(one.admit(asking(2)))) == [A, B]


def test_a_gpu_that_mig_divides_is_read_when_its_instances_are(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid=A, instances=[Card(uuid="MIG-a"), Card(uuid="MIG-b")]), Card(uuid=B))
    assert refused(pool(ALL_GPUS).admit(asking(4))) == ("4 GPUs asked, the whole pool has 3", True)


def test_an_attempt_keeps_the_gpu_of_its_running_container(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid=A), Card(uuid=B, used=139 * GIB))  # its own container has filled it
    one = pool(ALL_GPUS)
    assert given(one.admit(asking(1, 8), gpus=(B,))) == (B,)
    assert given(one.admit(asking())) == (A,)


def test_an_attempt_whose_gpu_is_given_no_more_is_not_gone_on_with(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid=A), Card(uuid=B))
    message, lasting = refused(pool(A).admit(asking(), gpus=(B,)))
    assert (message, lasting) == ("its container has a GPU that this node gives no more", True)


def test_an_attempt_whose_gpu_cannot_be_read_now_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid=A))
    for chosen in (B, ALL_GPUS):
        message, lasting = refused(pool(chosen).admit(asking(), gpus=(B,)))
        assert (message, lasting) == ("its container's GPU can't be read now", False)


def test_a_driver_that_fails_or_comes_later_keeps_no_other_task_away(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = stand_in(monkeypatch, Card(uuid=A), failing=error(pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH))
    one = pool(ALL_GPUS)
    message, lasting = refused(one.admit(asking()))
    assert message.startswith("the NVIDIA driver doesn't work")
    assert not lasting
    assert given(one.admit(asking(0))) == ()
    nvml.failing = error(pynvml.NVML_ERROR_DRIVER_NOT_LOADED)
    assert refused(one.admit(asking())) == ("1 GPU asked, the whole pool has 0 that can be read now", False)
    nvml.failing = None
    assert given(one.admit(asking())) == (A,)


def test_an_engine_that_hangs_keeps_no_attempt_from_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(monkeypatch, Card(uuid=A))
    one = pool(ALL_GPUS)
    running = one.admit(asking(0))
    assert isinstance(running, Reservation)
    asked, answers = Event(), Event()

    def hangs(_: MemoryEngine) -> frozenset[str]:
        asked.set()
        assert answers.wait(LIMIT)
        return frozenset()

    monkeypatch.setattr(MemoryEngine, "gpus_in_use", hangs)
    waiting = in_background(lambda: one.admit(asking()))
    assert asked.wait(LIMIT)
    in_background(lambda: one.release(running)).result(LIMIT)
    assert one.use().slots_used == 0
    answers.set()
    assert given(waiting.result(LIMIT)) == (A,)


def test_what_keeps_containers_from_gpus_is_told_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = stand_in(monkeypatch, Card(uuid=A))
    bare = MemoryHost()
    with capture_logs() as events:
        for pooled in (gpu_pool(), gpu_pool(A), gpu_pool(B), gpu_pool(A, host=bare)):
            pooled.report()
        nvml.failing = error(pynvml.NVML_ERROR_UNKNOWN)
        gpu_pool(A).report()
    assert [(one["event"], one.get("reason", one.get("gpus"))) for one in events] == [
        ("gpus_given", A),
        ("gpus_missing", "the NVIDIA driver shows none of the GPUs that pool.gpus names"),
        ("gpus_missing", "the engine has no GPU to give to containers"),
        ("gpus_missing", "the NVIDIA driver doesn't work: Unknown Error"),
    ]


def test_a_documents_gpus_are_asked_for() -> None:
    limits = Limits(gpus=2, gpu_memory=8 * GIB)
    image = Image(source=f"{'5' * 48}/{'a' * 64}")
    demand = demand_of(TrainingDocument(name="a", algo=image, limits=limits))
    assert (demand.gpus, demand.gpu_memory) == (2, 8 * GIB)
    policy = Policy(algos=AllowList(entries=("any",)))
    refusal = refuse_document(policy, TrainingDocument(name="a", algo=image, limits=limits), SPEC, None)
    assert refusal is not None
    assert (refusal.reason, refusal.lasting) == (Reason.NO_GPU, True)
    assert refusal.message == "it asks for 2 GPUs with 8 GiB each, pool.gpus is none"
    assert not OPEN.gives_gpus


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("none", ()),
        ("all", ("all",)),
        ("GPU-5a1b", ("GPU-5a1b",)),
        ("[GPU-5a1b, MIG-0c, GPU-5a1b]", ("GPU-5a1b", "MIG-0c")),
    ],
)
def test_the_operator_gives_none_all_or_some(tmp_path: Path, written: str, read: tuple[str, ...]) -> None:
    assert load_config(configured(tmp_path, written), {}).pool.gpus == read


@pytest.mark.parametrize("written", ["[0]", "['0']", "[all, 1]", "yes"])
def test_a_gpu_that_is_no_uuid_is_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match=r"node.yaml:.*pool.gpus"):
        load_config(configured(tmp_path, written), {})


def configured(folder: Path, gpus: str) -> Path:
    file = folder / "node.yaml"
    lines = ("node: n", "chain: ws://127.0.0.1:1", "key: //A", "storage: s", "work: w", f"pool: {{gpus: {gpus}}}", "")
    file.write_text("\n".join(lines))
    return file
