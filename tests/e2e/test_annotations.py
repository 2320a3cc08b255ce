"""A node submits valid annotations and refuses invalid ones."""

from collections.abc import Callable

import numpy as np
import pytest
from skimage import io

from node_runtime.creator.results import Log, logs_of
from node_runtime.creator.submit import submit
from node_runtime.domain.task import SubmissionState, TaskId
from node_runtime.errors import FailureCategory
from node_runtime.spec.read import read_specs
from tests.e2e.daemon_process import DaemonProcess
from tests.e2e.daemon_world import World

StartDaemon = Callable[..., DaemonProcess]

pytestmark = [pytest.mark.docker, pytest.mark.slow]

TASK = """\
kind: annotation
name: coins
bundle: bundle/
annotation_type: object_detection
question: Where are the coins?
class_labels: [coin, bolt]
reward: 3
max_failures: 3
limits: {cpus: 0.5, memory: 64MiB, timeout: 10m, outputs: 8MiB}
"""
FOUND = '{"file": "a.png", "annotations": [{"label": "coin", "box": [1, 2, 3, 4]}]}'


def asked(world: World, outputs: dict[str, str]) -> TaskId:
    """Submit a task whose script writes these outputs for a picture of 64 × 48 pixels."""
    bundle = world.folder / "bundle"
    (bundle / "annotation_files").mkdir(parents=True, exist_ok=True)
    io.imsave(bundle / "annotation_files" / "a.png", np.zeros((48, 64), np.uint8), check_contrast=False)
    lines = [f"cat > 'outputs/{name}' <<'END'\n{text}\nEND\n" for name, text in outputs.items()]
    (bundle / "start_task.sh").write_text("".join(lines))
    (world.folder / "task.yaml").write_text(TASK)
    (task,) = submit(read_specs(world.folder / "task.yaml"), world.chain, world.store, say=print).tasks
    return task.id


def test_what_is_right_is_sent_and_what_is_not_is_told_with_its_place(world: World, start_daemon: StartDaemon) -> None:
    daemon = start_daemon()
    right = asked(world, {"a_annotations.json": FOUND})
    assert world.submission(right).state is SubmissionState.ACCEPTED
    for outputs, place in (
        ({"a_annotations.json": FOUND.replace("3, 4", "3, 47")}, "annotations[0].box: it is 3 × 47 pixels"),
        ({"a_annotations.json": FOUND.replace("coin", "coim")}, "did you mean 'coin'?"),
        (
            {"a.json": FOUND},
            "outputs/a.json belongs to no file of annotation_files/; did you mean",
        ),
    ):
        task = asked(world, outputs)
        assert world.failure(daemon.account, task).category is FailureCategory.OUTPUT_INVALID
        assert not world.chain.submissions(task)
        output = [log.text for log in logs_of(world.chain, world.store, task) if isinstance(log, Log)]
        assert any(place in text for text in output)
