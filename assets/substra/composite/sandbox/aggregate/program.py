"""The mean of trunks."""

from pathlib import Path

import numpy as np
import substratools as tools


class Mean(tools.AggregateAlgo):
    def aggregate(self, models, rank):
        return np.mean(models, axis=0)

    def load_model(self, path):
        return np.load(path, allow_pickle=False)

    def save_model(self, model, path):
        with Path(path).open("wb") as file:
            np.save(file, model)


if __name__ == "__main__":
    tools.algo.execute(Mean())
