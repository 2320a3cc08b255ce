"""How does the creator's model get another structure? Redefined, trained and evaluated, then saved into outputs/.

Reads the one model in ``models/`` and the pictures in ``data/``.
"""

import os
from pathlib import Path

import keras
import numpy as np
import settings
from files import load_model, read_pictures, save_model, split

CONTRIBUTOR = os.environ.get("CONTRIBUTOR_ID", "engineer")
OUTPUTS = Path("outputs")


def redefine_model(model: keras.Model) -> keras.Model:
    """The same question with a wider hidden layer and one more; name, input and answer stay the creator's."""
    classes = model.output_shape[-1]
    return keras.Sequential(
        [
            keras.Input(model.input_shape[1:], name="picture"),
            keras.layers.Dense(settings.HIDDEN, activation="relu", name="hidden"),
            keras.layers.Dense(settings.HIDDEN, activation="relu", name="deeper"),
            keras.layers.Dense(classes, activation="softmax", name="digit"),
        ],
        name=model.name,
    )


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
    before = load_model(given)
    model = redefine_model(before)
    train_model(model, *training)
    accuracy = evaluate_model(model, *evaluation)
    folder = OUTPUTS / f"{model.name}_{CONTRIBUTOR}"
    save_model(model, folder, contributor=CONTRIBUTOR, samples=len(training[1]), accuracy=accuracy)
    print(f"{folder}: {before.count_params()} weights became {model.count_params()}")
    print(f"trained on {len(training[1])} pictures, accuracy {accuracy:.4f} on {len(evaluation[1])} others")


if __name__ == "__main__":
    main()
