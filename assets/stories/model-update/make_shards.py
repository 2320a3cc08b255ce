"""How does the story get its data? Splits the 1,797 handwritten digits inside scikit-learn into the roles' shards.

Run it once: ``python assets/stories/model-update/make_shards.py``. Each folder ``shards/<name>/`` is one data sample
with one file, ``digits.csv``: a row for each picture, the digit and then its 8×8 grey values from 0 to 16. The split is
always the same, so the samples keep their digests; what is there already is left alone.

Nobody has all digits in equal shares: contributor 1 has few of the high ones, contributor 2 few of the low ones. The
labels of contributor 3 are wrong, each one too high: what it makes of the model is what the creator has to find out.
"""

import random
from collections.abc import Iterable
from pathlib import Path

from sklearn.datasets import load_digits

START, TEST = 57, 360  # pictures
SEED = 1797

Row = tuple[int, str]  # the digit, and its grey values as they stand in the file


def make_shards(folder: Path) -> None:
    """Write the samples into `folder`."""
    for name, rows in shards().items():
        text = "".join(f"{digit},{pixels}\n" for digit, pixels in rows)
        file = folder / name / "digits.csv"
        if file.exists() and file.read_text() == text:
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        print(f"{file}: {len(rows)} pictures")


def shards() -> dict[str, list[Row]]:
    rows = shuffled_rows()
    test, start, rest = rows[:TEST], rows[TEST : TEST + START], rows[TEST + START :]
    first, second, third = (rest[index::3] for index in range(3))
    return {
        "test": test,
        "start": start,
        "1": _fewer(first, range(6, 10)),
        "2": _fewer(second, range(4)),
        "3": [((digit + 1) % 10, pixels) for digit, pixels in third],
    }


def shuffled_rows() -> list[Row]:
    digits = load_digits()
    order = list(range(len(digits.target)))
    random.Random(SEED).shuffle(order)
    return [(int(digits.target[index]), _text(digits.data[index])) for index in order]


def _text(pixels: Iterable[float]) -> str:
    return ",".join(str(int(value)) for value in pixels)


def _fewer(rows: list[Row], digits: range) -> list[Row]:
    """One in ten of the pictures that show these digits."""
    return [row for index, row in enumerate(rows) if row[0] not in digits or index % 10 == 0]


if __name__ == "__main__":
    make_shards(Path(__file__).parent / "shards")
