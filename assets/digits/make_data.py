"""How does the example get its data? Splits the 1,797 handwritten digits inside scikit-learn into sample folders.

Run it once: ``python assets/digits/make_data.py``. Each folder ``data/<name>/`` is one data sample with one file,
``digits.csv``: a row for each picture, the digit and then its 8×8 grey values from 0 to 16. The split is always the
same, so the samples keep their digests; what is there already is left alone.
"""

import random
from collections.abc import Iterator
from pathlib import Path

from sklearn.datasets import load_digits

SPLIT = {"train-0": 479, "train-1": 479, "train-2": 479, "test-0": 180, "test-1": 180}
SEED = 1797


def make_data(folder: Path) -> None:
    """Write the samples into `folder`."""
    rows = shuffled_rows()
    for name, count in SPLIT.items():
        text = "".join(next(rows) for _ in range(count))
        file = folder / name / "digits.csv"
        if file.exists() and file.read_text() == text:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        print(f"{file}: {count} pictures")


def shuffled_rows() -> Iterator[str]:
    digits = load_digits()
    order = list(range(len(digits.target)))
    random.Random(SEED).shuffle(order)
    for index in order:
        pixels = ",".join(str(int(value)) for value in digits.data[index])
        yield f"{digits.target[index]},{pixels}\n"


if __name__ == "__main__":
    make_data(Path(__file__).parent / "data")
