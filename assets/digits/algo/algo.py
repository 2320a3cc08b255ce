"""What does this algo do? Logistic regression on pictures of digits: train, predict, and average models.

    algo.py train [IN-MODEL…]      fits, starting from the in-model if there is one, and writes model/model
    algo.py predict MODEL          writes pred/pred
    algo.py aggregate IN-MODEL…    writes the mean of the models to model/model

The task may have a parameter ``C``, how freely the regression follows the data.

A model is a .npz file with ``coefficients`` (10 × 64) and ``intercepts`` (10), read without pickle: whoever trained it
can't run code here.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import opener

MODELS = Path("/sandbox/model")
PREDICTIONS = Path("/sandbox/pred/pred")
PARAMETERS = Path("/sandbox/parameters.json")  # there if the task has any
BRIGHTEST = 16.0
DIGITS = np.arange(10)

Model = tuple[np.ndarray, np.ndarray]


def train(start: Model | None) -> Model:
    # imported here, because predicting does without it and so starts a second earlier
    from sklearn.linear_model import LogisticRegression

    parameters = json.loads(PARAMETERS.read_text()) if PARAMETERS.exists() else {}
    regression = LogisticRegression(C=parameters.get("C", 0.5), max_iter=200, warm_start=True)
    if start is not None:
        regression.classes_ = DIGITS
        regression.coef_, regression.intercept_ = start
    regression.fit(pictures(), opener.get_y())
    if len(regression.classes_) != len(DIGITS):
        raise SystemExit(f"the data shows only the digits {regression.classes_}: name more samples under 'data'")
    print(f"trained on {len(opener.get_y())} pictures in {regression.n_iter_[0]} iterations, with C = {regression.C}")
    return regression.coef_, regression.intercept_


def predict(model: Model) -> list[int]:
    coefficients, intercepts = model
    found: list[int] = DIGITS[np.argmax(pictures() @ coefficients.T + intercepts, axis=1)].tolist()
    return found


def aggregate(models: list[Model]) -> Model:
    return np.mean([one for one, _ in models], axis=0), np.mean([one for _, one in models], axis=0)


def pictures() -> np.ndarray:
    return np.array(opener.get_X(), dtype=float) / BRIGHTEST


def load(key: str) -> Model:
    with np.load(MODELS / key, allow_pickle=False) as arrays:
        return arrays["coefficients"], arrays["intercepts"]


def save(model: Model) -> None:
    coefficients, intercepts = model
    with (MODELS / "model").open("wb") as file:
        np.savez(file, coefficients=coefficients, intercepts=intercepts)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["train", "predict", "aggregate"])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--rank", type=int, default=0)
    arguments = parser.parse_args()
    models = [load(key) for key in arguments.models]
    if arguments.task == "train":
        save(train(models[0] if models else None))
    elif arguments.task == "predict":
        opener.save_predictions(predict(models[0]), PREDICTIONS)
    else:
        save(aggregate(models))


if __name__ == "__main__":
    main()
