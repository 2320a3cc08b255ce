"""Small model folders in Keras' format for the tests of averaging."""

import json
from pathlib import Path
from typing import Any

import numpy as np

Arrays = dict[str, Any]


def arrays(value: float = 1.0, *, units: int = 2) -> Arrays:
    return {
        "hidden/0_kernel": np.full((3, units), value, dtype=np.float32),
        "hidden/1_bias": np.full(units, -value, dtype=np.float32),
    }


def structure(*, units: int = 2, trainable: bool = True, layers: tuple[str, ...] = ("input", "hidden")) -> Any:
    return {
        "class_name": "Sequential",
        "config": {
            "layers": [
                {"class_name": "Dense", "config": {"name": name, "units": units, "trainable": trainable}}
                for name in layers
            ]
        },
    }


def model_folder(
    folder: Path,
    weights: Arrays | None = None,
    *,
    info: Any = None,
    samples: int = 10,
    shape: Any = None,
) -> Path:
    folder.mkdir(parents=True)
    output = (
        {"name": "digits", "contributor": folder.name, "samples": samples, "accuracy": 0.5} if info is None else info
    )
    (folder / "info.json").write_text(json.dumps(output))
    (folder / "structure.json").write_text(json.dumps(structure() if shape is None else shape))
    np.savez(folder / "weights.npz", **(arrays() if weights is None else weights))
    return folder
