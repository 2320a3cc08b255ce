"""Scratch space: /tmp, /dev/shm and a bundle's folder. A full one is reported and is the program's failure."""

from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.engines.docker.quota import QuotaMode
from node_runtime.errors import FailureCategory
from node_runtime.ports.engine import ContainerSpec, Mount, Outputs
from tests.contract.engine_world import MIB, EngineWorld
from tests.contract.test_engine_limits import quota_world

__all__ = ["quota_world"]

pytestmark = pytest.mark.docker

OUTPUTS = 2 * MIB


def test_files_in_scratch_may_be_larger_than_outputs(engine_world: EngineWorld) -> None:
    out = engine_world.writable("out", OUTPUTS)
    script = "head -c 40M /dev/zero > /tmp/x && head -c 40M /dev/zero > /dev/shm/x && echo a > /out/x"
    spec = engine_world.spec(script, mounts=(Mount(source=out, target="/out", quota=OUTPUTS),), memory=128 * MIB)
    run = engine_world.run(spec)
    assert run.failure is None, (run, spec.log.read_text())


def test_libraries_and_programs_can_be_loaded_from_scratch(engine_world: EngineWorld) -> None:
    assert engine_world.says("cp /bin/echo /tmp/echo && /tmp/echo loaded") == "loaded\n"


def test_scratch_is_as_large_as_the_task_says_and_its_being_full_is_hinted_at(engine_world: EngineWorld) -> None:
    script = "head -c 6M /dev/zero > /tmp/x && echo six; cat /dev/zero > /tmp/y 2> /dev/null || { sleep 1; exit 5; }"
    spec = replace(engine_world.spec(script), scratch=8 * MIB)
    run = engine_world.run(spec)
    assert (run.failure, run.exit_code) == (FailureCategory.TASK_ERROR, 5)
    assert spec.log.read_text() == "six\n"
    assert "/tmp was full" in run.message


def test_scratch_counts_as_memory(engine_world: EngineWorld) -> None:
    spec = replace(engine_world.spec("exec head -c 60M /dev/zero > /tmp/x", memory=32 * MIB), scratch=256 * MIB)
    run = engine_world.run(spec)
    assert run.failure in (FailureCategory.OUT_OF_MEMORY, FailureCategory.TASK_ERROR)
    assert run.failure is not None


def bundle(world: EngineWorld, script: str) -> tuple[ContainerSpec, Path]:
    task = world.writable("task", OUTPUTS + 4 * MIB)
    (task / "outputs").mkdir(exist_ok=True)
    mount = Mount(source=task, target="/task", quota=OUTPUTS + 4 * MIB, outputs=Outputs(entry="outputs", most=OUTPUTS))
    return world.spec(f"cd /task; {script}", mounts=(mount,)), task


def test_a_bundles_own_folder_that_is_full_does_not_hide_its_exit_code(engine_world: EngineWorld) -> None:
    if engine_world.engine.confinement().quotas != QuotaMode.MOUNTED:
        return  # filling it is fatal here: see below
    spec, _ = bundle(engine_world, "head -c 64M /dev/zero > junk; exit 7")
    run = engine_world.run(spec)
    assert (run.failure, run.exit_code) == (FailureCategory.TASK_ERROR, 7)
    assert "/task was full" in run.message
    spec, _ = bundle(engine_world, "head -c 64M /dev/zero > junk; exit 0")
    assert engine_world.run(replace(spec, name=f"{spec.name}-again")).failure is None


def test_a_bundle_that_fills_its_own_folder_is_told_so_and_not_that_its_outputs_are_large(
    quota_world: EngineWorld,
) -> None:
    spec, _ = bundle(quota_world, "head -c 640M /dev/zero > junk && sleep 60; exit 7")
    run = quota_world.run(spec)
    assert run.failure is FailureCategory.TASK_ERROR
    assert "/task" in run.message or "its folder" in run.message


def test_a_bundle_whose_outputs_fill_its_folder_wrote_too_much(quota_world: EngineWorld) -> None:
    spec, _ = bundle(quota_world, "head -c 640M /dev/zero > outputs/x && sleep 60; exit 7")
    assert quota_world.run(spec).failure is FailureCategory.OUTPUT_TOO_LARGE


def test_a_link_in_the_place_of_outputs_is_not_followed(quota_world: EngineWorld) -> None:
    spec, _ = bundle(quota_world, "rmdir outputs && ln -s / outputs; head -c 640M /dev/zero > junk && sleep 60; exit 7")
    assert quota_world.run(spec).failure is FailureCategory.TASK_ERROR
