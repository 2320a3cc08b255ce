"""How does the first model come about, and how do the contributors' models become one?

model_creator.py create                    trains on data/*/ and saves outputs/<name>_<contributor id>/
model_creator.py evaluate MODEL DATA…      prints the accuracy of a model folder
model_creator.py federate TARGET MODEL…    averages the accepted model folders into TARGET
"""

import argparse
import os
from pathlib import Path

import keras
import numpy as np
import settings
from files import load_model, read_pictures, samples_of, save_model, split

CONTRIBUTOR = os.environ.get("CONTRIBUTOR_ID", "creator")
OUTPUTS = Path("outputs")


def create_model() -> keras.Model:
    """One hidden layer: enough for engineers to improve on."""
    return keras.Sequential(
        [
            keras.Input((settings.PIXELS,), name="picture"),
            keras.layers.Dense(settings.HIDDEN, activation="relu", name="hidden"),
            keras.layers.Dense(settings.CLASSES, activation="softmax", name="digit"),
        ],
        name=settings.MODEL_NAME,
    )


def compile_model(model: keras.Model) -> None:
    model.compile(
        optimizer=keras.optimizers.Adam(settings.LEARNING_RATE),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )


def train_model(model: keras.Model, pictures: np.ndarray, digits: np.ndarray) -> None:
    model.fit(pictures, digits, epochs=settings.EPOCHS, batch_size=settings.BATCH, verbose=0)


def evaluate_model(model: keras.Model, pictures: np.ndarray, digits: np.ndarray) -> float:
    """The share of pictures whose digit is told right."""
    told = np.argmax(model(pictures), axis=1)
    return float(np.mean(told == digits))


def federate_results(folders: list[Path]) -> keras.Model:
    """The mean of each weight over models of one structure, weighted by the pictures they were trained on."""
    counts = [samples_of(folder) for folder in folders]
    weights = [load_model(folder).get_weights() for folder in folders]
    model = load_model(folders[0])
    model.set_weights([np.average(same, axis=0, weights=counts) for same in zip(*weights, strict=True)])
    return model


def create() -> None:
    keras.utils.set_random_seed(settings.SEED)
    training, evaluation = split(*read_pictures(list(Path("data").iterdir())))
    model = create_model()
    compile_model(model)
    train_model(model, *training)
    accuracy = evaluate_model(model, *evaluation)
    folder = OUTPUTS / f"{model.name}_{CONTRIBUTOR}"
    save_model(model, folder, contributor=CONTRIBUTOR, samples=len(training[1]), accuracy=accuracy)
    print(f"{folder}: trained on {len(training[1])} pictures, accuracy {accuracy:.4f} on {len(evaluation[1])} others")


def evaluate(folder: Path, data: list[Path]) -> None:
    model = load_model(folder)
    pictures, digits = read_pictures(data)
    print(f"{folder}: accuracy {evaluate_model(model, pictures, digits):.4f} on {len(digits)} pictures")


def federate(target: Path, folders: list[Path]) -> None:
    model = federate_results(folders)
    samples = sum(samples_of(folder) for folder in folders)
    save_model(model, target, contributor="federated", samples=samples)
    print(f"{target}: {len(folders)} models of {samples} pictures")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["create", "evaluate", "federate"])
    parser.add_argument("paths", nargs="*", type=Path)
    arguments = parser.parse_args()
    if arguments.what == "create":
        create()
    elif len(arguments.paths) < 2:
        parser.error(f"{arguments.what} needs two folders or more")
    elif arguments.what == "evaluate":
        evaluate(arguments.paths[0], arguments.paths[1:])
    else:
        federate(arguments.paths[0], arguments.paths[1:])


if __name__ == "__main__":
    main()
