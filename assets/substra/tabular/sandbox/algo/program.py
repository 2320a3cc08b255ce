"""Logistic regression of tumours: some steps of gradient descent a round, from the mean of the round before.

A model is an array: a weight for each measurement, then the intercept. It counts in the measurements' own units, so
that models of hospitals with different patients can be averaged; each trains in units of its own patients' spread.
"""

from pathlib import Path

import numpy as np
import substratools as tools

STEPS, RATE = 5, 0.2


class Regression(tools.Algo):
    def train(self, X, y, models, rank):
        rows, wanted = np.array(X), np.array(y)
        mean, spread = rows.mean(axis=0), rows.std(axis=0)
        start = models[0] if models else np.zeros(rows.shape[1] + 1)
        weights, intercept = start[:-1] * spread, start[-1] + start[:-1] @ mean
        scaled = (rows - mean) / spread
        for _ in range(STEPS):
            wrong = (_sigmoid(scaled @ weights + intercept) - wanted) / len(rows)
            weights, intercept = weights - RATE * scaled.T @ wrong, intercept - RATE * wrong.sum()
        weights = weights / spread
        model = np.append(weights, intercept - weights @ mean)
        right = np.mean((rows @ model[:-1] + model[-1] > 0) == wanted)
        print(f"rank {rank}: {right:.3f} of its own tumours told right")
        return model

    def predict(self, X, model):
        return (np.array(X) @ model[:-1] + model[-1] > 0).astype(int).tolist()

    def load_model(self, path):
        return np.load(path, allow_pickle=False)

    def save_model(self, model, path):
        with Path(path).open("wb") as file:
            np.save(file, model)


def _sigmoid(values):
    return 1 / (1 + np.exp(-values))


if __name__ == "__main__":
    tools.algo.execute(Regression())
