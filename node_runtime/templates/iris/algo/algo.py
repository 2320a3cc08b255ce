"""Softmax regression by gradient descent, with nothing but the standard library.

    algo.py train [IN-MODEL…]      fits, starting from the in-model if there is one, and writes model/model
    algo.py predict MODEL          writes pred/pred
    algo.py aggregate IN-MODEL…    writes the mean of the models to model/model

The task's parameters may have ``rate``, the length of a step, and ``rounds``, how many there are. A model is JSON: for
each species a weight of each length, and a bias.
"""

import argparse
import json
import math
from pathlib import Path

import opener

PARAMETERS = Path("/sandbox/parameters.json")  # there if the task has any
MODELS = Path("/sandbox/model")
PREDICTIONS = Path("/sandbox/pred/pred")
SPECIES = ("setosa", "versicolor", "virginica")
CENTRE = (5.8, 3.1, 3.8, 1.2)  # cm, about the mean of each length

Model = list[list[float]]


def train(model: Model, *, rate: float, rounds: int) -> Model:
    flowers, truth = scaled(opener.get_X()), [SPECIES.index(name) for name in opener.get_y()]
    for _ in range(rounds):
        slopes = [[0.0] * 5 for _ in SPECIES]
        for flower, true in zip(flowers, truth, strict=True):
            for index, chance in enumerate(chances(model, flower)):
                error = chance - (index == true)
                slopes[index] = [slope + error * value for slope, value in zip(slopes[index], flower, strict=True)]
        model = [
            [weight - rate * slope / len(flowers) for weight, slope in zip(*pair, strict=True)]
            for pair in zip(model, slopes, strict=True)
        ]
    print(f"trained on {len(flowers)} flowers, {rounds} rounds at rate {rate}")
    return model


def predict(model: Model) -> list[str]:
    found = [chances(model, flower) for flower in scaled(opener.get_X())]
    return [SPECIES[each.index(max(each))] for each in found]


def mean(models: list[Model]) -> Model:
    return [[sum(weights) / len(models) for weights in zip(*rows, strict=True)] for rows in zip(*models, strict=True)]


def chances(model: Model, flower: list[float]) -> list[float]:
    scores = [sum(weight * value for weight, value in zip(row, flower, strict=True)) for row in model]
    powers = [math.exp(score - max(scores)) for score in scores]
    return [power / sum(powers) for power in powers]


def scaled(flowers: list[list[float]]) -> list[list[float]]:
    """Return the lengths about zero, and a one that the bias is multiplied by."""
    return [[*(value - middle for value, middle in zip(flower, CENTRE, strict=True)), 1.0] for flower in flowers]


def load(key: str) -> Model:
    model: Model = json.loads((MODELS / key).read_text())
    return model


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["train", "predict", "aggregate"])
    parser.add_argument("models", nargs="*", metavar="MODEL")
    parser.add_argument("--rank", type=int, default=0)
    arguments = parser.parse_args()
    given = {"rate": 0.3, "rounds": 200} | (json.loads(PARAMETERS.read_text()) if PARAMETERS.exists() else {})
    models = [load(key) for key in arguments.models]
    if arguments.task == "predict":
        opener.save_predictions(predict(models[0]), PREDICTIONS)
        return
    if arguments.task == "train":
        begun = models[0] if models else [[0.0] * 5 for _ in SPECIES]
        made = train(begun, rate=given["rate"], rounds=given["rounds"])
    else:
        made = mean(models)
    (MODELS / "model").write_text(json.dumps(made))


if __name__ == "__main__":
    main()
