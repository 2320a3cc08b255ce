"""A composite of two layers: the trunk finds features of pictures, the head of each node tells digits by them."""

from pathlib import Path

import numpy as np
import substratools as tools

FEATURES, DIGITS, BRIGHTEST = 32, 10, 16.0
STEPS, RATE = 300, 0.5


class TwoLayers(tools.CompositeAlgo):
    def train(self, X, y, head_model, trunk_model, rank):
        pictures, wanted = np.array(X) / BRIGHTEST, np.eye(DIGITS)[y]
        random = np.random.default_rng(1797)
        features = trunk_model["weights"] if trunk_model else random.normal(0, 0.1, (64, FEATURES))
        digits = head_model["weights"] if head_model else np.zeros((FEATURES, DIGITS))
        for _ in range(STEPS):
            seen = np.tanh(pictures @ features)
            wrong = (_softmax(seen @ digits) - wanted) / len(pictures)
            back = (wrong @ digits.T) * (1 - seen**2)
            digits = digits - RATE * seen.T @ wrong
            features = features - RATE * pictures.T @ back
        print(f"rank {rank}: {np.mean(np.argmax(np.tanh(pictures @ features) @ digits, axis=1) == y):.3f} on its data")
        return {"weights": digits}, {"weights": features}

    def predict(self, X, head_model, trunk_model):
        seen = np.tanh(np.array(X) / BRIGHTEST @ trunk_model["weights"])
        return np.argmax(seen @ head_model["weights"], axis=1).tolist()

    def load_head_model(self, path):
        return {"weights": np.load(path, allow_pickle=False)}  # substratools asks whether there is one: no bare array

    def save_head_model(self, model, path):
        with Path(path).open("wb") as file:
            np.save(file, model["weights"])

    def load_trunk_model(self, path):
        return self.load_head_model(path)

    def save_trunk_model(self, model, path):
        self.save_head_model(model, path)


def _softmax(values):
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    tools.algo.execute(TwoLayers())
