"""A composite of two layers: the shared trunk finds features of pictures, the local head tells digits by them."""

from pathlib import Path

import numpy as np
import substratools as tools

FEATURES, DIGITS, BRIGHTEST = 32, 10, 16.0
STEPS, RATE = 300, 0.5


@tools.register
def train(inputs, outputs, task_properties):
    pictures = np.array(inputs["datasamples"]["x"]) / BRIGHTEST
    wanted = np.eye(DIGITS)[inputs["datasamples"]["y"]]
    head = _load(inputs.get("local"), np.zeros((FEATURES, DIGITS)))
    trunk = _load(inputs.get("shared"), np.random.default_rng(1797).normal(0, 0.1, (64, FEATURES)))
    for _ in range(STEPS):
        seen = np.tanh(pictures @ trunk)
        wrong = (_softmax(seen @ head) - wanted) / len(pictures)
        back = (wrong @ head.T) * (1 - seen**2)
        head, trunk = head - RATE * seen.T @ wrong, trunk - RATE * pictures.T @ back
    for name, array in (("local", head), ("shared", trunk)):
        with Path(outputs[name]).open("wb") as file:
            np.save(file, array)


def _load(path, start):
    return start if path is None else np.load(path, allow_pickle=False)


def _softmax(values):
    raised = np.exp(values - values.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    tools.execute()
