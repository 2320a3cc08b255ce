"""A bundle and its processes can neither leave its folder nor block the node. With real containers."""

from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.domain.assets import Account, Digest
from node_runtime.domain.document import MOST_IN_BUNDLE, Image, Limits
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.engines.docker.quota import QuotaMode
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import Inputs, Stage, inputs_of, stages_of
from node_runtime.kinds.training import TrainingDocument
from node_runtime.runner.result_document import collect
from node_runtime.runner.workspace import Workspaces
from tests.background import LIMIT
from tests.integration.workspace_room import ALGO, ATTEMPT, OWNER, QUOTA, SAMPLE, run_python
from tests.integration.workspace_room import docker_engine as docker_engine
from tests.integration.workspace_room import engine as engine
from tests.integration.workspace_room import image as image
from tests.integration.workspace_room import inputs as inputs
from tests.integration.workspace_room import node as node
from tests.integration.workspace_room import workspaces as workspaces

BUNDLE = Digest("b" * 64)

pytestmark = pytest.mark.docker


@pytest.fixture
def bundle(inputs: Inputs) -> Path:
    """A stored bundle that does nothing, and the other inputs."""
    folder = inputs.data[0].folder.parent / BUNDLE
    folder.mkdir()
    (folder / "start_task.sh").write_text("exit 0\n")
    return folder


def work_stage(bundle: Path) -> Stage:
    document = TrainingDocument(
        name="digits",
        layout="bundle",
        algo=Image(source=f"{OWNER}/{ALGO}"),
        bundle=f"{OWNER}/{BUNDLE}",
        data=(f"{OWNER}/{SAMPLE}",),
        limits=Limits(outputs=QUOTA, timeout=LIMIT, memory=128 << 20),
    )
    found = inputs_of(document, models=[], folder_of=lambda digest: bundle.parent / digest, worker=Account(OWNER))
    (stage,) = stages_of(document, found)
    return stage


def test_links_that_a_running_bundle_makes_of_its_folders_are_not_followed_when_it_is_taken_up_again(
    workspaces: Workspaces, bundle: Path, engine: DockerEngine, image: str, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    work = work_stage(bundle)
    program = f"import os; os.rename('data', 'other'); os.symlink('{outside}', 'data')"
    run_python(f"import os; os.chdir('/task'); {program}", work, workspaces.open(ATTEMPT), engine, image)
    assert run_python("", work, workspaces.open(ATTEMPT), engine, image).adopted
    assert list(outside.iterdir()) == []


def test_a_bundle_of_many_tiny_files_has_room_beside_the_outputs(
    workspaces: Workspaces, bundle: Path, engine: DockerEngine, image: str
) -> None:
    for number in range(3000):  # 12 MiB of blocks, for an output limit of one
        (bundle / f"{number}{'x' * 200}").write_text("1")
    program = f"open('/task/outputs/model', 'wb').write(bytes({QUOTA - 4096}))"
    run = run_python(program, work_stage(bundle), workspaces.open(ATTEMPT), engine, image)
    assert run.failure is None


def test_a_bundle_that_fills_its_own_folder_ends_by_itself_with_its_own_exit_code(
    workspaces: Workspaces, bundle: Path, engine: DockerEngine, image: str
) -> None:
    program = "import sys\ntry: open('/task/junk', 'wb').write(bytes(64 << 20))\nexcept OSError: sys.exit(7)"
    stage = replace(work_stage(bundle), limits=Limits(outputs=QUOTA, scratch=QUOTA, timeout=LIMIT, memory=128 << 20))
    run = run_python(program, stage, workspaces.open(ATTEMPT), engine, image)
    if engine.confinement().quotas == QuotaMode.MOUNTED:
        assert (run.failure, run.exit_code) == (FailureCategory.TASK_ERROR, 7)
    assert "/task" in run.message


def test_scratch_beside_the_outputs_of_a_bundle_is_its_own(
    workspaces: Workspaces, bundle: Path, engine: DockerEngine, image: str
) -> None:
    writes = "open('/task/{}', 'wb').write(bytes({}))"
    program = "\n".join((writes.format("junk", 64 << 20), writes.format("outputs/model", QUOTA - 4096)))
    stage, workspace = work_stage(bundle), workspaces.open(ATTEMPT)
    assert run_python(program, stage, workspace, engine, image).failure is None
    (output,) = collect([stage], workspace)
    assert [path.name for path in output.source.iterdir()] == ["model"]


def test_outputs_of_a_bundle_are_no_larger_than_it_may_send_whatever_room_it_has(
    workspaces: Workspaces, bundle: Path, engine: DockerEngine, image: str
) -> None:
    stage, workspace = work_stage(bundle), workspaces.open(ATTEMPT)
    program = f"import os; os.truncate(os.open('/task/outputs/model', os.O_CREAT | os.O_WRONLY), {2 * QUOTA})"
    assert run_python(program, stage, workspace, engine, image).failure is None
    with pytest.raises(TaskFailed) as failed:
        collect([stage], workspace)
    assert failed.value.category is FailureCategory.OUTPUT_TOO_LARGE


def test_a_bundle_file_at_a_mount_point_is_the_tasks_fault(workspaces: Workspaces, bundle: Path) -> None:
    (bundle / "data").mkdir()
    (bundle / "data" / SAMPLE).write_text("in the way")
    with pytest.raises(TaskFailed, match=rf"own data/{SAMPLE} is in the way") as failed:
        workspaces.open(ATTEMPT).prepare(work_stage(bundle), image="sha256:0")
    assert failed.value.category is FailureCategory.INPUT_MISMATCH


def test_a_bundle_of_more_files_than_anybody_has_room_for_is_the_tasks_fault(
    workspaces: Workspaces, bundle: Path
) -> None:
    (bundle / "many").mkdir()
    for number in range(MOST_IN_BUNDLE):
        (bundle / "many" / str(number)).touch()
    with pytest.raises(TaskFailed, match="more than 10,000 files") as failed:
        workspaces.open(ATTEMPT).prepare(work_stage(bundle), image="sha256:0")
    assert failed.value.category is FailureCategory.INPUT_MISMATCH
