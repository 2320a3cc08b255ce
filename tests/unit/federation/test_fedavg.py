"""The average of models is the weighted mean; incompatible models are refused by name."""

import json
from pathlib import Path

import numpy as np
import pytest

from node_runtime.federation import fedavg
from node_runtime.federation.model_folder import ModelContents, ModelRefused, read_info, read_weights, write_model
from tests.unit.federation.model_folders import arrays, model_folder, structure


def federate(folders: list[Path]) -> ModelContents:
    return fedavg.federate({folder.name: folder for folder in folders})


def test_every_weight_is_the_mean_weighted_by_samples(tmp_path: Path) -> None:
    folders = [
        model_folder(tmp_path / "a", arrays(1.0), samples=30),
        model_folder(tmp_path / "b", arrays(5.0), samples=10),
    ]
    model = federate(folders)
    assert model.weights["hidden/0_kernel"].tolist() == [[2.0, 2.0]] * 3
    assert model.weights["hidden/1_bias"].tolist() == [-2.0, -2.0]
    assert model.weights["hidden/0_kernel"].dtype == np.float32
    assert model.info.samples == 40
    assert model.info.name == "digits"


def test_small_differences_are_not_lost_in_the_sum(tmp_path: Path) -> None:
    """A float32 sum of 16 such numbers differs."""
    value = np.float32(0.1)
    folders = [model_folder(tmp_path / str(n), {"hidden/0_kernel": np.full(3, value)}, samples=7) for n in range(16)]
    assert federate(folders).weights["hidden/0_kernel"].tolist() == [float(value)] * 3


def test_one_model_is_its_own_average(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "a", arrays(0.3))
    assert np.array_equal(federate([folder]).weights["hidden/0_kernel"], arrays(0.3)["hidden/0_kernel"])


def test_the_same_models_give_the_same_bytes_and_can_be_read_again(tmp_path: Path) -> None:
    folders = [model_folder(tmp_path / name, arrays(value), samples=3) for name, value in (("a", 0.1), ("b", 0.7))]
    for target in ("one", "two"):
        write_model(federate(folders), tmp_path / target)
    for name in ("structure.json", "weights.npz", "info.json"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert read_info(tmp_path / "one").samples == 6
    assert list(read_weights(tmp_path / "one")) == ["hidden/0_kernel", "hidden/1_bias"]
    assert json.loads((tmp_path / "one/structure.json").read_text()) == structure()
    with np.load(tmp_path / "one/weights.npz", allow_pickle=False) as loaded:
        assert loaded["hidden/0_kernel"] == pytest.approx(np.full((3, 2), 0.4))


def test_averages_can_be_averaged_again(tmp_path: Path) -> None:
    write_model(federate([model_folder(tmp_path / "a", arrays(1.0), samples=30)]), tmp_path / "first")
    model = federate([tmp_path / "first", model_folder(tmp_path / "b", arrays(5.0), samples=10)])
    assert model.weights["hidden/1_bias"].tolist() == [-2.0, -2.0]


def test_a_frozen_layer_is_no_other_structure(tmp_path: Path) -> None:
    folders = [model_folder(tmp_path / "a"), model_folder(tmp_path / "b", shape=structure(trainable=False))]
    assert federate(folders).info.samples == 20


def test_whole_numbers_that_are_the_same_are_kept(tmp_path: Path) -> None:
    counted = arrays() | {"hidden/2_count": np.array([4, 2])}
    folders = [model_folder(tmp_path / name, counted) for name in "ab"]
    assert federate(folders).weights["hidden/2_count"].tolist() == [4, 2]


DIFFERENT_STRUCTURES = [
    (structure(units=3), "layer input", "units is 3, but 2 in a"),
    (structure(layers=("input", "middle", "hidden")), "layer middle", "a has hidden in this place"),
    (structure(layers=("input", "hidden", "more")), "layer more", "it isn't in a"),
    (structure(layers=("input",)), "layer hidden", "it is in a, but not here"),
    ({"class_name": "Sequential"}, "layer input", "it is in a, but not here"),
]


@pytest.mark.parametrize(("shape", "place", "reason"), DIFFERENT_STRUCTURES)
def test_another_structure_is_refused_naming_its_first_layer(
    tmp_path: Path, shape: object, place: str, reason: str
) -> None:
    folders = [model_folder(tmp_path / "a"), model_folder(tmp_path / "b", shape=shape)]
    with pytest.raises(ModelRefused) as refused:
        federate(folders)
    assert refused.value.place == f"b: structure.json: {place}"
    assert refused.value.reason == reason


def test_a_layer_of_a_model_inside_the_model_is_named_by_its_path(tmp_path: Path) -> None:
    def around(units: int) -> object:
        inner = structure(units=units)
        return {"class_name": "Sequential", "config": {"layers": [{**inner, "name": "encoder"}]}}

    nested = {"encoder/hidden/0_kernel": np.zeros(2, dtype=np.float32)}
    folders = [model_folder(tmp_path / name, nested, shape=around(units)) for name, units in (("a", 2), ("b", 4))]
    with pytest.raises(ModelRefused, match="layer encoder/input: units is 4, but 2 in a"):
        federate(folders)


def test_other_weights_are_refused_naming_the_array(tmp_path: Path) -> None:
    first = model_folder(tmp_path / "first")
    kernel, bias = arrays()["hidden/0_kernel"], arrays()["hidden/1_bias"]
    wrong = {
        "missing": ({"hidden/0_kernel": kernel}, "hidden/1_bias: it is in first, but not here"),
        "surplus": (arrays() | {"hidden/2_more": bias}, "hidden/2_more: it isn't in first"),
        "shape": (arrays(units=3), r"hidden/0_kernel: its shape is \(3, 3\), but \(3, 2\) in first"),
        "kind": ({"hidden/0_kernel": kernel.astype("f8"), "hidden/1_bias": bias}, "float64, but float32 in first"),
    }
    for name, (weights, message) in wrong.items():
        with pytest.raises(ModelRefused, match=f"^{name}: weights.npz: .*{message}"):
            federate([first, model_folder(tmp_path / name, weights)])


def test_weights_of_no_layer_are_refused(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "a", {"hidden2/0_kernel": np.zeros(2, dtype=np.float32)})
    with pytest.raises(ModelRefused, match=r"hidden2/0_kernel: structure.json has no layer for it"):
        federate([folder])


def test_no_models_have_no_average() -> None:
    with pytest.raises(ModelRefused, match="there are none"):
        federate([])
