"""The stories' steps on a chain and a store without nodes: their API calls are valid."""

import importlib.util
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType

import pytest

from examples.steps import Steps
from examples.story import Stage, balances, stage_at
from node_runtime import creator
from node_runtime.creator.submit import submit
from node_runtime.domain.assets import Label
from node_runtime.domain.task import UNIT, SubmissionState
from node_runtime.errors import InputError
from node_runtime.spec.read import read_specs
from node_runtime.stores.tree.walk import manifest_of
from node_runtime.substrate.keys import load_key
from tests.scenarios.conftest import Desk

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "assets"
MADE = ("data", "annotation_files", "annotation_samples", "outputs", "results", "truth", "shards", "__pycache__")


def copied(target: Path, *folders: str) -> None:
    for folder in folders:
        shutil.copytree(ROOT / folder, target / folder, ignore=shutil.ignore_patterns(*MADE))


def story_of(folder: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"story_{folder.name.replace('-', '_')}", folder / "story.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def stage_of(story: ModuleType, desk: Desk, network: str) -> Stage:
    return stage_at(network, desk.chain, desk.store, story.ROLES, Steps(story.STEPS))


def test_the_annotation_storys_person_is_refused_sends_and_is_rejected(
    desk: Desk, network: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied(tmp_path, "assets/data_annotator", "assets/stories/annotation")
    folder = tmp_path / "assets/stories/annotation"
    subprocess.run([sys.executable, "-B", str(folder / "make_pictures.py")], check=True)
    story = story_of(folder)
    stage = stage_of(story, desk, network)
    task = submit(read_specs(folder / "annotate.yaml"), stage.chain, stage.store, say=stage.steps.say).tasks[0].id
    with creator.Substrate(stage.url, stage.store) as substrate:
        story._annotate_in_a_hurry(task, substrate, stage)
        found = story._compare(task, stage)
        story._judge(task, found, substrate, stage)
    (submission,) = desk.chain.submissions(task)
    assert submission.state is SubmissionState.REJECTED
    assert submission.worker == stage.accounts["person 1"]
    assert story._role(submission, stage) == "person 1"
    output = capsys.readouterr().out
    assert "refused before it is sent" in output
    assert f"submission {submission.id} of person 1 against the truth" in output
    with pytest.raises(InputError, match="not done"):
        story._check_done(task, stage)
    assert len(balances(stage).rows) == len(story.ROLES) + 2


def test_the_plans_of_the_substra_story_name_the_samples_that_are_made(tmp_path: Path) -> None:
    copied(tmp_path, "assets/substra", "assets/stories/substra")
    story = story_of(tmp_path / "assets/stories/substra")
    subprocess.run([sys.executable, "-B", str(tmp_path / "assets/substra/tabular/make_data.py")], check=True)
    for name, (node, label, _) in story.SAMPLES.items():
        account = load_key(f"//{node.capitalize()}", password_file=None, development=True).ss58_address
        key = f"{account}/{manifest_of(tmp_path / 'assets/substra/tabular/data' / name).digest}"
        named = "plan.yaml" if label is Label.TRAIN else "objective.yaml"
        files = [tmp_path / "assets/substra/tabular" / folder / named for folder in story.LAYOUTS.values()]
        assert all(key in file.read_text() for file in files), name


def test_the_model_storys_first_file_is_submitted_and_its_scores_are_compared(
    desk: Desk, network: str, tmp_path: Path
) -> None:
    bundles = [f"assets/model_{name}" for name in ("creator", "engineer", "contributor", "scoring")]
    copied(tmp_path, *bundles, "assets/digits", "assets/stories/model-update", "images/tensorflow")
    folder = tmp_path / "assets/stories/model-update"
    subprocess.run([sys.executable, "-B", str(folder / "make_shards.py")], check=True)
    story = story_of(folder)
    stage = stage_of(story, desk, network)
    tasks = story._submit("1-update.yaml", stage)
    assert {"first-model", "first-score", "engineer", *story.CONTRIBUTORS} == set(tasks)
    with creator.Substrate(stage.url, stage.store) as substrate, pytest.raises(InputError, match="names other tasks"):
        story._federated_by_a_node([max(tasks.values()) + 1], substrate, stage)
    scores = {name: Decimal("0.5") for name in ("first model", *story.CONTRIBUTORS)}
    better = story._check_better(scores | {"federated by a node": Decimal("0.75")})
    assert better == "the federated model tells 75.0% of the pictures right, the first one 50.0%"
    with pytest.raises(InputError, match="no better"):
        story._check_better(scores | {"federated by a node": Decimal("0.5")})
    assert len(story._scores_table(scores).rows) == len(scores)
    assert sum(stage.before.values()) > UNIT
