"""Charts are read from well-known keys of an untrusted perf.json; what is none is left out with the reason."""

import pytest
from pydantic import JsonValue

from node_runtime.creator.perf_charts import MOST_CLASSES, MOST_CURVES, Confusion, Curve, charts_of


def test_the_well_known_keys_are_read() -> None:
    charts = charts_of(
        {
            "all": 0.9,
            "confusion_matrix": [[3, 1], [0, 4.5]],
            "labels": ["cat", "dog"],
            "roc": {"fpr": [0, 0.5, 1], "tpr": [0, 0.9, 1]},
            "learning_curves": {"loss": [2, 1.5], "accuracy": [0.5, 0.75]},
        }
    )
    assert charts.confusion == Confusion(labels=("cat", "dog"), counts=((3, 1), (0, 4.5)))
    assert charts.roc == (Curve(name="", x=(0, 0.5, 1), y=(0, 0.9, 1)),)
    assert charts.learning == (
        Curve(name="loss", x=(1, 2), y=(2, 1.5)),
        Curve(name="accuracy", x=(1, 2), y=(0.5, 0.75)),
    )
    assert charts.troubles == ()


def test_roc_curves_may_have_names_and_classes_none() -> None:
    curves: JsonValue = {name: {"fpr": [0, 1], "tpr": [0, 1]} for name in ("cat", "dog")}
    charts = charts_of({"roc": curves, "confusion_matrix": [[1, 0], [0, 1]]})
    assert [one.name for one in charts.roc] == ["cat", "dog"]
    assert charts.confusion is not None
    assert charts.confusion.labels == ("0", "1")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("confusion_matrix", [[1, 2], [3]], "it is not square"),
        ("confusion_matrix", [[1, -2], [3, 4]], "0.1: Input should be greater than or equal to 0"),
        ("confusion_matrix", [[10**400]], "0.0: "),
        ("confusion_matrix", "none", "Input should be a valid tuple"),
        ("confusion_matrix", [], "at least 1"),
        ("confusion_matrix", [[0] * (MOST_CLASSES + 1)] * (MOST_CLASSES + 1), f"at most {MOST_CLASSES}"),
        ("roc", {"fpr": [0, 1], "tpr": [0, 0.5, 1]}, "as many fpr as tpr are needed"),
        ("roc", {"cat": {"fpr": [0, 2], "tpr": [0, 1]}}, "cat.fpr.1: Input should be less than or equal to 1"),
        ("roc", [], "valid dictionary"),
        ("learning_curves", {"loss": ["low"]}, "loss.0: Input should be a valid number"),
        ("learning_curves", {str(number): [1] for number in range(MOST_CURVES + 1)}, f"at most {MOST_CURVES}"),
        ("learning_curves", {"x" * 41: [1]}, "at most 40 characters"),
    ],
)
def test_what_is_no_chart_is_left_out_with_the_reason(key: str, value: JsonValue, reason: str) -> None:
    good: dict[str, JsonValue] = {
        "confusion_matrix": [[1]],
        "roc": {"fpr": [0, 1], "tpr": [0, 1]},
        "learning_curves": {"loss": [1]},
    }
    charts = charts_of({**good, key: value})
    (trouble,) = charts.troubles
    assert trouble.startswith(f"perf.json: {key} can't be drawn: ")
    assert reason in trouble
    assert sum((charts.confusion is not None, bool(charts.roc), bool(charts.learning))) == 2


def test_as_many_labels_as_classes_are_needed() -> None:
    (trouble,) = charts_of({"confusion_matrix": [[1, 0], [0, 1]], "labels": ["one"]}).troubles
    assert trouble.endswith("1 labels for 2 classes")
