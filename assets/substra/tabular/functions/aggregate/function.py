"""The mean of models."""

from pathlib import Path

import numpy as np
import substratools as tools


@tools.register
def aggregate(inputs, outputs, task_properties):
    mean = np.mean([np.load(path, allow_pickle=False) for path in inputs["shared"]], axis=0)
    with Path(outputs["shared"]).open("wb") as file:
        np.save(file, mean)


if __name__ == "__main__":
    tools.execute()
