"""Federated averaging on a node and on the creator's machine, and the refusal of models that don't match."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from node_runtime.cli import app
from node_runtime.creator.federation import Chosen, federate
from node_runtime.creator.review import accept, reject
from node_runtime.creator.submit import submit
from node_runtime.domain.task import TaskId
from node_runtime.errors import FailureCategory, InputError
from node_runtime.federation.model_folder import read_info, read_weights
from node_runtime.spec.read import read_specs
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World
from tests.unit.federation.model_folders import arrays, model_folder, structure

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]

COMMON = "reward: 3\nlimits: {cpus: 0.5, memory: 128MiB, timeout: 10m, outputs: 8MiB}\n"
DELIVER = 'mkdir -p outputs && cp -r made "outputs/${TASK_NAME}_${CONTRIBUTOR_ID}"\n'


def contributor(world: World, name: str, value: float, *, samples: int = 10, units: int = 2) -> str:
    """Return the YAML of a contributor's task whose bundle outputs a prepared model."""
    bundle = world.folder / name
    bundle.mkdir()
    model_folder(bundle / "made", arrays(value, units=units), samples=samples, shape=structure(units=units))
    (bundle / "start_task.sh").write_text(DELIVER)
    shard = world.folder / f"shard-{name}"
    shard.mkdir()
    (shard / "part").write_text(name)
    return (
        f"kind: training\nname: {name}\nbundle: {name}/\ndata: [shard-{name}]\n"
        f"validation: {{manual: {{window: 24h}}}}\n{COMMON}"
    )


def sent(world: World, *documents: str) -> list[TaskId]:
    file = world.folder / "task.yaml"
    file.write_text("---\n".join(documents))
    return [task.id for task in submit(read_specs(file), world.chain, world.store, say=print).tasks]


def test_a_node_and_the_creator_average_accepted_models_to_the_same_bytes(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    start_daemon()
    first, second = sent(
        world, contributor(world, "first", 1.0, samples=30), contributor(world, "second", 5.0, samples=10)
    )
    trial = Chosen(task=first, submission=world.submission(first).id)
    with pytest.raises(InputError, match=f"task {second} has no accepted result"):
        federate([trial, Chosen(task=second)], world.chain, world.store, tmp_path / "too-early")
    world.submission(second)
    for task in (first, second):
        accept(world.chain, task)
    (both,) = sent(world, f"kind: aggregation\nname: both\nmodels: [{{task: {first}}}, {{task: {second}}}]\n{COMMON}")
    digest = world.submission(both).result.output("model")
    assert digest is not None
    world.store.fetch(digest, tmp_path / "by-node")

    chosen = [Chosen(task=first), Chosen(task=second)]
    made = federate(chosen, world.chain, world.store, tmp_path / "here")
    assert made.samples == 40
    assert read_info(made.folder).contributor == "federated"
    assert read_weights(made.folder)["hidden/0_kernel"].tolist() == [[2.0, 2.0]] * 3
    for name in ("structure.json", "weights.npz", "info.json"):
        assert (made.folder / name).read_bytes() == (tmp_path / "by-node/model" / name).read_bytes()


def test_models_of_two_structures_are_refused_naming_the_layer(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    daemon = start_daemon()
    narrow, wide = sent(world, contributor(world, "narrow", 1.0), contributor(world, "wide", 1.0, units=4))
    for task in (narrow, wide):
        world.submission(task)
        accept(world.chain, task)
    with pytest.raises(InputError) as refused:
        federate([Chosen(task=narrow), Chosen(task=wide)], world.chain, world.store, tmp_path / "out")
    assert f"result {wide}/" in refused.value.message
    assert "structure.json: layer input: units is 4, but 2 in result" in refused.value.message
    assert not (tmp_path / "out").exists()
    (both,) = sent(world, f"kind: aggregation\nname: both\nmodels: [{{task: {narrow}}}, {{task: {wide}}}]\n{COMMON}")
    attempt = world.failure(daemon.account, both)
    assert attempt.category is FailureCategory.TASK_ERROR
    assert attempt.log is not None
    world.store.fetch(attempt.log, tmp_path / "logs")
    messages = "".join(path.read_text() for path in (tmp_path / "logs").glob("*.log"))
    assert "layer input: units is 4, but 2 in" in messages


def test_rejected_results_are_left_out_and_a_folder_with_something_in_it_is_left_alone(
    world: World, start_daemon: StartDaemon, tmp_path: Path
) -> None:
    start_daemon()
    (task,) = sent(world, contributor(world, "poor", 1.0))
    submission = world.submission(task)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "note").write_text("keep me")
    named = Chosen(task=task, submission=submission.id)
    with pytest.raises(InputError, match="is there and not empty"):
        federate([named], world.chain, world.store, tmp_path / "mine")
    reject(world.chain, task, "too poor", submission.id)
    with pytest.raises(InputError, match=f"result {task}/{submission.id} was rejected"):
        federate([named], world.chain, world.store, tmp_path / "out")
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["note"]


def test_the_command_says_whose_models_it_averaged(world: World, start_daemon: StartDaemon, tmp_path: Path) -> None:
    daemon = start_daemon()
    (task,) = sent(world, contributor(world, "alone", 2.0))
    submission = world.submission(task)
    access = ["--chain", world.devnet.url, "--key", "//Alice", "--storage", str(world.storage)]
    out = tmp_path / "out"
    done = CliRunner().invoke(app, ["federate", f"{task}/{submission.id}", "--out", str(out), *access])
    assert done.exit_code == 0, done.output
    assert f"result {task}/{submission.id} of {daemon.account}: under review" in done.output
    assert "trained on 10 examples" in done.output
    assert sorted(path.name for path in out.iterdir()) == ["info.json", "structure.json", "weights.npz"]
