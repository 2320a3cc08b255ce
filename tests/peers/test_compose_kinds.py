"""Four kinds of tasks on the network of compose.yaml, by the creator's commands: from YAML to payment, over S3."""

import json
import re
from pathlib import Path

import pytest

from tests.background import wait_until
from tests.peers.compose_room import Network, Paid, paid_once

pytestmark = [pytest.mark.peers, pytest.mark.docker]

RESTRUCTURING = """\
kind: restructuring
name: iris-flat
bundle: engineer/
models: [{{task: {model}}}]
data: [training/data/train-0]
reward: 5
bond: 1
validation: {{manual: {{window: 24h}}}}
deadline: 2h
limits: {{cpus: 1, memory: 256MiB, timeout: 5m, outputs: 16MiB, scratch: 64MiB}}
"""
ENGINEER = """\
#!/usr/bin/env python3
import json, os, pathlib
(given,) = pathlib.Path("models").iterdir()
model = json.loads(given.read_text())
folder = pathlib.Path("outputs", f"{os.environ['TASK_NAME']}_{os.environ['CONTRIBUTOR_ID']}")
folder.mkdir()
(folder / "structure.json").write_text(json.dumps([len(model), len(model[0])]))
(folder / "weights.json").write_text(json.dumps([weight for row in model for weight in row]))
"""


@pytest.fixture(scope="module")
def trained(network: Network) -> Paid:
    """A training that is paid."""
    network.node_runtime("new", "training", "training")
    with paid_once(network, network.folder / "training" / "task.yaml", reward=10, to=network.accounts()) as paid:
        pass
    return paid


@pytest.fixture(scope="module")
def model(network: Network, trained: Paid) -> list[list[float]]:
    """What the training made: weights."""
    made: list[list[float]] = json.loads((network.folder / f"fetched-{trained.task}" / "model").read_text())
    return made


def test_training(model: list[list[float]]) -> None:
    assert [len(row) for row in model] == [5, 5, 5]


def test_restructuring(network: Network, trained: Paid, model: list[list[float]]) -> None:
    (network.folder / "engineer").mkdir()
    (network.folder / "engineer" / "start_task.sh").write_text(ENGINEER)
    file = network.folder / "restructuring.yaml"
    file.write_text(RESTRUCTURING.format(model=trained.task))
    with paid_once(network, file, reward=5, to=[trained.worker]) as paid:
        accept(network, paid.task)
    made = network.folder / f"fetched-{paid.task}" / "model" / f"iris-flat_{paid.worker}"
    assert json.loads((made / "structure.json").read_text()) == [3, 5]
    assert json.loads((made / "weights.json").read_text()) == [weight for row in model for weight in row]


def test_scoring(network: Network, trained: Paid) -> None:
    network.node_runtime("new", "scoring", "scoring")
    file = network.folder / "scoring" / "task.yaml"
    file.write_text(re.sub("^model: model/", f"model: {{task: {trained.task}}}", file.read_text(), flags=re.MULTILINE))
    (scorer,) = (account for account in network.accounts() if account != trained.worker)
    with paid_once(network, file, reward=2, to=[scorer]) as paid:
        pass
    perf = json.loads((network.folder / f"fetched-{paid.task}" / "perf.json").read_text())
    (submission,) = paid.shown["task"]["submissions"]
    assert perf["all"] >= 0.8
    assert submission["score"]["value"] == perf["all"]


def test_annotation(network: Network, trained: Paid) -> None:
    network.node_runtime("new", "annotation", "annotation")
    with paid_once(network, network.folder / "annotation" / "task.yaml", reward=3, to=[trained.worker]) as paid:
        accept(network, paid.task)
    made = network.folder / f"fetched-{paid.task}" / "outputs"
    texts = network.folder / "annotation" / "bundle" / "annotation_files"
    assert marked_years(made, texts) == {
        "babbage": ["1791", "1822", "1837", "1871"],
        "fisher": ["1936"],
        "lovelace": ["1815", "1843", "1852"],
    }


def accept(network: Network, task: int) -> None:
    """Accept the task's result once it is there, as its creator."""
    wait_until(lambda: bool(network.events("attempt_ended", task)), f"the result of task {task}")
    network.node_runtime("accept", str(task))


def marked_years(made: Path, texts: Path) -> dict[str, list[str]]:
    """What the annotations mark, by the names of the texts."""
    marked = {}
    for file in made.iterdir():
        annotation = json.loads(file.read_text())
        text = (texts / annotation["file"]).read_text()
        marked[texts.joinpath(annotation["file"]).stem] = [
            text[one["start"] : one["end"]] for one in annotation["annotations"]
        ]
    return marked
