"""The example's data annotator finds the objects in its pictures, by hand and in the container."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from node_runtime.kinds.annotation import AnnotationSpec
from node_runtime.kinds.annotation.agreement import agreement
from node_runtime.kinds.annotation.definition import Annotation
from node_runtime.kinds.annotation.outputs import check_annotations
from node_runtime.spec.read import read_specs

pytestmark = pytest.mark.slow

ASSETS = Path(__file__).parents[2] / "assets"
MADE = ("annotation_files", "annotation_samples", "outputs", "results", "truth", "__pycache__")


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """Copy the story's and the bundle's folders with pictures."""
    for folder in ("data_annotator", "stories/annotation"):
        shutil.copytree(ASSETS / folder, tmp_path / folder, ignore=shutil.ignore_patterns(*MADE))
    story = tmp_path / "stories" / "annotation"
    subprocess.run([sys.executable, "-B", str(story / "make_pictures.py")], check=True)
    return story


def annotate(bundle: Path, **environment: str) -> None:
    told = {**os.environ, "PYTHON": sys.executable, **environment}
    subprocess.run([str(bundle / "start_task.sh")], cwd="/", env=told, check=True)


def test_the_example_finds_every_sample_and_nothing_else(story: Path) -> None:
    ((_, spec),) = read_specs(story / "annotate.yaml").tasks
    assert isinstance(spec, AnnotationSpec)
    assert isinstance(spec.bundle, Path)
    before = {path for path in spec.bundle.rglob("*") if path.is_file()}
    annotate(spec.bundle)
    outputs = spec.bundle / "outputs"
    asked = Annotation(type=spec.annotation_type, question=spec.question, labels=spec.class_labels)
    check_annotations(outputs, spec.bundle, asked)
    found = agreement([outputs, story / "truth"], asked)
    assert found.score == 1.0
    assert found.overlap is not None
    assert found.overlap > 0.9
    assert {path.parent for path in spec.bundle.rglob("*") if path.is_file() and path not in before} == {outputs}


def test_the_example_looks_only_for_the_classes_that_are_asked_for(story: Path) -> None:
    bundle = story.parents[1] / "data_annotator"
    annotate(bundle, CLASS_LABELS='["cup"]')
    found = "".join(path.read_text() for path in (bundle / "outputs").iterdir())
    assert '"cup"' in found
    assert '"coin"' not in found


def test_the_example_draws_the_same_pictures_each_time(story: Path) -> None:
    files = sorted((story.parents[1] / "data_annotator" / "annotation_files").iterdir())
    before = [path.read_bytes() for path in files]
    subprocess.run([sys.executable, "-B", str(story / "make_pictures.py")], check=True)
    assert [path.read_bytes() for path in files] == before
