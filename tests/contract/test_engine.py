"""The Docker engine runs a container and reports its exit status, output and memory."""

import threading
from dataclasses import replace
from functools import partial

import pytest

from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.engines.docker.settings import EngineSettings
from node_runtime.engines.docker.usage import MemoryGauge
from node_runtime.errors import FailureCategory, HostError
from node_runtime.ports.engine import Mount
from tests.background import LIMIT, in_background
from tests.contract.engine_world import MIB, EngineWorld

pytestmark = pytest.mark.docker


def test_a_program_that_exits_0_has_no_failure(engine_world: EngineWorld) -> None:
    spec = engine_world.spec("echo out; echo err >&2")
    run = engine_world.run(spec)
    assert (run.exit_code, run.failure, run.message, run.adopted) == (0, None, "", False)
    assert run.image == engine_world.image
    assert sorted(spec.log.read_text().splitlines()) == ["err", "out"]


def test_a_program_that_is_not_there_is_a_task_error(engine_world: EngineWorld) -> None:
    run = engine_world.run(engine_world.spec("exec /no/such/program"))
    assert (run.exit_code, run.failure) == (127, FailureCategory.TASK_ERROR)


def test_a_program_learns_who_it_is_without_an_entry_for_its_user(engine_world: EngineWorld) -> None:
    assert engine_world.says("python3 -c 'import getpass; print(getpass.getuser())'") == "task\n"


def test_an_image_whose_program_is_only_a_cmd_is_told_so(engine_world: EngineWorld) -> None:
    run = engine_world.run(replace(engine_world.spec(""), entrypoint=None, arguments=("train", "--rank", "1")))
    assert run.failure is FailureCategory.TASK_ERROR
    assert "ENTRYPOINT" in run.message


def test_a_program_that_looks_for_a_network_is_told_that_there_is_none(engine_world: EngineWorld) -> None:
    script = "import urllib.request; urllib.request.urlopen('http://nowhere.example', timeout=200)"
    run = engine_world.run(engine_world.spec(f'python3 -c "{script}"'))
    assert (run.failure, run.exit_code) == (FailureCategory.TASK_ERROR, 1)
    assert "no network here" in run.message


def test_arguments_are_appended_to_the_entrypoint(engine_world: EngineWorld) -> None:
    assert engine_world.says('echo "$0" "$HOME"') == "sh /tmp\n"


def test_a_lost_child_is_no_failure_of_a_program_that_copes(engine_world: EngineWorld) -> None:
    run = engine_world.run(engine_world.spec("python3 -c 'bytearray(1 << 30)' || echo coped"))
    assert run.failure is None


def test_peak_memory_is_what_the_program_held(engine_world: EngineWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program holds its memory until a sample is taken, so the test is independent of speed."""
    out, sample = engine_world.writable("out", MIB), MemoryGauge.sample

    def sampled(gauge: MemoryGauge) -> None:
        sample(gauge)
        if (gauge.peak or 0) > 30 * MIB:
            (out / "go").touch()

    monkeypatch.setattr(MemoryGauge, "sample", sampled)
    program = 'import os, time\nheld = b"x" * (30 << 20)\nwhile not os.path.exists("/out/go"): time.sleep(0.1)'
    mount = Mount(source=out, target="/out", quota=MIB)
    run = engine_world.run(engine_world.spec(f"exec python3 -c '{program}'", mounts=(mount,)))
    assert run.failure is None
    assert run.peak_memory is not None
    assert 30 * MIB < run.peak_memory <= 64 * MIB


def test_four_runs_at_once_each_have_their_own_ending(engine_world: EngineWorld) -> None:
    specs = [engine_world.spec(f"sleep 0.3; exit {n}", name=f"run-{n}", slot=n) for n in range(4)]
    running = [in_background(partial(engine_world.run, spec)) for spec in specs]
    assert [run.result(LIMIT).exit_code for run in running] == [0, 1, 2, 3]


@pytest.mark.parametrize("remove", [False, True], ids=["died", "was removed"])
def test_a_slot_whose_namespace_holder_is_lost_gets_a_new_one(engine_world: EngineWorld, *, remove: bool) -> None:
    assert engine_world.run(engine_world.spec("true", name="before")).failure is None
    engine_world.kill_pause_container(remove=remove)
    assert engine_world.run(engine_world.spec("true", name="after")).failure is None


def test_closing_leaves_no_holder(engine_world: EngineWorld) -> None:
    engine = engine_world.restarted()
    engine.run(engine_world.spec("true"), stop=threading.Event())
    engine.close()
    assert engine_world.pause_containers() == []


def test_no_engine_is_said_with_a_remedy(engine_world: EngineWorld) -> None:
    nowhere = f"unix://{engine_world.folder}/no.sock"
    with pytest.raises(HostError, match="no container engine answers") as caught:
        DockerEngine(EngineSettings(node="nobody", work=engine_world.folder, docker_host=nowhere))
    assert caught.value.remedy
