"""A workspace survives restarts, passes on only declared outputs, and is removed completely. With real containers."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from node_runtime.domain.assets import Digest
from node_runtime.domain.task import TaskId
from node_runtime.engines.docker.engine import DockerEngine
from node_runtime.errors import FailureCategory, TaskFailed
from node_runtime.kinds import Inputs
from node_runtime.runner.workspace import AttemptId, Workspaces
from tests.background import LIMIT
from tests.integration.workspace_room import ATTEMPT, MODEL, QUOTA, SAMPLE, run_python, scoring_stages, train_stage
from tests.integration.workspace_room import docker_engine as docker_engine
from tests.integration.workspace_room import engine as engine
from tests.integration.workspace_room import image as image
from tests.integration.workspace_room import inputs as inputs
from tests.integration.workspace_room import node as node
from tests.integration.workspace_room import workspaces as workspaces

pytestmark = pytest.mark.docker


def test_a_workspace_is_private_and_named_after_the_attempt(workspaces: Workspaces, tmp_path: Path) -> None:
    workspace = workspaces.open(ATTEMPT)
    assert workspace.folder == tmp_path / "work" / "task-12-epoch-3"
    assert [folder.stat().st_mode & 0o777 for folder in (tmp_path / "work", workspace.folder)] == [0o700, 0o700]


def test_opening_again_keeps_the_content(workspaces: Workspaces) -> None:
    first = workspaces.open(ATTEMPT)
    (first.logs / "train.log").write_text("so far")
    assert (workspaces.open(ATTEMPT).logs / "train.log").read_text() == "so far"


def test_opening_removes_older_epochs_of_the_task_and_nothing_else(workspaces: Workspaces, inputs: Inputs) -> None:
    older, other = AttemptId(task=TaskId(12), epoch=2), AttemptId(task=TaskId(13), epoch=1)
    workspaces.open(older).prepare(train_stage(inputs), image="sha256:0")
    workspaces.open(other)
    workspaces.open(ATTEMPT)
    assert workspaces.attempts() == (ATTEMPT, other)


def test_the_container_is_named_and_labelled_after_the_attempt_and_bound_by_the_limits(
    workspaces: Workspaces, inputs: Inputs
) -> None:
    workspace = workspaces.open(ATTEMPT)
    train = train_stage(inputs)
    spec = workspace.prepare(train, image="sha256:0", slot=2)
    assert spec.name.endswith("task-12-epoch-3-train")
    assert dict(spec.labels) == {"task": "12", "epoch": "3", "stage": "train", "slot": "2"}
    assert (spec.memory, spec.cpus, spec.timeout, spec.slot) == (128 << 20, 1.0, LIMIT, 2)
    assert spec.log == workspace.folder / "logs" / "train.log"
    assert [(mount.target, mount.quota) for mount in spec.mounts] == [
        ("/sandbox/model", QUOTA),
        (f"/sandbox/data/{SAMPLE}", None),
        ("/sandbox/opener/__init__.py", None),
        (f"/sandbox/model/{MODEL}", None),
        *((target, None) for target in train.empty),
    ]


def test_the_model_stands_beside_the_in_models(
    workspaces: Workspaces, inputs: Inputs, engine: DockerEngine, image: str
) -> None:
    workspace, train = workspaces.open(ATTEMPT), train_stage(inputs)
    program = f"""
from pathlib import Path
import opener, os
seen = Path('/sandbox/model/{MODEL}').read_text() + Path('/sandbox/data/{SAMPLE}/data.csv').read_text()
Path('/sandbox/model/model').write_text(seen + os.environ['HOME'])
"""
    (inputs.opener.folder / "opener.py").write_text("")  # type: ignore[union-attr]
    run = run_python(program, train, workspace, engine, image)
    assert run.failure is None, workspace.log(train).read_text()
    assert (workspace.output_folder("train", "model") / "model").read_text() == "model\ndata.csv\n/tmp"


def test_only_the_predictions_reach_the_metrics_and_cannot_be_changed_there(
    workspaces: Workspaces, inputs: Inputs, engine: DockerEngine, image: str
) -> None:
    workspace, (predict, metrics) = workspaces.open(ATTEMPT), scoring_stages(inputs)
    forge = "for name in ('pred', 'perf.json', 'more'): open(f'/sandbox/pred/{name}', 'w').write('1')"
    assert run_python(forge, predict, workspace, engine, image).failure is None
    look = """
import os
try:
    open('/sandbox/pred/pred', 'w')
except OSError as error:
    open('/sandbox/pred/seen', 'w').write(' '.join(sorted(os.listdir('/sandbox/pred'))) + ' ' + error.strerror)
"""
    run = run_python(look, metrics, workspace, engine, image)
    assert run.failure is None, workspace.log(metrics).read_text()
    seen = (workspace.output_folder("metrics", "pred") / "seen").read_text()
    assert seen == "pred seen Read-only file system"


def test_both_stages_list_the_samples_alike(
    workspaces: Workspaces, inputs: Inputs, engine: DockerEngine, image: str
) -> None:
    one = inputs.data[0]
    many = tuple(replace(one, digest=Digest(f"{number:064x}")) for number in range(40, 0, -1))
    workspace, (predict, metrics) = workspaces.open(ATTEMPT), scoring_stages(replace(inputs, data=many))
    program = "import os; open('/sandbox/pred/{}', 'w').write(' '.join(os.listdir('/sandbox/data')))"
    run_python(program.format("pred"), predict, workspace, engine, image)
    run_python(program.format("listed"), metrics, workspace, engine, image)
    listed = [
        (workspace.output_folder("predict", "pred") / "pred").read_text(),
        (workspace.output_folder("metrics", "pred") / "listed").read_text(),
    ]
    assert len(listed[0].split()) == 40
    assert listed[0] == listed[1]


def another_name(pred: Path) -> None:
    pred.with_name("predictions").write_text("1")


def an_empty_folder(pred: Path) -> None:
    pred.mkdir()


def a_link(pred: Path) -> None:
    pred.symlink_to("/etc/passwd")


def a_folder_with_a_link(pred: Path) -> None:
    pred.mkdir()
    (pred / "a").symlink_to("/etc")


@pytest.mark.parametrize(
    ("leave", "says"),
    [
        (another_name, "left no pred/pred"),
        (an_empty_folder, "left no pred/pred"),
        (a_link, "pred is a symbolic link"),
        (a_folder_with_a_link, "pred/a is a symbolic link"),
        (os.mkfifo, "pred is a pipe"),
    ],
)
def test_an_invalid_prediction_is_not_passed_on(
    workspaces: Workspaces, inputs: Inputs, leave: Callable[[Path], None], says: str
) -> None:
    workspace, (predict, metrics) = workspaces.open(ATTEMPT), scoring_stages(inputs)
    workspace.prepare(predict, image="sha256:0")
    leave(workspace.output_folder("predict", "pred") / "pred")
    with pytest.raises(TaskFailed, match=says) as failed:
        workspace.prepare(metrics, image="sha256:0")
    assert failed.value.category is FailureCategory.OUTPUT_INVALID
    assert "stage predict" in failed.value.message


def test_a_prediction_that_claims_more_than_the_limit_is_too_large(workspaces: Workspaces, inputs: Inputs) -> None:
    workspace, (predict, metrics) = workspaces.open(ATTEMPT), scoring_stages(inputs)
    workspace.prepare(predict, image="sha256:0")
    with (workspace.output_folder("predict", "pred") / "pred").open("wb") as file:
        file.truncate(QUOTA + 1)
    with pytest.raises(TaskFailed) as failed:
        workspace.prepare(metrics, image="sha256:0")
    assert failed.value.category is FailureCategory.OUTPUT_TOO_LARGE


def test_after_a_restart_the_outputs_of_a_container_that_is_still_known_are_kept(
    workspaces: Workspaces, inputs: Inputs, engine: DockerEngine, image: str
) -> None:
    workspace, train = workspaces.open(ATTEMPT), train_stage(inputs)
    program = "open('/sandbox/model/model', 'a').write('once')"
    run_python(program, train, workspace, engine, image)
    again = run_python(program, train, workspaces.open(ATTEMPT), engine, image)
    assert again.adopted
    assert (workspace.output_folder("train", "model") / "model").read_text() == "once"


def test_after_a_restart_without_its_container_a_stage_starts_from_empty_folders(
    workspaces: Workspaces, inputs: Inputs, engine: DockerEngine, image: str
) -> None:
    workspace, train = workspaces.open(ATTEMPT), train_stage(inputs)
    run_python("open('/sandbox/model/half', 'w')", train, workspace, engine, image)
    engine.remove(workspace.container_name("train"))
    run_python("open('/sandbox/model/model', 'w')", train, workspaces.open(ATTEMPT), engine, image)
    left = {path.name for path in workspace.output_folder("train", "model").iterdir()}
    assert left == {"model", MODEL}


def test_closing_leaves_neither_folder_nor_container_and_may_be_repeated(
    workspaces: Workspaces, inputs: Inputs, engine: DockerEngine, image: str, tmp_path: Path
) -> None:
    with workspaces.open(ATTEMPT) as workspace:
        run_python("import os; os.makedirs('/sandbox/model/a/b')", train_stage(inputs), workspace, engine, image)
        assert len(engine.list()) == 1
    assert engine.list() == ()
    assert list((tmp_path / "work").iterdir()) == []
    workspace.close()
    workspaces.remove(ATTEMPT)


def test_a_later_process_removes_workspaces_of_an_earlier_one(
    workspaces: Workspaces, inputs: Inputs, engine: DockerEngine, image: str, tmp_path: Path, node: str
) -> None:
    run_python("open('/sandbox/model/model', 'w')", train_stage(inputs), workspaces.open(ATTEMPT), engine, image)
    later = Workspaces(tmp_path / "work", engine=engine, node=node)
    assert later.attempts() == (ATTEMPT,)
    later.remove(ATTEMPT)
    assert later.attempts() == ()
    assert engine.list() == ()
