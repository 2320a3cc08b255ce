"""How does a Keras model become files and a model again, and how are pictures read?

A model folder is ``structure.json``, ``weights.npz`` and ``info.json``: no pickle, so whoever reads a stranger's model
runs none of its code. The same file lies in every bundle that needs it, since bundles travel alone.
"""

import csv
import json
from pathlib import Path

import keras
import numpy as np

BRIGHTEST = 16.0
HELD_OUT = 5  # every fifth picture is for evaluating


def read_pictures(folders: list[Path]) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (N × 64, from 0 to 1) and their digits (N) from the ``digits.csv`` of each folder."""
    rows = []
    for folder in sorted(folders):
        with (folder / "digits.csv").open(newline="") as file:
            rows += [[int(value) for value in row] for row in csv.reader(file)]
    table = np.array(rows)
    return table[:, 1:] / BRIGHTEST, table[:, 0]


def split(pictures: np.ndarray, digits: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """What to train on, and what to evaluate with."""
    held_out = np.arange(len(digits)) % HELD_OUT == HELD_OUT - 1
    return (pictures[~held_out], digits[~held_out]), (pictures[held_out], digits[held_out])


def save_model(
    model: keras.Model, folder: Path, *, contributor: str, samples: int, accuracy: float | None = None
) -> None:
    """``samples`` is how many pictures the model was trained on: its weight when models are federated."""
    folder.mkdir(parents=True)
    info = {"name": model.name, "contributor": contributor, "samples": samples}
    if accuracy is not None:
        info["accuracy"] = round(accuracy, 6)
    (folder / "structure.json").write_text(model.to_json(indent=1))
    (folder / "info.json").write_text(json.dumps(info, indent=1) + "\n")
    arrays = {
        name: array for layer in model.layers for name, array in zip(_names(layer), layer.get_weights(), strict=True)
    }
    np.savez(folder / "weights.npz", **arrays)


def load_model(folder: Path) -> keras.Model:
    """Not compiled."""
    model = keras.models.model_from_json((folder / "structure.json").read_text())
    with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
        for layer in model.layers:
            layer.set_weights([arrays[name] for name in _names(layer)])
    return model


def samples_of(folder: Path) -> int:
    return int(json.loads((folder / "info.json").read_text())["samples"])


def _names(layer: keras.Layer) -> list[str]:
    return [f"{layer.name}/{index}_{variable.name}" for index, variable in enumerate(layer.weights)]
