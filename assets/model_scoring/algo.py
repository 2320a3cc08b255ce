"""Which digits does a model folder see? ``predict KEY`` asks the model ``/sandbox/model/KEY``, writes ``pred/pred``."""

import argparse
from pathlib import Path

import numpy as np
import opener
from files import BRIGHTEST, load_model

MODELS = Path("/sandbox/model")
PREDICTIONS = Path("/sandbox/pred/pred")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["predict"])
    parser.add_argument("model", metavar="KEY")
    arguments = parser.parse_args()
    model = load_model(MODELS / arguments.model)
    pictures = np.array(opener.get_X(), dtype=float) / BRIGHTEST
    digits = np.argmax(model(pictures), axis=1)
    opener.save_predictions(digits.tolist(), PREDICTIONS)
    print(f"{model.name}: {model.count_params()} weights, {len(digits)} pictures")


if __name__ == "__main__":
    main()
