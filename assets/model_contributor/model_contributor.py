"""How does a contributor train the creator's model on new data? On, from the weights it came with.

Reads the one model in ``models/`` and the pictures in ``data/``; writes ``outputs/<name>_<contributor id>/``.
"""

import os
from pathlib import Path

import keras
import numpy as np
import settings
from files import load_model, read_pictures, save_model, split

CONTRIBUTOR = os.environ.get("CONTRIBUTOR_ID", "contributor")
OUTPUTS = Path("outputs")


def train_model(model: keras.Model, pictures: np.ndarray, digits: np.ndarray) -> None:
    model.compile(
        optimizer=keras.optimizers.Adam(settings.LEARNING_RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(pictures, digits, epochs=settings.EPOCHS, batch_size=settings.BATCH, verbose=0)


def evaluate_model(model: keras.Model, pictures: np.ndarray, digits: np.ndarray) -> float:
    """The share of pictures whose digit is told right."""
    told = np.argmax(model(pictures), axis=1)
    return float(np.mean(told == digits))


def main() -> None:
    keras.utils.set_random_seed(settings.SEED)
    (given,) = Path("models").iterdir()
    training, evaluation = split(*read_pictures(list(Path("data").iterdir())))
    model = load_model(given)
    train_model(model, *training)
    accuracy = evaluate_model(model, *evaluation)
    folder = OUTPUTS / f"{model.name}_{CONTRIBUTOR}"
    save_model(model, folder, contributor=CONTRIBUTOR, samples=len(training[1]), accuracy=accuracy)
    print(f"{folder}: trained on {len(training[1])} pictures, accuracy {accuracy:.4f} on {len(evaluation[1])} others")


if __name__ == "__main__":
    main()
