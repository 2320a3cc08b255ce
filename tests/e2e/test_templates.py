"""Each template of `node-runtime new` runs as it is: here, and on a node."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from node_runtime.creator.local_run import run_locally
from node_runtime.creator.results import read_document
from node_runtime.creator.submit import submit
from node_runtime.creator.task_creation import SubmittedTask
from node_runtime.creator.templates import TASK, TemplateName, write_template
from node_runtime.domain.task import SubmissionState
from node_runtime.spec.read import read_specs
from tests.docker_engine import DockerHost
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World
from tests.local_bench import open_local_bench

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.mark.parametrize("name", TemplateName)
def test_it_runs_here(name: TemplateName, docker_engine: DockerHost, tmp_path: Path) -> None:
    write_template(name, tmp_path / "task")
    with open_local_bench(docker_engine, tmp_path) as bench:
        results = {one.name: one for one in run_locally(read_specs(tmp_path / "task" / TASK), bench)}
    match name:
        case TemplateName.TRAINING:
            assert (results["iris-train"].folder / "model").exists()
        case TemplateName.SCORING:
            perf = results["iris-score"].perf
            assert perf is not None
            assert perf.score >= 0.8
        case TemplateName.ANNOTATION:
            written = (results["years"].folder / "outputs" / "fisher_annotations.json").read_text()
            assert '"start": 3, "end": 7' in written
        case TemplateName.FUNCTION:
            perf = results["iris-second"].perf
            assert perf is not None
            assert [one.name for one in perf.numbers] == ["accuracy"]
            assert perf.numbers[0].value >= Decimal("0.8")
        case TemplateName.PLAN:
            worst, better, best = (results[f"iris-score-rate-{rate}"].perf for rate in ("0.001", "0.03", "1"))
            assert worst is not None
            assert better is not None
            assert best is not None
            assert worst.score < better.score < best.score


def test_all_of_them_run_on_a_node_for_one_account(world: World, start_daemon: Callable[..., DaemonProcess]) -> None:
    start_daemon()
    tasks: dict[str, SubmittedTask] = {}
    for name in TemplateName:
        write_template(name, world.folder / name)
        submitted = submit(read_specs(world.folder / name / TASK), world.chain, world.store, say=print)
        tasks |= {f"{name} {task.name}": task for task in submitted.tasks}
    assert len(tasks) == 11
    for called, task in tasks.items():
        submission = world.submission(task.id)
        judged = SubmissionState.UNDER_REVIEW if called == "annotation years" else SubmissionState.ACCEPTED
        assert submission.state is judged
        assert all(run.exit_code == 0 for run in read_document(submission, world.store).stages)
