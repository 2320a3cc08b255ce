"""The main job on this user's local network: digits are trained on and scored, by the engine of the session."""

from pathlib import Path

import pytest

from node_runtime import client
from node_runtime.creator.submit import submit
from node_runtime.domain.task import TaskState
from node_runtime.spec.read import read_specs
from tests.examples import copy_examples

LIMIT_S = 600  # the build of the image included

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.usefixtures("local_network")]


def test_digits_are_trained_on_scored_and_paid(tmp_path: Path) -> None:
    file = copy_examples(tmp_path) / "digits/train-and-score.yaml"
    with client.connect(say=print) as network:
        made = submit(read_specs(file), network.chain, network.store, say=print)
        trained, scored = (network.task(task.id) for task in made.tasks)
        assert [task.wait(timeout=LIMIT_S) for task in (trained, scored)] == [TaskState.DONE, TaskState.DONE]
        assert scored.score is not None
        assert scored.score > 0.8
