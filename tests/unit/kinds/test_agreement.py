"""Agreement of annotators follows its definition and withstands hostile outputs."""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node_runtime.errors import TaskFailed
from node_runtime.kinds.annotation.agreement import agreement, matched_overlaps
from node_runtime.kinds.annotation.definition import Annotation, AnnotationType
from node_runtime.kinds.annotation.outputs import Box

SIDES = st.floats(min_value=1, max_value=50)
BOXES = st.lists(
    st.builds(
        lambda label, x, y, width, height: Box(label=label, box=(x, y, width, height)),
        st.sampled_from(["coin", "bolt"]),
        st.floats(min_value=0, max_value=50),
        st.floats(min_value=0, max_value=50),
        SIDES,
        SIDES,
    ),
    max_size=12,
)


def asked(wanted: AnnotationType) -> Annotation:
    return Annotation(type=wanted, question="Which?", labels=("coin", "bolt"))


def results(folder: Path, *annotators: Mapping[str, object]) -> list[Path]:
    """Write a folder of outputs for each annotator, given as file name → annotations."""
    folders = []
    for number, files in enumerate(annotators):
        outputs = folder / str(number)
        outputs.mkdir()
        for name, found in files.items():
            value = {"file": name, **({"label": found} if isinstance(found, str) else {"annotations": found})}
            (outputs / f"{Path(name).stem}_annotations.json").write_text(json.dumps(value))
        folders.append(outputs)
    return folders


def box(*corners: float, label: str = "coin") -> dict[str, object]:
    return {"label": label, "box": corners}


def classes(labels: str) -> dict[str, str]:
    return {f"{index}.png": {"c": "coin", "b": "bolt"}[letter] for index, letter in enumerate(labels)}


def test_boxes_are_matched_across_files_and_averaged_over_all_pairs(tmp_path: Path) -> None:
    first = {"a.png": [box(0, 0, 10, 10), box(50, 50, 10, 10)], "b.png": [box(0, 0, 10, 10)]}
    second = {"a.png": [box(50, 50, 10, 10), box(0, 0, 10, 8)], "b.png": []}
    found = agreement(results(tmp_path, first, second, first), asked(AnnotationType.OBJECT_DETECTION))
    assert [(pair.first, pair.second) for pair in found.pairs] == [(0, 1), (0, 2), (1, 2)]
    assert [pair.score for pair in found.pairs] == pytest.approx([0.8, 1.0, 0.8])
    assert [pair.overlap for pair in found.pairs] == pytest.approx([0.9, 1.0, 0.9])
    assert found.score == pytest.approx(2.6 / 3)
    assert found.overlap == pytest.approx(2.8 / 3)


def test_boxes_with_other_labels_or_half_apart_do_not_match(tmp_path: Path) -> None:
    first = {"a.png": [box(0, 0, 10, 10), box(30, 30, 10, 10)]}
    second = {"a.png": [box(0, 0, 10, 10, label="bolt"), box(34, 30, 10, 10)]}
    found = agreement(results(tmp_path, first, second), asked(AnnotationType.OBJECT_DETECTION))
    assert (found.score, found.overlap) == (0.0, None)


def test_each_box_is_matched_once_the_best_first() -> None:
    ours = [Box(label="coin", box=(0, 0, 10, 10))]
    theirs = [Box(label="coin", box=(0, 0, 10, 8)), Box(label="coin", box=(0, 0, 10, 9))]
    assert matched_overlaps(ours, theirs) == pytest.approx((0.9,))


def test_annotators_who_find_nothing_agree(tmp_path: Path) -> None:
    found = agreement(results(tmp_path, {"a.png": []}, {"a.png": []}), asked(AnnotationType.OBJECT_DETECTION))
    assert found.score == 1.0


def test_a_file_that_one_left_out_counts_against_them(tmp_path: Path) -> None:
    first, second = {"a.png": [box(0, 0, 9, 9)], "b.png": [box(0, 0, 9, 9)]}, {"a.png": [box(0, 0, 9, 9)]}
    found = agreement(results(tmp_path, first, second), asked(AnnotationType.OBJECT_DETECTION))
    assert found.score == pytest.approx(2 / 3)


def test_numbers_beyond_any_picture_match_nothing_and_harm_nothing(tmp_path: Path) -> None:
    wild = {"a.png": [box(1e308, 1e308, 1e308, 1e308), box(0, 0, 1e308, 1e308), box(0, 0, -5, -5), box(0, 0, 0, 0)]}
    found = agreement(results(tmp_path, wild, wild), asked(AnnotationType.OBJECT_DETECTION))
    assert math.isfinite(found.score)


@given(ours=BOXES, theirs=BOXES)
def test_matching_is_symmetric_and_bounded(ours: Sequence[Box], theirs: Sequence[Box]) -> None:
    matched = matched_overlaps(ours, theirs)
    assert sorted(matched) == pytest.approx(sorted(matched_overlaps(theirs, ours)))
    assert len(matched) <= min(len(ours), len(theirs))
    assert all(0.5 <= overlap <= 1 + 1e-9 for overlap in matched)
    assert len(matched_overlaps(ours, ours)) == len(ours)


@pytest.mark.parametrize(
    ("first", "second", "kappa"),
    [
        ("c" * 20 + "c" * 5 + "b" * 10 + "b" * 15, "c" * 20 + "b" * 5 + "c" * 10 + "b" * 15, 0.4),  # a textbook example
        ("ccbb", "ccbb", 1.0),
        ("ccbb", "bbcc", -1.0),
        ("cbcb", "ccbb", 0.0),
        ("cccc", "cccc", 1.0),
    ],
)
def test_classes_are_compared_by_cohens_kappa(tmp_path: Path, first: str, second: str, kappa: float) -> None:
    found = agreement(results(tmp_path, classes(first), classes(second)), asked(AnnotationType.CLASSIFICATION))
    assert found.score == pytest.approx(kappa)
    assert found.measure == "Cohen's kappa"


def test_spans_match_when_they_are_the_same(tmp_path: Path) -> None:
    first = {"a.txt": [{"label": "coin", "start": 0, "end": 3}, {"label": "coin", "start": 5, "end": 8}]}
    second = {"a.txt": [{"label": "coin", "start": 0, "end": 3}, {"label": "bolt", "start": 5, "end": 8}]}
    found = agreement(results(tmp_path, first, second), asked(AnnotationType.TEXT_SPAN))
    assert found.score == pytest.approx(0.5)
    assert found.overlap is None


def test_outputs_that_are_none_are_refused_with_their_place(tmp_path: Path) -> None:
    folders = results(tmp_path, {"a.png": "coin"}, {"a.png": []})
    with pytest.raises(TaskFailed, match=r"outputs/a_annotations\.json: label: is missing"):
        agreement(folders, asked(AnnotationType.CLASSIFICATION))
